"""An index with labels, metadata, a calibration, people and a map, and a service for it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

import indexer
from indexer.people.enroll import enroll
from search import open_index
from search.config import BuildConfig, EnrollConfig
from search.engine import SearchEngine
from search.store.catalog import Catalog
from service.config import Limits, Served, ServiceConfig
from service.factory import create_app, wait_until_ready
from tests.conftest import fill
from tests.people import calibration, photograph

FAST = BuildConfig(encoder="color-layout", device="cpu", workers=2, batch_size=4)
READ, WRITE = "r" * 20, "w" * 20


def make_collection(folder: Path, count: int = 24) -> Path:
    """An index of drawn pictures that has everything that a route can answer with."""
    fill(folder / "pictures", count)
    index = folder / "photos.index"
    indexer.build(folder / "pictures", index, FAST)
    fill(folder / "pictures", 6, first=100)
    indexer.sync(folder / "pictures", index, FAST)
    rows = [
        {
            "id": number,
            "price": number / 7,
            "stock": number * 10**12,
            "sold": number % 2 == 0,
            "day": "2024-02-29",
            "seen": f"2025-01-0{number % 9 + 1}T10:00:00+02:00",
            "note": "día 🌄 " + "x" * number,
        }
        for number in range(1, 13)
    ]
    (folder / "rows.jsonl").write_text("\n".join(map(json.dumps, rows)), "utf-8")
    indexer.load_metadata(index, folder / "rows.jsonl")
    with open_index(index) as engine:
        fingerprint = engine.fingerprint
    catalog = Catalog.write(index)
    with catalog.transaction():
        catalog.set(calibration=calibration(fingerprint, 0.6).to_dict())
    catalog.close()
    for number, name in enumerate(("Ada", "Grace Hopper", "Ødegård 🦊")):
        enroll(index, name, [photograph(folder / "people", number)], EnrollConfig(device="cpu"))
    indexer.remove(index, ids=[7])
    indexer.make_map(index)
    return index


@pytest.fixture(scope="session")
def collection(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of `make_collection`; not to be changed."""
    folder = tmp_path_factory.mktemp("collection")
    make_collection(folder)
    return folder


@pytest.fixture(scope="session")
def engine(collection: Path) -> Iterator[SearchEngine]:
    with open_index(collection / "photos.index", device="cpu") as engine:
        yield engine


def config_of(*folders: Path, **options: Any) -> ServiceConfig:
    served = tuple(Served(f"photos{number or ''}", folder) for number, folder in enumerate(folders))
    return ServiceConfig(served, device="cpu", **options)


@contextmanager
def running(config: ServiceConfig) -> Iterator[TestClient]:
    """The service in this process, without a network."""
    app = create_app(config)
    with TestClient(app, base_url="http://localhost", raise_server_exceptions=False) as client:
        wait_until_ready(app)
        yield client


@pytest.fixture(scope="session")
def served(collection: Path) -> Iterator[TestClient]:
    with running(config_of(collection / "photos.index")) as client:
        yield client


class OverAsgi(httpx.BaseTransport):
    """Lets the client of the package talk to an app in this process."""

    def __init__(self, client: TestClient) -> None:
        self._client = client

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        headers = {name: value for name, value in request.headers.items() if name not in ("host", "content-length")}
        answer = self._client.request(
            request.method, request.url.raw_path.decode("ascii"), headers=headers, content=request.read()
        )
        return httpx.Response(answer.status_code, headers=answer.headers, content=answer.content)


def small_limits(**changes: Any) -> Limits:
    return Limits(**{"threads": 4, "queue": 16, "seconds": 20.0, "receive_seconds": 20.0, **changes})


def app_of(client: TestClient) -> FastAPI:
    assert isinstance(client.app, FastAPI)
    return client.app
