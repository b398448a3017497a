"""API keys on every route, from a table that the OpenAPI document gives: no route can be forgotten."""

from __future__ import annotations

import hmac
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from search.errors import DataError
from service import keys as module
from service.config import ServiceConfig
from service.factory import create_app
from service.keys import OPEN, Keys
from tests.service.conftest import READ, WRITE, app_of, config_of, running

ANSWERS = {("post", f"/v1/{name}") for name in ("search", "search:batch", "embed", "verify", "explain", "identify")}
ANSWERS |= {("post", f"/v1/pictures:{name}") for name in ("metadata", "records", "vectors")}
"""Operations that only read although they are no GET; jobs are for those who may start them."""
JOBS = {("get", "/v1/jobs"), ("get", "/v1/jobs/{number}")}


@pytest.fixture(scope="module")
def guarded(collection: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    file = tmp_path_factory.mktemp("keys") / "keys"
    file.write_text(f"# ours\nread {READ}\n\nwrite {WRITE}\n")
    with running(config_of(collection / "photos.index", keys=file, write=True)) as client:
        yield client


def operations(client: TestClient) -> list[tuple[str, str, dict[str, Any]]]:
    document = app_of(client).openapi()
    return [(method, path, what) for path, each in document["paths"].items() for method, what in each.items()]


def status(client: TestClient, method: str, path: str, headers: dict[str, str]) -> int:
    place = path.format(picture_id=1, number=99, column="label")
    body = {"content": b"{", "headers": {**headers, "content-type": "application/json"}}
    answer = client.request(method.upper(), place, **(body if method == "post" else {"headers": headers}))
    assert answer.status_code < 500, (method, path, answer.text)
    if answer.status_code >= 400:
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["status"] == answer.status_code
    return int(answer.status_code)


def test_the_document_needs_a_key_and_is_complete(guarded: TestClient) -> None:
    assert guarded.get("/openapi.json").status_code == 401
    answer = guarded.get("/openapi.json", headers={"authorization": f"Bearer {READ}"})
    assert answer.json() == json.loads(json.dumps(app_of(guarded).openapi()))
    assert len(operations(guarded)) >= 30
    for method, path, what in operations(guarded):
        assert what["security"] == ([] if path in OPEN else [{"key": []}]), (method, path)
    assert {path for path in OPEN} <= {path for _, path, _ in operations(guarded)}


@pytest.mark.parametrize(
    "header",
    [
        "",
        "Bearer",
        "Bearer ",
        "Bearer wrong",
        f"Bearer {READ[:-1]}",
        f"Bearer {READ}x",
        f"Basic {READ}",
        READ,
        "Bearer é",
    ],
)
def test_a_wrong_or_missing_key_opens_no_route(guarded: TestClient, header: str) -> None:
    headers = {"authorization": header.encode("latin-1")} if header else {}
    for method, path, _ in operations(guarded):
        assert status(guarded, method, path, headers) == (200 if path in OPEN else 401), (method, path)  # type: ignore[arg-type]
    assert status(guarded, "get", "/nothing", headers) == 401  # type: ignore[arg-type]


def test_two_headers_are_no_key(guarded: TestClient) -> None:
    answer = guarded.get("/v1/info", headers=[("authorization", f"Bearer {READ}"), ("authorization", f"Bearer {READ}")])
    assert answer.status_code == 401


def test_a_key_to_read_changes_nothing(guarded: TestClient) -> None:
    for method, path, _ in operations(guarded):
        changes = (method != "get" and (method, path) not in ANSWERS) or (method, path) in JOBS
        answer = status(guarded, method, path, {"authorization": f"Bearer {READ}"})
        assert (answer == 403) == changes, (method, path, answer)
        assert answer not in (401, 405)


def test_a_key_to_write_may_do_everything(guarded: TestClient) -> None:
    for method, path, _ in operations(guarded):
        assert status(guarded, method, path, {"authorization": f"bearer {WRITE}"}) not in (401, 403, 405), (
            method,
            path,
        )


def test_without_write_nobody_changes_anything(served: TestClient) -> None:
    for method, path, _ in operations(served):
        changes = (method != "get" and (method, path) not in ANSWERS) or (method, path) in JOBS
        answer = served.request(method.upper(), path.format(picture_id=1, number=1), content=b"{}")
        assert (answer.status_code == 403) == changes, (method, path)
        if changes:
            assert answer.json()["type"] == "urn:twinlens:problem:read-only"


def test_keys_are_compared_in_constant_time(monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[tuple[bytes, bytes]] = []
    original = hmac.compare_digest

    def compare(a: bytes, b: bytes) -> bool:
        compared.append((a, b))
        return original(a, b)

    monkeypatch.setattr(module.hmac, "compare_digest", compare)
    monkeypatch.setenv("TWINLENS_READ_KEYS", f"{READ} {'s' * 20}")
    monkeypatch.setenv("TWINLENS_WRITE_KEYS", WRITE)
    keys = Keys.load(None)
    for given, access in ((WRITE, "write"), (READ, "read"), ("", None), ("x" * 1000, None)):
        compared.clear()
        assert keys.access(given) == access
        assert len(compared) == 3, "every key is compared, whichever matches"
        assert all(len(a) == len(b) == 32 for a, b in compared)
    assert not any(READ.encode() in each for each in keys.read), "only digests are kept"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "has no API key"),
        ("# nothing\n", "has no API key"),
        ("read short\n", "line 1: a key is `read KEY`"),
        (f"{READ}\n", "a key is"),
        (f"admin {READ}\n", "a key is"),
        (f"read {READ} {READ}\n", "a key is"),
        (f"read {READ}\nwrite {READ}\n", "line 2: this key is given twice"),
        (f"read {'x' * 600}\n", "a key is"),
        ("read ÿ".encode("latin-1"), "not UTF-8"),
    ],
)
def test_a_file_of_keys_that_is_wrong(text: str | bytes, words: str, tmp_path: Path) -> None:
    file = tmp_path / "keys"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(DataError, match=words):
        Keys.load(file)
    for place in (tmp_path, tmp_path / "none"):
        with pytest.raises(DataError, match=r"not a file|cannot be read"):
            Keys.load(place)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "photos.example.com", "127.evil.example"])
def test_another_address_needs_keys(host: str, collection: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = config_of(collection / "photos.index", host=host)
    with pytest.raises(DataError, match="API keys"):
        create_app(config)
    monkeypatch.setenv("TWINLENS_READ_KEYS", READ)
    create_app(config)
    with pytest.raises(DataError, match="--write needs a key"):
        create_app(ServiceConfig(config.indexes, write=True, host=host))


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1", "127.3.4.5"])
def test_this_machine_needs_none(host: str, collection: Path) -> None:
    create_app(config_of(collection / "photos.index", host=host))
