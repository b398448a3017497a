"""Vectors, their brute-force neighbours, and every kind on every device that it supports."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from search.indexes import index_class
from search.indexes.base import VectorIndex

ON_GPU = ("flat", "ivf", "ivfpq")
RECALL = {
    "flat": 1.0,
    "pq4": 0.5,
    "hnsw": 0.99,
    "hnsw8": 0.95,
    "ivf": 1.0,
    "ivfpq": 0.8,
    "ivfpq4": 0.5,
    "cagra": 1.0,
    "hnswlib": 0.99,
    "turbovec": 0.7,
}
"""Minimum recall@10 at full effort; that of the kinds in `ROUNDED` is measured without the re-ranking they need."""
ROUNDED = {"ivfpq": 0.3, "pq4": 0.45, "ivfpq4": 0.45, "hnsw8": 0.02, "turbovec": 0.2}
"""Kinds that rank by compressed vectors, and the largest error of their distances."""
GRAPHS = ("hnsw", "hnsw8", "hnswlib")


@dataclass(frozen=True)
class Place:
    """A kind and its device; `label` distinguishes a stand-in from a GPU."""

    kind: str
    device: str
    label: str = ""

    def build(self, vectors: np.ndarray, **parameters: Any) -> VectorIndex:
        return index_class(self.kind)(device=self.device, **parameters).build(vectors)

    def ready(self, *, effort: int | None = None) -> VectorIndex:
        """The shared index over `clustered()`, which tests may not change, at full effort by default."""
        index = _shared(self)
        ladder = index.effort_ladder(index.size)
        if ladder:
            index.effort = effort or ladder[-1]
        return index

    def load(self, path: Path, vectors: np.ndarray, **parameters: Any) -> VectorIndex:
        return index_class(self.kind).load(path, vectors, device=self.device, **parameters)


class GpuStandIn:
    """A FAISS CPU index that behaves like a GPU index."""

    def __init__(self, index: Any) -> None:
        self.index = index

    def add(self, vectors: np.ndarray) -> None:
        self.index.add(vectors)

    def add_with_ids(self, vectors: np.ndarray, rows: np.ndarray) -> None:
        self.index.add_with_ids(vectors, rows)

    def search(self, queries: np.ndarray, k: int, params: Any = None) -> Any:
        assert k <= 2048
        assert params is None or params.sel is None, "FAISS's GPU indexes ignore selectors"
        return self.index.search(queries, k, params=params)


@cache
def _shared(place: Place) -> VectorIndex:
    return place.build(clustered())


def stand_in(monkeypatch: pytest.MonkeyPatch) -> None:
    from search.indexes import faiss_base, faiss_ivf, gpu
    from search.indexes.faiss_library import faiss

    def move(index: Any, *, half_tables: bool = False) -> Any:
        return GpuStandIn(faiss.clone_index(index))

    def move_quantizer(index: Any) -> Any:
        return faiss.clone_index(index)

    monkeypatch.setattr(gpu, "move_to_gpu", move)
    monkeypatch.setattr(faiss_base, "move_to_gpu", move)
    monkeypatch.setattr(faiss_ivf, "move_to_gpu", move_quantizer)
    monkeypatch.setattr(faiss_base, "copy_to_cpu", lambda index: faiss.clone_index(index.index))


class CagraStandIn:
    """What the graph of a GPU does: it finds the nearest rows, and here misses the last one in ten."""

    def __init__(self, vectors: np.ndarray, degree: int) -> None:
        self.vectors, self.degree, self.ntotal = vectors, degree, len(vectors)

    def walk(self, asked: np.ndarray, count: int, kept: int) -> np.ndarray:
        assert count <= kept <= 512
        assert kept % 32 == 0
        rows = brute_force(self.vectors, asked, count)[1].astype(np.int64)
        rows[:, 9::10] = 2**32 - 1  # how cuVS marks a place that it did not fill
        return rows


def cagra_stand_in(monkeypatch: pytest.MonkeyPatch) -> list[CagraStandIn]:
    """Stand-ins for the graphs of a GPU, in the order in which they are built from now on."""
    from search.indexes import faiss_cagra

    graphs: list[CagraStandIn] = []

    def build(vectors: np.ndarray, degree: int) -> CagraStandIn:
        graphs.append(CagraStandIn(vectors, degree))
        return graphs[-1]

    monkeypatch.setattr(faiss_cagra.FaissCagraIndex, "devices", frozenset({"cpu", "cuda"}))
    monkeypatch.setattr(faiss_cagra, "build_cagra", build)
    monkeypatch.setattr(faiss_cagra, "walk_cagra", CagraStandIn.walk)
    return graphs


def unit(vectors: np.ndarray) -> np.ndarray:
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


@cache
def clustered(rows: int = 2000, dim: int = 32, seed: int = 0) -> np.ndarray:
    """Forty clusters; every hundredth row duplicates the one before."""
    random = np.random.default_rng(seed)
    centres = random.standard_normal((40, dim))
    vectors = unit(centres[random.integers(40, size=rows)] + 0.35 * random.standard_normal((rows, dim)))
    vectors[1::100] = vectors[0::100][: len(vectors[1::100])]
    vectors.flags.writeable = False
    return vectors


def queries(count: int = 40, dim: int = 32) -> np.ndarray:
    """Query vectors: half are rows of the collection, half are new."""
    new = clustered(dim=dim, seed=0)[500 : 500 + count // 2] + np.float32(0.05)
    return np.concatenate([clustered(dim=dim)[: count // 2], unit(new)])


def brute_force(
    vectors: np.ndarray, asked: np.ndarray, k: int, allowed: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Distances in float64, rounded to float32; ties by row."""
    distances, rows = np.full((len(asked), k), np.inf, np.float32), np.full((len(asked), k), -1)
    candidates = np.arange(len(vectors)) if allowed is None else np.flatnonzero(allowed)
    for number, query in enumerate(asked.astype(np.float64)):
        apart = np.sqrt(((vectors[candidates].astype(np.float64) - query) ** 2).sum(axis=1)).astype(np.float32)
        found = sorted(zip(apart.tolist(), candidates.tolist(), strict=True))[:k]
        for position, (distance, row) in enumerate(found):
            distances[number, position], rows[number, position] = distance, row
    return distances, rows


