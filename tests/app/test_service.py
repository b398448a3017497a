"""The app in front of a service: its pages show what they show of the same index on this machine, and open no path."""

from __future__ import annotations

import builtins
import io
import json
import os
import traceback
import zipfile

import httpx
import pytest
import streamlit as st
from PIL import Image

from app_parts import archive, service_index
from app_parts.arguments import arguments_or_exit
from app_parts.map.area import area_text
from app_parts.map.tables import archive_of, csv_of, json_of
from app_parts.search import settings
from app_parts.shared_index import opened_service
from app_parts.tiles import TILE, file_tile, thumbnails
from search import open_index
from search.client import Client, ServiceError
from search.client.endpoint import KEY, check_url, key_of_environment
from search.errors import DataError
from tests.app.network import URL, use
from tests.app.page import click, jpeg, neighbours, offered, sound, started, texts, upload
from tests.conftest import draw
from tests.service.conftest import OverAsgi, config_of, make_collection, running, small_limits

PAGES = ["search", "map", "compare", "duplicates", "people", "index"]


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """The machine of the service, whose index and pictures no test of this file opens by their paths."""
    folder = tmp_path_factory.mktemp("service")
    make_collection(folder)
    return folder


@pytest.fixture(scope="module")
def service(place):
    with running(config_of(place / "photos.index", refresh_seconds=0.05)) as service:
        yield service


@pytest.fixture
def network(service, monkeypatch):
    return use(service, monkeypatch)


def of_this_machine(place, monkeypatch):
    monkeypatch.setattr("sys.argv", ["app.py", "--index", str(place / "photos.index")])
    st.cache_resource.clear()


def seen(page):
    """What a page says, and what it offers, without the times that a search took."""
    said = [each.value for each in [*page.text, *page.markdown, *page.caption, *page.error, *page.info, *page.title]]
    said = [text for text in said if not any(word in text for word in (" ms", "ervice", "ommand line"))]
    return said, neighbours(page), offered(page), len(page.get("imgs"))


ADDRESSES = [
    ("search", {}),
    ("search", {"page": "1", "label": "label1"}),
    ("search", {"where": "price < 1.5 or sold = true", "f.stock": "1..9000000000000"}),
    ("search", {"where": "no such ("}),
    ("search", {"picture": "3", "k": "6"}),
    ("search", {"picture": "3", "collapse": "true", "radius": "1.2", "diversity": "0.3"}),
    ("search", {"picture": "3", "with": "9,12", "weights": "9:2", "without": "4"}),
    ("search", {"picture": "3", "liked": "5", "disliked": "11", "same": "true"}),
    ("search", {"picture": "3", "crop": "0.1,0.1,0.8,0.9"}),
    ("search", {"picture": "7", "text": "words"}),
    ("search", {"full": "3"}),
    ("map", {"by": "price"}),
    ("compare", {}),
    ("compare", {"a": "3", "b": "9"}),
    ("compare", {"a": "3", "b": "9", "why": "true"}),
    ("people", {}),
    ("people", {"tab": "Enrolled"}),
]


@pytest.mark.parametrize(("at", "address"), ADDRESSES, ids=str)
def test_a_page_shows_what_it_shows_of_the_same_index_here(at, address, network, place, monkeypatch):
    there = seen(started(at, **address))
    assert network.asked
    of_this_machine(place, monkeypatch)
    here = seen(started(at, **address))
    assert there[1:] == here[1:]
    assert there[0] == here[0]


def test_reference_pictures_come_from_the_service(network):
    page = started("people", tab="Enrolled")
    asked = [each for each in network.asked if "reference" in each]
    assert len(asked) == len(opened_service(URL, None).engine.identities())
    assert not [each for each in page.caption if "unreadable" in each.value]


def test_heat_maps_of_an_upload_come_from_the_service(network):
    page = upload(started(), "mine.jpg", jpeg(draw(5, (90, 60))))
    page = click(page, f"why-{neighbours(page)[0]}")
    assert not page.error
    assert "makes the two pictures similar" in texts(page)
    assert sum("explain" in each for each in network.asked) == 1


def test_an_uploaded_picture_is_searched_in_the_service(network, place, monkeypatch):
    data = jpeg(draw(5, (90, 60)))
    there = upload(started(k="7"), "mine.jpg", data)
    of_this_machine(place, monkeypatch)
    here = upload(started(k="7"), "mine.jpg", data)
    assert neighbours(there) == neighbours(here)
    assert len(neighbours(there)) == 7


