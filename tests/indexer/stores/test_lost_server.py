"""A server that goes away in the middle of a query or of a migration."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from indexer.stores.migrate import migrate
from search import StoreError, open_index
from search.store.milvus import connection, writing
from tests.indexes_of_vectors import clumps, index_of
from tests.milvus import NEEDED, Server

pytestmark = NEEDED


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setattr(connection, "CONNECT_SECONDS", 1.0)
    monkeypatch.setattr(connection, "WRITE_SECONDS", 2.0)
    server = Server(tmp_path / "data")
    try:
        server.start()
        yield server
    finally:
        server.kill()


def test_a_lost_server(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, uri = index_of(tmp_path / "i", clumps(60)), server.uri("photos")
    monkeypatch.setattr("indexer.stores.migrate._SENT_BYTES", 4 * 8 * 20)
    put, sent = writing.put_entities, []

    def killed_at_the_second(*given: object, **words: object) -> None:
        sent.append(1)
        if len(sent) == 2:
            server.kill()
        put(*given, **words)  # type: ignore[arg-type]

    monkeypatch.setattr(writing, "put_entities", killed_at_the_second)
    with pytest.raises(StoreError, match=rf"{uri}: upsert failed .*The server does not answer"):
        migrate(folder, uri)
    server.start()
    with pytest.raises(StoreError, match="no index here"):
        open_index(uri)
    report = migrate(folder, uri)
    assert (report.pictures, report.copied) == (60, 40)

    with open_index(folder) as first, open_index(uri) as engine:
        expected = first.search_id(7, 5)
        assert engine.search_id(7, 5) == expected
        server.kill()
        monkeypatch.setattr(connection, "READ_SECONDS", 2.0)
        begun = time.monotonic()
        with pytest.raises(StoreError, match="The server does not answer: check that it runs"):
            engine.search_id(7, 5)
        assert time.monotonic() - begun < 30
        monkeypatch.setattr(connection, "READ_SECONDS", 60.0)
        back = threading.Timer(0.5, server.start)
        back.start()
        assert engine.search_vectors(first.vector(7), 5)[0] == expected, "a query is repeated until the server is back"
        back.join()


def test_no_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "CONNECT_SECONDS", 0.5)
    with pytest.raises(StoreError, match=r"milvus://127\.0\.0\.1:1/photos: cannot be opened"):
        open_index("milvus://127.0.0.1:1/photos")
