"""Pages of an index of a service while the index changes, or another takes its place."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from PIL import Image

import indexer
from app_parts import frame, service_index
from app_parts.search import collection
from app_parts.shared_index import opened_service
from app_parts.tiles import file_tile
from search.errors import QueryError
from tests.app.network import URL, use
from tests.app.page import neighbours, offered, sound, started, texts
from tests.conftest import fill
from tests.service.conftest import FAST, OverAsgi, config_of, running


@pytest.fixture
def changing(tmp_path, monkeypatch):
    """A collection that a test may change, behind a service: its folder, and the network."""
    fill(tmp_path / "pictures", 9)
    indexer.build(tmp_path / "pictures", tmp_path / "photos.index", FAST)
    with running(config_of(tmp_path / "photos.index")) as service:
        (index,) = service.app.state.service.indexes
        yield SimpleNamespace(
            folder=tmp_path, network=use(service, monkeypatch), commit=index.refresh, pictures=tmp_path / "pictures"
        )


def test_an_open_page_follows_commits(changing, monkeypatch):
    page = started()
    assert len(offered(page)) == 9
    redrawn = []
    opened = opened_service(URL, None)
    assert not opened.stale
    fill(changing.pictures, 3, first=20)
    indexer.sync(changing.pictures, changing.folder / "photos.index", FAST)
    changing.commit()
    assert opened.stale
    with monkeypatch.context() as patch:
        patch.setattr(frame.st, "rerun", lambda: redrawn.append(True))
        patch.setattr(frame, "moved", lambda: False)
        frame.keep_fresh.__wrapped__(opened)
    assert redrawn
    assert len(offered(sound(page.run()))) == 12


def test_a_picture_that_was_removed_a_moment_ago(changing, monkeypatch):
    page = started(picture="2")
    monkeypatch.setattr(service_index, "POLL_SECONDS", 3600.0)
    indexer.remove(changing.folder / "photos.index", ids=[5])
    changing.commit()
    page.query_params.clear()
    page = sound(page.run())
    assert not page.error
    page.query_params.update({"liked": "5", "picture": "2", "k": "7"})
    page = sound(page.run())
    assert 5 not in neighbours(page)
    assert "left out" in texts(page)


def test_what_fails_because_of_a_commit_is_shown_of_the_new_snapshot(changing, monkeypatch):
    page = started()
    monkeypatch.setattr(service_index, "POLL_SECONDS", 3600.0)
    before, show = opened_service(URL, None), collection.show_collection
    indexer.remove(changing.folder / "photos.index", ids=[5])
    changing.commit()

    def show_again(opened, *rest):
        if opened is before:
            raise QueryError("no picture has this id")
        show(opened, *rest)

    monkeypatch.setattr(collection, "show_collection", show_again)
    page = sound(page.run())
    assert not page.error
    assert len(offered(page)) == 8


def test_a_changed_picture_has_a_new_thumbnail(changing):
    opened = opened_service(URL, None)
    record = opened.pictures([1])[0]
    before = file_tile(opened.file(record))
    Image.new("RGB", (40, 40), "red").save(record.path)
    indexer.sync(changing.pictures, changing.folder / "photos.index", FAST)
    changing.commit()
    again = opened_service(URL, None)
    assert again is not opened
    (same,) = [each for each in again.engine.pictures() if each.path == record.path]
    assert file_tile(again.file(same)) != before


def test_a_service_that_is_started_again_with_another_index(changing):
    page = started()
    opened = opened_service(URL, None)
    before = file_tile(opened.file(opened.pictures([2])[0]))
    fill(changing.folder / "others", 4, first=50)
    indexer.build(changing.folder / "others", changing.folder / "other.index", FAST)
    with running(config_of(changing.folder / "other.index")) as service:
        changing.network.service = OverAsgi(service)
        assert opened.stale
        assert len(offered(sound(page.run()))) == 4
        again = opened_service(URL, None)
        assert file_tile(again.file(again.pictures([2])[0])) != before
