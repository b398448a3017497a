from __future__ import annotations

import json
import os
from functools import cache

import pytest
import streamlit as st
from streamlit.components.v2 import manifest_scanner

from indexer import AttendConfig, IdentifyConfig, attend, make_map
from indexer.collection.build import build
from indexer.people.enroll import enroll
from tests.app.browser import chromium, command_of, free_port, served, watched
from tests.app.page import started
from tests.app.runs import write_run
from tests.conftest import FAST, draw, fill
from tests.people import FAST as ENROLLED
from tests.people import calibrate_by_hand, photograph


@pytest.fixture(scope="session")
def gallery(tmp_path_factory):
    """An index of 40 drawn pictures, `label{n % 3}/{n:04d}.png`, which tests do not change."""
    folder = tmp_path_factory.mktemp("app")
    fill(folder / "pictures", 40)
    build(folder / "pictures", folder / "photos.index", FAST)
    return folder / "photos.index"


@pytest.fixture(scope="session")
def gallery_address(gallery, tmp_path_factory):
    """The address of an app that serves the gallery to every browser test of this process."""
    with served(gallery, tmp_path_factory.mktemp("home")) as address:
        yield address


@pytest.fixture(scope="session")
def workbench(tmp_path_factory):
    """A folder with all that pages show: an index of 14 pictures with copies, a calibration, a name, a map; runs."""
    folder = tmp_path_factory.mktemp("workbench")
    fill(folder / "pictures", 12)
    for number in (3, 4):
        draw(number).save(folder / "pictures" / "label0" / f"copy of {number}.png")
    build(folder / "pictures", folder / "photos.index", FAST)
    calibrate_by_hand(folder / "photos.index")
    make_map(folder / "photos.index")
    enroll(folder / "photos.index", "Ada", [photograph(folder / "references", 1)], ENROLLED)
    photograph(folder / "camera", 5)
    config = AttendConfig(once=True, identify=IdentifyConfig(threshold=0.01))
    attend(folder / "camera", folder / "photos.index", folder / "visits.csv", config)
    write_run(folder / "runs", "finished")
    write_run(folder / "runs", "growing", finished=False, report=False)
    (folder / "runs" / "growing" / "writer.json").write_text(json.dumps({"process": os.getpid()}))
    return folder


@pytest.fixture(scope="session")
def workbench_address(workbench, tmp_path_factory):
    """The address of an app that serves the workbench, and may change its index."""
    index = workbench / "photos.index"
    options = ["--runs", str(workbench / "runs"), "--log", str(workbench / "visits.csv"), "--manage"]
    command = [*command_of(index, free_port()), *options]
    with served(index, tmp_path_factory.mktemp("home"), command=command) as address:
        yield address


@pytest.fixture(scope="module")
def browser():
    """A browser per file: while one is open, its event loop keeps asyncio from running another."""
    with chromium() as browser:
        yield browser


@pytest.fixture
def page(browser):
    """An empty page of the browser, see `watched`."""
    with watched(browser.new_page()) as page:
        yield page


@pytest.fixture(autouse=True, scope="session")
def _components_found_once():
    """Streamlit looks for components in all installed packages for each page that a test starts: a quarter second."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(manifest_scanner, "scan_component_manifests", cache(manifest_scanner.scan_component_manifests))
        yield


@pytest.fixture(autouse=True)
def _thumbnails_elsewhere(tmp_path, monkeypatch):
    """Keep thumbnails out of the cache folder of whoever runs the tests, and wait for them on a busy machine."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr("app_parts.tiles.WAIT_SECONDS", 60.0)


@pytest.fixture(autouse=True)
def _no_index_left_open():
    """Clear Streamlit's caches, which otherwise live as long as the process."""
    yield
    st.cache_resource.clear()


@pytest.fixture
def app(gallery, monkeypatch):
    monkeypatch.setenv("TWINLENS_INDEX", str(gallery))
    return started()


@pytest.fixture
def own(pictures, index, monkeypatch):
    """A collection of 12 pictures and its index, which a test may change; yields the folder and a rebuild function."""
    monkeypatch.setenv("TWINLENS_INDEX", str(index))
    return pictures, lambda: build(pictures, index, FAST)
