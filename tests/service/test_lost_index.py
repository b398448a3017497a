"""An index that is deleted or replaced while it is served, files that are no pictures, and callers that go away."""

from __future__ import annotations

import json
import logging
import os
import shutil
import socket
import time
from pathlib import Path

import pytest

import indexer
from benchmarks.service_load import get, serving
from search import open_index
from tests.conftest import fill
from tests.service.conftest import FAST, app_of, config_of, running


@pytest.fixture
def index(tmp_path: Path) -> Path:
    fill(tmp_path / "pictures", 10)
    indexer.build(tmp_path / "pictures", tmp_path / "photos.index", FAST)
    return tmp_path / "photos.index"


def test_a_deleted_index_is_answered_from_until_it_is_back(index: Path, caplog: pytest.LogCaptureFixture) -> None:
    with running(config_of(index, refresh_seconds=0.05)) as client:
        before = client.post("/v1/search", json={"query": {"id": 1}}).json()["hits"]
        with caplog.at_level(logging.WARNING, "twinlens.service"):
            index.rename(index.with_name("away"))
            deadline = time.monotonic() + 20
            while client.get("/readyz").status_code != 503:
                assert time.monotonic() < deadline
                time.sleep(0.02)
            time.sleep(0.3)
        assert len([r for r in caplog.records if r.name == "twinlens.service"]) == 1, "logged once, not by the clock"
        assert client.post("/v1/search", json={"query": {"id": 1}}).json()["hits"] == before
        listed = client.get("/v1/indexes").json()["indexes"][0]
        assert not listed["ready"]
        assert listed["problem"]
        index.with_name("away").rename(index)
        while client.get("/readyz").status_code != 200:
            assert time.monotonic() < deadline
            time.sleep(0.02)
        shutil.rmtree(index)
    assert not index.exists()


def test_every_snapshot_is_closed_once_nobody_uses_it(index: Path) -> None:
    with running(config_of(index)) as client:
        (opened,) = app_of(client).state.service.indexes
        with opened.lease() as first:
            indexer.remove(index, ids=[1])
            opened.refresh()
            with opened.lease() as second:
                assert second is not first
                assert (len(first), len(second)) == (10, 9)
            assert len(first) == 10, "it is in use"
        with pytest.raises(Exception, match="closed"):
            len(first)
        assert len(second) == 9
    with pytest.raises(Exception, match="closed"):
        len(second)


def test_files_that_are_no_pictures_are_not_sent(index: Path, tmp_path: Path) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("nobody may see this")
    with open_index(index) as engine:
        paths = [record.path for record in engine.pictures()]
    paths[0].unlink()
    paths[0].symlink_to(secret)
    paths[1].unlink()
    os.mkfifo(paths[1])
    paths[2].unlink()
    paths[2].mkdir()
    paths[3].unlink()
    paths[4].write_bytes(b"<svg onload='alert(1)'/>")
    with running(config_of(index)) as client:
        for number in range(1, 6):
            for kind in ("image", "thumbnail"):
                answer = client.get(f"/v1/pictures/{number}/{kind}")
                assert answer.status_code == (404 if number == 4 else 422), (number, kind)
                assert b"nobody" not in answer.content
                assert answer.headers["content-type"] == "application/problem+json"
        fine = client.get("/v1/pictures/6/image")
        assert fine.headers["content-type"] == "image/png"
        assert fine.headers["x-content-type-options"] == "nosniff"
        etag = client.get("/v1/pictures/6/thumbnail").headers["etag"]
        assert client.get("/v1/pictures/6/thumbnail", headers={"if-none-match": etag}).status_code == 304


def test_callers_that_go_away_leave_no_trace(index: Path, tmp_path: Path) -> None:
    with serving("--index", index, "--device", "cpu", "--timeout", 1, log=tmp_path / "log") as (port, _):
        head = b"POST /v1/search HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
        head += b"content-length: 99\r\n\r\n{"
        for _ in range(20):
            with socket.create_connection(("127.0.0.1", port)) as connection:
                connection.sendall(head)
        with socket.create_connection(("127.0.0.1", port)) as slow:
            slow.settimeout(20)
            slow.sendall(head)
            answer = slow.recv(4096)
            assert answer.startswith(b"HTTP/1.1 408")
        assert get(port, "/v1/count")[0] == 200
        running_now = [line for line in get(port, "/metrics")[1].decode().splitlines() if "requests_running " in line]
        assert running_now[-1].endswith(" 0.0")
    log = (tmp_path / "log").read_text("utf-8")
    assert "Traceback" not in log
    assert sum(json.loads(line).get("status") == 408 for line in log.splitlines() if line.startswith("{")) == 1
