"""Requests under another name, or from the page of another site, are refused."""

from __future__ import annotations

from pathlib import Path

from starlette.testclient import TestClient

from tests.service.conftest import config_of, running


def status(client: TestClient, **headers: str) -> int:
    return client.get(
        "/v1/count", headers={name.replace("_", "-"): value for name, value in headers.items()}
    ).status_code


def test_names(served: TestClient) -> None:
    for host in ("localhost", "localhost:8080", "127.0.0.1", "127.0.0.1:80", "[::1]:8080", "LOCALHOST", "localhost."):
        assert status(served, host=host) == 200, host
    for host in ("evil.example", "localhost.evil.example", "127.0.0.1.nip.io", "", "a b", "[::1", "10.0.0.1", "host:x"):
        assert status(served, host=host) == 403, host
    assert served.get("/livez", headers={"host": "evil.example"}).status_code == 403


def test_other_pages(served: TestClient) -> None:
    for origin in ("https://evil.example", "null", "http://localhost:3000", "http://127.0.0.1", "x"):
        answer = served.post("/v1/search", json={"query": {"id": 1}}, headers={"origin": origin})
        assert answer.status_code == 403, origin
        assert "access-control-allow-origin" not in answer.headers
        preflight = {"origin": origin, "access-control-request-method": "POST"}
        assert served.options("/v1/search", headers=preflight).status_code == 403
    assert status(served, sec_fetch_site="cross-site") == 403
    assert status(served, sec_fetch_site="same-site", sec_fetch_mode="no-cors") == 403
    assert status(served, sec_fetch_site="cross-site", sec_fetch_mode="navigate") == 200
    assert status(served, sec_fetch_site="same-origin") == 200
    assert status(served, sec_fetch_site="none") == 200


def test_names_and_pages_that_are_allowed(collection: Path) -> None:
    config = config_of(
        collection / "photos.index",
        allowed_hosts=("photos.example.com", "*.lan"),
        origins=("https://shop.example.com",),
    )
    with running(config) as client:
        assert status(client, host="photos.example.com") == 200
        assert status(client, host="nas.lan:8080") == 200
        assert status(client, host="lan") == 403
        answer = client.get("/v1/count", headers={"origin": "https://shop.example.com"})
        assert answer.headers["access-control-allow-origin"] == "https://shop.example.com"
        preflight = {"origin": "https://shop.example.com", "access-control-request-method": "POST"}
        assert client.options("/v1/search", headers=preflight).status_code == 200
        assert status(client, origin="https://evil.example") == 403