def test_no_path_of_the_service_is_opened(network, place, monkeypatch):
    opened = opened_service(URL, None)
    touched, inside = [], os.fsencode(place)

    def watch(module, name, own):
        def watched(path, *rest, **named):
            if isinstance(path, str | bytes | os.PathLike) and inside in os.fsencode(path):
                stack = "".join(traceback.format_stack())  # the service opens its files in threads of its own
                touched.extend([(name, path)] if "/app_parts/" in stack else [])
            return own(path, *rest, **named)

        monkeypatch.setattr(module, name, watched)

    for module, name in [(builtins, "open"), (io, "open"), (os, "open"), (os, "stat"), (os, "scandir"), (os, "lstat")]:
        watch(module, name, getattr(module, name))
    for at, address in [*ADDRESSES, ("duplicates", {}), ("index", {})]:
        sound(started(at, **address))
    page = upload(started(), "mine.jpg", jpeg(draw(5, (90, 60))))
    click(page, f"why-{neighbours(page)[0]}")
    records = opened.pictures([9, 3])
    assert [record.id for record in records] == [9, 3]
    assert archive_of(opened.engine, [3, 9], opened.file)
    assert not touched
    file_tile(records[0].path)
    assert touched, "the watch sees what is opened"


def test_files_to_take_along_are_those_of_the_same_index_here(network, place):
    opened = opened_service(URL, None)
    with open_index(place / "photos.index") as engine:
        ids = engine.ids("id <= 12")
        assert csv_of(opened.engine, ids) == csv_of(engine, ids)
        assert json_of(opened.engine, ids) == json_of(engine, ids)
        paths = {record.id: record.path for record in engine.pictures()}
    with zipfile.ZipFile(io.BytesIO(archive_of(opened.engine, ids, opened.file))) as made:
        assert len(made.namelist()) == len(ids) + 1
        for name in made.namelist()[1:]:
            assert made.read(name) == paths[int(name.partition("-")[0])].read_bytes()


def test_files_that_a_service_cannot_send_are_listed(network, place, monkeypatch):
    opened = opened_service(URL, None)
    first, second = opened.pictures([3, 9])
    monkeypatch.setattr(archive, "MOST_BYTES", second.bytes)
    moved = first.path.with_suffix(".away")
    first.path.rename(moved)
    try:
        made = zipfile.ZipFile(io.BytesIO(archive_of(opened.engine, [3, 9, 10], opened.file)))
    finally:
        moved.rename(first.path)
    assert [name for name in made.namelist() if name.startswith("0000")] == [f"000009-{second.path.name}"]
    skipped = made.read("skipped.txt").decode()
    assert str(first.path) in skipped
    assert "MiB in all" in skipped


def test_thumbnails_are_asked_for_once(network):
    opened = opened_service(URL, None)
    (record,) = opened.pictures([3])
    shown = file_tile(opened.file(record))
    with Image.open(io.BytesIO(shown.data)) as image:
        assert image.size == (TILE, TILE)
    assert file_tile(opened.file(record)) == shown
    thumbnails.clear()  # what is on disk is left
    assert file_tile(opened.file(record)) == shown
    assert sum("thumbnail" in asked for asked in network.asked) == 1


@pytest.mark.parametrize(
    ("at", "address", "said"),
    [
        ("duplicates", {}, "twinlens duplicates"),
        ("index", {}, "twinlens sync PICTURES"),
        ("people", {"tab": "Enroll"}, "twinlens enroll"),
    ],
)
def test_what_a_service_cannot_do_is_said_with_a_remedy(at, address, said, network):
    page = started(at, **address)
    everything = texts(page) + " ".join(each.value for each in [*page.code, *page.info])
    assert said in everything
    if said.startswith("twinlens"):
        assert "On the machine of the service" in everything


def test_the_same_search_in_python_uses_a_client(network, service, monkeypatch, capsys):
    page = started(picture="3", **{"with": "9"}, without="4", k="5")
    (code,) = [each.value for each in page.code if "Client" in each.value]
    assert not [each for each in page.code if each.value.startswith("twinlens query")]
    monkeypatch.setattr("search.client.Client", lambda url, key: Client(url, key=key, transport=OverAsgi(service)))
    exec(compile(code, "same search", "exec"), {})
    printed = [int(line.split()[0]) for line in capsys.readouterr().out.splitlines()]
    assert [each for each in printed if each not in (3, 9, 4)][:5] == neighbours(page)


@pytest.mark.parametrize("at", PAGES)
def test_a_service_that_is_away_is_one_message_and_comes_back(at, network):
    network.cut = True
    page = started(at)
    assert ["cannot be reached" in error.value for error in page.error] == [True]
    assert sound(page.button(key="ask-service-again").click().run()).error
    network.cut = False
    assert not sound(page.button(key="ask-service-again").click().run()).error
    network.cut = True
    page = sound(page.run())
    assert len([error for error in page.error if "cannot be reached" in error.value]) <= 1
    network.cut = False
    assert not sound(page.run()).error