def full_effort(index: VectorIndex) -> VectorIndex:
    ladder = index.effort_ladder(index.size)
    if ladder:
        index.effort = ladder[-1]
    return index


def recall(found: np.ndarray, truth: np.ndarray) -> float:
    return float(np.mean([len(set(f) & set(t)) / len(t) for f, t in zip(found.tolist(), truth.tolist(), strict=True)]))


def check_answers(
    place: Place, vectors: np.ndarray, asked: np.ndarray, distances: np.ndarray, rows: np.ndarray
) -> None:
    """Check what holds for every result of every kind."""
    assert distances.dtype == np.float32
    assert rows.dtype == np.int64
    assert distances.shape == rows.shape
    assert (np.isinf(distances) == (rows == -1)).all()
    for number, query in enumerate(asked.astype(np.float64)):
        found = rows[number][rows[number] >= 0]
        shown = distances[number][: len(found)]
        assert (rows[number][len(found) :] == -1).all(), "padding comes last"
        assert len(set(found.tolist())) == len(found)
        assert (shown >= 0).all()
        assert (shown <= 2).all()
        assert sorted(zip(shown.tolist(), found.tolist(), strict=True)) == list(
            zip(shown.tolist(), found.tolist(), strict=True)
        )
        true = np.linalg.norm(vectors[found].astype(np.float64) - query, axis=1)
        assert np.abs(shown - true).max(initial=0) <= ROUNDED.get(place.kind, 1e-5)
