"""Worker processes: many clients while a writer commits, and a worker that is killed."""

from __future__ import annotations

import json
import os
import shutil
import signal
import threading
import time
from pathlib import Path

import pytest

import indexer
from benchmarks.service import SAMPLE, storm
from benchmarks.service_load import Request, get, load, serving
from search.config import BuildConfig

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="finds the workers in /proc"),
]
SECONDS = float(os.environ.get("TWINLENS_STORM_SECONDS", "60"))


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    index = tmp_path_factory.mktemp("sample") / "sample.index"
    indexer.build(SAMPLE, index, BuildConfig(encoder="color-layout", device="cpu"))
    return index


@pytest.fixture
def index(sample: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(sample, tmp_path / "sample.index"))


def workers_of(parent: int) -> list[int]:
    """The processes that answer, without the one of multiprocessing that watches resources."""
    children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
    commands = {int(child): Path(f"/proc/{child}/cmdline").read_bytes() for child in children}
    return [child for child, command in commands.items() if b"spawn_main" in command]


def test_many_clients_while_a_writer_commits(index: Path) -> None:
    for workers in (1, 2):
        seen = storm(index, 200, SECONDS, workers)
        assert seen.load.failures == []
        assert seen.commits >= SECONDS / 6
        assert len(seen.load.seconds) > 200


def test_a_killed_worker_costs_only_its_running_requests(index: Path, tmp_path: Path) -> None:
    requests = [Request.of_json({"query": {"id": number}}) for number in range(1, 30)]
    right: dict[bytes, str] = {}

    def check(request: Request, data: bytes) -> str | None:
        hits = json.dumps(json.loads(data)["hits"])
        return None if right.setdefault(request.body, hits) == hits else "another answer"

    clients = 16
    with serving("--index", index, "--device", "cpu", "--workers", 2, log=tmp_path / "log") as (port, process):
        before = workers_of(process.pid)
        assert len(before) == 2
        threading.Timer(4, os.kill, (before[0], signal.SIGKILL)).start()
        seen = load(port, requests, clients, 20, check)
        assert 0 <= len(seen.failures) <= clients, seen.failures[:5]
        assert all(("Connection" in each) or ("RemoteDisconnected" in each) for each in seen.failures), seen.failures
        deadline = time.monotonic() + 60
        while len(set(workers_of(process.pid)) - {before[0]}) < 2:
            assert time.monotonic() < deadline, "the worker was not started again"
            time.sleep(0.1)
        again = load(port, requests, clients, 2, check)
        assert again.failures == []
        total = sum(
            float(line.rpartition(" ")[2])
            for line in get(port, "/metrics")[1].decode().splitlines()
            if line.startswith('twinlens_requests_total{method="POST",route="/v1/search",status="200"}')
        )
        assert total >= len(again.seconds), "figures of all workers, and of the one that was killed, are added up"