def test_a_service_that_goes_away_during_a_search(network):
    page = started()
    network.cut = True
    page.query_params["picture"] = "3"
    page = sound(page.run())
    assert ["cannot be reached" in error.value for error in page.error] == [True]
    network.cut = False
    assert len(neighbours(click(page, "ask-service-again"))) == 10


def test_an_index_that_the_service_lacks(service, monkeypatch):
    use(service, monkeypatch, "--index-name", "others")
    page = started()
    assert "there are photos" in page.error[0].value
    assert "--index-name" in texts(page)


def test_a_key_comes_from_the_environment(place, monkeypatch, tmp_path):
    keys = tmp_path / "keys"
    keys.write_text(f"read {'r' * 20}\n")
    with running(config_of(place / "photos.index", keys=keys)) as service:
        for key in ("", "w" * 20):
            monkeypatch.setenv(KEY, key)
            use(service, monkeypatch)
            page = started()
            assert len(page.error) == 1
            assert KEY in texts(page)
            assert "w" * 20 not in texts(page)
        monkeypatch.setenv(KEY, "r" * 20)
        use(service, monkeypatch)
        assert offered(started())


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(200, text="<html>hello</html>"),
        httpx.Response(200, json=[1]),
        httpx.Response(302, headers={"location": "/login"}),
        httpx.Response(502, text="bad gateway"),
    ],
    ids=str,
)
def test_an_address_of_something_else(answer, service, monkeypatch):
    network = use(service, monkeypatch)
    monkeypatch.setattr(network, "handle_request", lambda request: answer)
    page = started()
    assert len(page.error) == 1
    assert "as no service of Twinlens does" in page.error[0].value


@pytest.mark.parametrize("key", ["a\nb" * 9, "é" * 20, "\0" * 20])
def test_a_key_that_no_header_can_hold(key, service, monkeypatch):
    monkeypatch.setattr("os.environ", {**os.environ, KEY: key})
    with pytest.raises(DataError, match=KEY) as raised:
        key_of_environment()
    assert key not in str(raised.value)


@pytest.mark.parametrize(
    "url", ["", "photos.index", "ftp://x", "http://", "http://x:port", "http://[::1", "http://x/?k=1", "http://a:b@x"]
)
def test_an_address_that_is_none(url, monkeypatch):
    with pytest.raises(DataError, match="address of a service"):
        check_url(url)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--url", URL, "--index", "x"], "either --url or --index"),
        (["--url", URL, "--manage"], "either --url or --manage"),
        (["--index-name", "x"], "--index-name names an index of a service"),
    ],
)
def test_arguments_that_contradict_each_other(words, said, monkeypatch):
    monkeypatch.setattr("sys.argv", ["app.py", *words])
    with pytest.raises(SystemExit, match=said):
        arguments_or_exit()


def test_the_index_of_the_environment_gives_way_to_a_url(monkeypatch):
    monkeypatch.setenv("TWINLENS_INDEX", "x")
    monkeypatch.setattr("sys.argv", ["app.py", "--url", URL])
    assert arguments_or_exit().index is None


def test_a_part_of_the_map_is_searched(network, place, monkeypatch):
    whole = area_text([(-2.0, -2.0), (2.0, -2.0), (2.0, 2.0), (-2.0, 2.0)])
    half = area_text([(-2.0, -2.0), (0.1, -2.0), (0.1, 2.0), (-2.0, 2.0)])
    there = [seen(started(picture="3", area=area)) for area in (whole, half)]
    monkeypatch.setattr(settings, "LONGEST", 5)
    assert "has too many pictures for a filter of a service" in texts(started(picture="3", area=half))
    monkeypatch.undo()
    of_this_machine(place, monkeypatch)
    assert there == [seen(started(picture="3", area=area)) for area in (whole, half)]
    assert len(there[0][1]) > len(there[1][1]) or there[0][1] != there[1][1]


def test_an_upload_that_is_too_large_is_no_problem_of_the_service(place, monkeypatch):
    with running(config_of(place / "photos.index", limits=small_limits(body=2_000))) as service:
        use(service, monkeypatch)
        page = upload(started(), "mine.jpg", jpeg(draw(5, (300, 200))))
        assert len(page.error) == 1
        assert not [button for button in page.button if button.key == "ask-service-again"]


def test_how_often_a_service_is_asked(service, monkeypatch):
    network = use(service, monkeypatch)
    monkeypatch.setattr(service_index, "POLL_SECONDS", 3600.0)
    opened = opened_service(URL, None)
    before = len(network.asked)
    for _ in range(50):
        assert not opened.stale
    assert len(network.asked) == before
    monkeypatch.setattr(service_index, "POLL_SECONDS", 0.0)
    network.cut = True
    assert not opened.stale
    assert not opened.replaced()
    with pytest.raises(ServiceError):
        opened.service.snapshot()
    assert json.loads(service.get("/v1/indexes").content)["indexes"][0]["snapshot"]
