from __future__ import annotations

import pytest
import streamlit as st

from indexer.collection.build import build
from tests.app.page import started
from tests.conftest import FAST, fill


@pytest.fixture(scope="session")
def gallery(tmp_path_factory):
    """An index of 40 drawn pictures, `label{n % 3}/{n:04d}.png`, which tests do not change."""
    folder = tmp_path_factory.mktemp("app")
    fill(folder / "pictures", 40)
    build(folder / "pictures", folder / "photos.index", FAST)
    return folder / "photos.index"


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
