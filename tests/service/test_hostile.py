"""Awkward and hostile pictures over HTTP: each is answered, or refused in the words of the decoder; nothing crashes."""

from __future__ import annotations

import json
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
from starlette.testclient import TestClient

from benchmarks.service_load import get, serving
from search.engine import SearchEngine
from search.errors import PictureError
from tests.awkward import broken_files, good_files
from tests.indexer.hostile.bombs import bombs, giants
from tests.indexer.hostile.mutate import mutated
from tests.indexer.hostile.seeds import seeds

MUTATED = 2_000
MOST_MEMORY = 6e9
"""Bytes of the process while the largest pictures that are allowed are sent: they are decoded one at a time."""


def test_good_files(served: TestClient, engine: SearchEngine, tmp_path: Path) -> None:
    for kind, path in good_files(tmp_path).items():
        answer = served.post("/v1/search", files={"picture": (path.name, path.read_bytes())}).json()
        assert answer["hits"] == json.loads(json.dumps([hit.to_dict() for hit in engine.search(path)])), kind


def test_broken_files(served: TestClient, engine: SearchEngine, tmp_path: Path) -> None:
    for kind, path in broken_files(tmp_path).items():
        with pytest.raises(PictureError) as raised:
            engine.search(path.read_bytes())
        for address, field in (("search", "picture"), ("embed", "picture"), ("identify", "picture")):
            answer = served.post(f"/v1/{address}", files={field: (path.name, path.read_bytes())})
            assert (answer.status_code, answer.json()["reason"]) == (422, raised.value.reason), kind
    assert served.get("/livez").status_code == 200


@pytest.mark.slow
def test_bombs_giants_and_mutated_files(collection: Path, tmp_path: Path) -> None:
    words = ("--index", collection / "photos.index", "--device", "cpu", "--timeout", 300, "--max-body", "512MB")
    with serving(*words, log=tmp_path / "log") as (port, process):
        statuses: Counter[int] = Counter()
        most = 0.0
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=600) as client, ThreadPoolExecutor(8) as pool:

            def send(data: bytes) -> int:
                return client.post("/v1/search", files={"picture": data}).status_code

            for _, build, _ in {**bombs(), **giants()}.values():
                data = build()
                statuses.update(pool.map(send, [data] * 2))
                most = max(most, memory(port))
            pictures = seeds()
            for start in range(0, MUTATED, 100):
                many = [mutated(number, pictures)[1] for number in range(start, start + 100)]
                statuses.update(pool.map(send, many))
            most = max(most, memory(port))
        assert process.poll() is None
        assert get(port, "/readyz")[0] == 200
    assert set(statuses) <= {200, 413, 422}, statuses
    assert most < MOST_MEMORY


def memory(port: int) -> float:
    lines = get(port, "/metrics")[1].decode().splitlines()
    return next(float(line.split()[1]) for line in lines if line.startswith("twinlens_resident_bytes "))
