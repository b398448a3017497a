"""A Ray cluster of several nodes on this machine, of which one can be killed, and builds on it."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from indexer.pipeline.stored_vectors import StoredVectors
from search.store.catalog import Catalog

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

ROOT = Path(__file__).resolve().parent.parent
_STORE = 200 * 2**20
"""Bytes of the object store of a node."""


@contextmanager
def nodes(cpus: Sequence[int]) -> Iterator[Any]:
    """A cluster with one node for each number of CPUs; the first one is the head, which holds the cluster together."""
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    os.environ.setdefault("RAY_raylet_start_wait_time_s", "300")  # nodes start slowly on a busy machine
    # By default Ray's workers leave the CPU to other programs, and on a busy machine a build with them would be slower.
    os.environ["RAY_worker_niceness"] = "0"  # noqa: SIM112 - the name that Ray reads
    from ray.cluster_utils import Cluster

    cluster: Any = Cluster()
    try:
        for count in cpus:
            cluster.add_node(num_cpus=count, object_store_memory=_STORE, include_dashboard=False)
        cluster.wait_for_nodes()
        yield cluster
    finally:
        cluster.shutdown()


def kill_a_node(cluster: Any, chance: random.Random) -> None:
    """Kill -9 all processes of a node that is not the head: its workers first, then what manages them."""
    node = chance.choice(sorted(cluster.worker_nodes, key=lambda each: str(each.node_id)))
    managers = [info.process.pid for infos in node.all_processes.values() for info in infos]
    for process in [*_children(managers), *managers]:
        try:
            os.kill(process, signal.SIGKILL)
        except ProcessLookupError:
            continue
    cluster.worker_nodes.remove(node)


def build(pictures: Path, index: Path, words: Sequence[str]) -> dict[str, Any]:
    """Run `twinlens build` in a process of its own; its report, with `wall`, the seconds of the process."""
    began = time.perf_counter()
    command = [sys.executable, "-m", "indexer", "build", str(pictures), "--index", str(index), *words, "--json"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode not in (0, 3):  # 3: pictures were skipped
        raise SystemExit(f"{' '.join(command)}\n{done.stderr}")
    try:
        report: dict[str, Any] = json.loads(done.stdout)
    except ValueError:
        raise SystemExit(f"{' '.join(command)}: printed {done.stdout[:2000]!r}") from None
    return report | {"wall": time.perf_counter() - began}


def build_with_a_kill(
    cluster: Any, pictures: Path, index: Path, words: Sequence[str], after: float, chance: random.Random
) -> dict[str, Any]:
    """As `build` on a cluster, of which one node is killed `after` seconds; `killed` says whether it was in time."""
    before = len(cluster.worker_nodes)
    timer = threading.Timer(after, kill_a_node, (cluster, chance))
    timer.start()
    try:
        report = build(pictures, index, [*words, "--engine", "ray", "--address", cluster.address])
    finally:
        timer.cancel()
        timer.join()
    return report | {"killed": before > len(cluster.worker_nodes)}


def differences(one: Path, other: Path, tolerance: float = 1e-4) -> str | None:
    """The first difference between two indexes of the same pictures in words; None if they are equal."""
    rows, vectors = _contents(one)
    rows_too, vectors_too = _contents(other)
    if len(rows) != len(rows_too):
        return f"{len(rows)} pictures, and {len(rows_too)}"
    unequal = next((pair for pair in zip(rows, rows_too, strict=True) if pair[0] != pair[1]), None)
    if unequal is not None:
        return f"{unequal[0]}, and {unequal[1]}"
    apart = float(np.abs(vectors - vectors_too).max(initial=0.0))
    return f"vectors differ by {apart:.2g}" if apart > tolerance else None


def _contents(index: Path) -> tuple[list[tuple[Any, ...]], Any]:
    """Id, path, label, content hash and metadata of each picture by id, and the vectors."""
    catalog = Catalog.read(index)
    try:
        records = catalog.pictures.records()
        metadata = catalog.metadata.of([each.id for each in records])
        rows = [(r.id, str(r.path), r.label, r.content, r.width, r.height, metadata.get(r.id)) for r in records]
        taken = StoredVectors(catalog, int(catalog.settings()["dim"])).take([(r.segment, r.row) for r in records])
        return rows, taken
    finally:
        catalog.close()


def _children(parents: Sequence[int]) -> list[int]:
    """The processes whose parent is one of these, at any depth."""
    parent_of = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdecimal():
            try:
                parent_of[int(folder.name)] = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            except OSError:
                continue
    found: list[int] = []
    reached = set(parents)
    while new := [each for each, parent in parent_of.items() if parent in reached and each not in reached]:
        found += new
        reached |= set(new)
    return found
