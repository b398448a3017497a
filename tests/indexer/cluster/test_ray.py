"""A build on a Ray cluster equals a local build, on two CPUs, after workers and nodes were lost."""

from __future__ import annotations

import os
import random
import shutil
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from benchmarks import ray_nodes
from indexer.cluster.block_results import BlockResults, packed_files, unpacked_files
from indexer.cluster.ray_engine import _cluster, _Digests
from indexer.collection.build import build
from indexer.pipeline.content_hash import content_hash
from indexer.pipeline.scan import FoundFile
from indexer.pipeline.staging import ReadResult
from search.errors import DataError
from tests.conftest import FAST, draw, fill
from tests.same_index import assert_same

RAY = replace(FAST, engine="ray")


def test_files_and_results_travel_unchanged() -> None:
    files = [
        FoundFile(Path("/a/b.png"), 1, 2, 3, 2**63 - 1),
        FoundFile(Path(os.fsdecode(b"/caf\xe9.png")), 0, 0),
        FoundFile(Path("/Ä 世界\n.png"), 5, 6, 0, 0),
    ]
    assert unpacked_files(packed_files(files)) == files
    results = BlockResults(3)
    read = [ReadResult(file.path, 1, 2, "ab", 4, 5, None, 6, 7, False, note="Ä") for file in files]
    vectors = np.random.default_rng(0).normal(size=(2, 3)).astype(np.float32)
    results.add(read, zip(read[:2], vectors, strict=True))
    back = BlockResults.unpacked(results.packed(), results.packed_vectors(), 3)
    assert (back.files, back.embedded) == (read, read[:2])
    assert np.array_equal(np.array(back.vectors), vectors)
    empty = BlockResults.unpacked(BlockResults(3).packed(), BlockResults(3).packed_vectors(), 3)
    assert (empty.files, list(empty.pairs())) == ([], [])


def test_known_digests() -> None:
    contents = [content_hash(bytes([number])) for number in range(200)] + ["00" * 20, "ff" * 20, "ab" * 19 + "00"]
    known = _Digests(np.array(sorted(map(bytes.fromhex, contents)), dtype="S20"))
    assert all(content in known for content in contents)
    assert not any(content_hash(b"x" + bytes([number])) in known for number in range(200))
    assert "ab" * 20 not in _Digests(np.array([], dtype="S20"))


def test_without_ray_the_message_names_the_extra(
    pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(DataError, match=r"pip install 'twinlens\[distributed\]'"):
        build(pictures, tmp_path / "photos.index", RAY)


@pytest.mark.parametrize("when", ["init", "shutdown"])
def test_what_ray_prints_is_not_the_output_of_the_command(
    when: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Messages about lost nodes are printed when the connection ends, at the latest."""
    verbs = {"is_initialized": lambda: False, "init": lambda **_: None, "shutdown": lambda: None}
    verbs[when] = lambda **_: sys.stdout.write("a node was lost\n")
    fake = ModuleType("ray")
    for name, verb in verbs.items():
        setattr(fake, name, verb)
    fake.data = ModuleType("ray.data")  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "ray", fake)
    monkeypatch.setitem(sys.modules, "ray.data", fake.data)
    with _cluster("192.0.2.1:6379"):
        pass
    shown = capsys.readouterr()
    assert (shown.out, shown.err) == ("", "a node was lost\n")


@pytest.fixture
def two_cpus() -> Iterator[None]:
    """A cluster of two CPUs: one process of Ray's own on this machine."""
    ray = pytest.importorskip("ray", reason="Ray is not installed: pip install 'twinlens[distributed]'")
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    os.environ.setdefault("RAY_raylet_start_wait_time_s", "300")  # on a busy machine
    how = {"include_dashboard": False, "log_to_driver": False, "_node_ip_address": "127.0.0.1"}
    ray.init(address="local", num_cpus=2, object_store_memory=100 * 2**20, **how)
    yield
    ray.shutdown()


@pytest.mark.filterwarnings("ignore")  # Ray's own
def test_two_cpus_build_what_a_local_build_does(
    two_cpus: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("indexer.cluster.ray_engine.BLOCK_FILES", 7)
    pictures = tmp_path / "pictures"
    fill(pictures, 40)
    (pictures / "copy.png").write_bytes((pictures / "label0" / "0000.png").read_bytes())
    (pictures / "broken.jpg").write_bytes(b"no picture")
    draw(100).save(os.fsencode(pictures) + b"/caf\xe9.png")
    build(pictures, tmp_path / "local.index", FAST)
    report = build(pictures, tmp_path / "ray.index", RAY)
    assert (report.added, len(report.skipped)) == (42, 1)
    assert_same(tmp_path / "local.index", tmp_path / "ray.index", 1e-4)
    fill(pictures, 3, first=200)
    for index in ("local.index", "ray.index"):
        changed = build(pictures, tmp_path / index, FAST if index == "local.index" else RAY)
        assert (changed.embedded, changed.added) == (3, 3)
    assert_same(tmp_path / "local.index", tmp_path / "ray.index", 1e-4)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # Ray's own
def test_a_node_killed_at_random_moments_loses_nothing(tmp_path: Path) -> None:
    """Three nodes of this machine; kill -9 of all processes of one that is not the head, five times."""
    pytest.importorskip("ray", reason="Ray is not installed: pip install 'twinlens[distributed]'")
    pictures = tmp_path / "pictures"
    fill(pictures, 3_000, labels=7)
    (pictures / "broken.jpg").write_bytes(b"no picture")
    words = ["--encoder", "color-layout", "--device", "cpu"]
    local, on_ray = tmp_path / "local.index", tmp_path / "ray.index"
    ray_nodes.build(pictures, local, words)
    with ray_nodes.nodes([1, 1, 1]) as cluster:
        how = ["--engine", "ray", "--address", cluster.address]
        seconds = ray_nodes.build(pictures, on_ray, [*words, *how])["wall"]
    assert_same(local, on_ray, 1e-4)
    chance, killed = random.Random(0), 0
    while killed < 5:
        shutil.rmtree(on_ray)
        with ray_nodes.nodes([1, 1, 1]) as cluster:
            after = chance.uniform(0.2, 0.8) * seconds
            report = ray_nodes.build_with_a_kill(cluster, pictures, on_ray, words, after, chance)
        killed += report["killed"]
        assert_same(local, on_ray, 1e-4)
