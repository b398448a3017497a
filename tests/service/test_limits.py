"""Each limit is a clear 4xx, and nothing that is sent as a query touches the disk."""

from __future__ import annotations

import asyncio
import base64
import json
import logging
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from starlette.testclient import TestClient

from service.config import Limits
from service.limits import Work
from service.logs import REQUESTS, JsonLines
from service.problems import ProblemError
from tests.service.conftest import app_of, config_of, running, small_limits
from tests.service.test_parity import PICTURE

SMALL = small_limits(body=200_000, bodies=400_000, pixels=10_000, pictures=4, k=50)


@pytest.fixture(scope="module")
def small(collection: Path) -> Iterator[TestClient]:
    with running(config_of(collection / "photos.index", limits=SMALL)) as client:
        yield client


def problem(answer: Any) -> tuple[int, str]:
    assert answer.headers["content-type"] == "application/problem+json"
    plain = answer.json()
    assert plain["status"] == answer.status_code
    assert plain["detail"]
    return answer.status_code, plain["type"].removeprefix("urn:twinlens:problem:")


def chunks(size: int) -> Iterator[bytes]:
    for _ in range(size // 1000):
        yield b"x" * 1000


def test_bodies(small: TestClient) -> None:
    large = b"x" * (SMALL.body + 1)
    headers = {"content-type": "application/json"}
    assert problem(small.post("/v1/search", content=large, headers=headers)) == (413, "body-too-large")
    assert problem(small.post("/v1/search", content=chunks(300_000), headers=headers)) == (413, "body-too-large")
    assert problem(small.post("/v1/embed", files={"picture": large})) == (413, "body-too-large")
    wrong = {"content-type": "application/json", "content-length": "9" * 50}
    assert problem(small.post("/v1/search", content=b"{}", headers=wrong)) == (413, "body-too-large")


def test_pixels_pictures_and_k(small: TestClient, collection: Path, tmp_path: Path) -> None:
    for suffix in ("png", "jpg", "gif", "webp", "bmp", "tif", "avif"):
        path = tmp_path / f"large.{suffix}"
        Image.new("RGB", (101, 100), "red").save(path)
        answer = small.post("/v1/search", files={"picture": path.read_bytes()})
        assert problem(answer) == (413, "picture-too-large"), suffix
        Image.new("RGB", (100, 100), "red").save(path)
        assert small.post("/v1/search", files={"picture": path.read_bytes()}).status_code == 200
    assert problem(small.post("/v1/search", json={"query": {"id": 1}, "k": 51})) == (422, "limit")
    assert problem(small.post("/v1/search", json={"query": {"id": 1}, "k": 10**40})) == (422, "limit")
    assert problem(small.post("/v1/search:batch", json={"queries": [{"id": 1}] * 5})) == (422, "limit")
    data = base64.b64encode((collection / PICTURE).read_bytes()).decode()
    assert problem(small.post("/v1/search", json={"query": [{"picture": data}] * 5})) == (422, "limit")
    assert problem(small.post("/v1/embed", json={"pictures": [data] * 5})) == (422, "limit")
    assert problem(small.post("/v1/verify", json={"a": data, "b": [data] * 4})) == (422, "limit")


def test_a_full_queue_and_a_slow_answer() -> None:
    going, seen = threading.Event(), []

    async def run() -> None:
        work = Work(Limits(threads=1, queue=1, seconds=0.2), seen.append)
        slow = [asyncio.ensure_future(work.run(going.wait)) for _ in range(2)]
        await asyncio.sleep(0.05)
        with pytest.raises(ProblemError) as busy:
            await work.run(lambda: 1)
        assert busy.value.name == "busy"
        for each in slow:
            with pytest.raises(ProblemError) as late:
                await each
            assert late.value.name == "too-slow"
        with pytest.raises(ProblemError, match="not answered"):  # the thread is still at it
            await work.run(lambda: 1, 0.05)
        going.set()
        assert await work.run(lambda: 7) == 7
        work.stop()

    asyncio.run(run())
    assert max(seen) == 2


def test_a_slow_body(collection: Path) -> None:
    with running(config_of(collection / "photos.index", limits=small_limits(receive_seconds=0.3))) as client:
        app, sent = app_of(client), []

        async def never() -> dict[str, Any]:
            await asyncio.sleep(60)
            return {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            sent.append(message)

        scope = {
            "type": "http",
            "method": "POST",
            "path": "/v1/search",
            "raw_path": b"/v1/search",
            "query_string": b"",
            "headers": [(b"host", b"localhost"), (b"content-type", b"application/json")],
            "server": ("localhost", 80),
            "client": ("127.0.0.1", 1),
            "scheme": "http",
            "http_version": "1.1",
            "root_path": "",
        }
        began = time.monotonic()
        asyncio.run(app(scope, never, send))
        assert time.monotonic() - began < 20
        assert sent[0]["status"] == 408
        assert json.loads(sent[1]["body"])["type"] == "urn:twinlens:problem:too-slow"


WRITING: list[tuple[str, Any]] = []
_watching = threading.Event()


def _watch(event: str, arguments: tuple[Any, ...]) -> None:
    if _watching.is_set() and (event in ("os.mkdir", "os.rename", "tempfile.mkstemp") or event == "open"):
        mode = arguments[1] if event == "open" else "w"
        flags = arguments[2] if event == "open" and isinstance(arguments[2], int) else 0
        if (isinstance(mode, str) and set(mode) & set("wax+")) or flags & 3:
            WRITING.append((event, arguments[0]))


def test_uploads_never_touch_the_disk(served: TestClient, collection: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a temporary file was made")

    monkeypatch.setattr(tempfile.SpooledTemporaryFile, "rollover", refuse)
    monkeypatch.setattr(tempfile, "TemporaryFile", refuse)
    sys.addaudithook(_watch)
    picture = (collection / PICTURE).read_bytes()
    large = picture + b"\0" * (8 << 20)  # above the megabyte from which a form is spooled by default
    _watching.set()
    try:
        for files in ({"picture": large}, {"picture": large, "without": large}):
            assert served.post("/v1/search", files=files).status_code == 200
        assert served.post("/v1/embed", files=[("picture", large)] * 3).status_code == 200
        assert served.post("/v1/verify", files={"a": large, "b": large}).status_code == 200
        assert served.post("/v1/identify", files={"picture": large}).status_code in (200, 422)
        sent = base64.b64encode(large).decode()
        assert served.post("/v1/search", json={"query": {"picture": sent}}).status_code == 200
    finally:
        _watching.clear()
    assert WRITING == []


def test_the_log_has_no_contents(served: TestClient, caplog: pytest.LogCaptureFixture) -> None:
    secret = "secret-" + "x" * 30
    with caplog.at_level(logging.INFO, REQUESTS):
        served.post(
            "/v1/search",
            json={"query": {"text": secret}, "where": f"label = {secret}"},
            headers={"authorization": f"Bearer {secret}", "cookie": secret},
        )
        served.get(f"/v1/{secret}")
        served.get("/v1/ids", params={"where": f"label = {secret}"})
        served.post("/v1/search", files={"picture": (secret, secret.encode())})
        served.get("/v1/pictures/3/thumbnail")
    lines = [JsonLines().format(record) for record in caplog.records if record.name == REQUESTS]
    assert len(lines) == 5
    assert not any("secret" in line or "\n" in line for line in lines)
    first = json.loads(lines[0])
    assert (first["method"], first["route"], first["status"]) == ("POST", "/v1/search", 409)
    assert first["problem"]
    assert {"time", "level", "ms", "bytes_in", "bytes_out"} <= first.keys()
    assert json.loads(lines[4])["route"] == "/v1/pictures/{picture_id}/thumbnail"
