"""Make the vectors of `benchmarks.million` from real embeddings, and their exact neighbours."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from search import open_index
from search.files.writing import replaced

if TYPE_CHECKING:
    import argparse

    from search.types import Floats, Rows


K = 10
QUERIES = 200
_MADE_AT_ONCE = 50_000


def real_embeddings(source: Path) -> Floats:
    """Unit rows `(N, D) float32` of an index or a .npy file."""
    if source.is_dir():
        with open_index(source, device="cpu") as engine:
            return engine.vectors()[1]
    rows: Floats = np.load(source, allow_pickle=False)
    return rows


def made(real: Floats, count: int, noise: float, seed: int) -> Floats:
    """Make unit rows `(count, D) float32` from real ones."""
    generator = np.random.default_rng(seed)
    vectors = np.empty((count, real.shape[1]), dtype=np.float32)
    for start in range(0, count, _MADE_AT_ONCE):
        part = vectors[start : start + _MADE_AT_ONCE]
        one, two, three = (real[generator.integers(0, len(real), len(part))] for _ in range(3))
        part[:] = one + np.float32(noise) * (two - three)
        part /= np.linalg.norm(part, axis=1, keepdims=True)
    return vectors


class Collection:
    """The batches as files, the rows removed after each, and the remaining rows; row n is the picture with id n + 1."""

    def __init__(self, folder: Path, real: Floats, options: argparse.Namespace) -> None:
        """Make the missing files; all of them depend only on the seed."""
        self.dim = real.shape[1]
        self.bounds = [options.rows * n // options.batches for n in range(options.batches + 1)]
        self.vectors = [folder / f"{n}.npy" for n in range(options.batches)]
        self.paths = [folder / f"{n}.txt" for n in range(options.batches)]
        self.doomed = [folder / f"{n}.json" for n in range(options.batches)]
        self.queries = folder / "queries.npy"
        self.alive = np.zeros(options.rows, dtype=np.bool_)
        _save(self.queries, real, QUERIES, options.noise, options.seed)
        for n, (first, last) in enumerate(pairwise(self.bounds)):
            _save(self.vectors[n], real, last - first, options.noise, options.seed + 1 + n)
            self.paths[n].write_text("".join(f"pictures/{row:08d}.jpg\n" for row in range(first, last)), "utf-8")
            self.alive[first:last] = True
            drawn = np.random.default_rng([options.seed, n])
            gone = drawn.choice(np.flatnonzero(self.alive), int(options.removed * (last - first)), replace=False)
            self.alive[gone] = False
            self.doomed[n].write_text(json.dumps(sorted((gone + 1).tolist())), "utf-8")

    def truth(self) -> tuple[Floats, Rows]:
        """Distances and ids `(Q, K)` of the exact neighbours among the remaining rows, in float64."""
        queries = np.load(self.queries).astype(np.float64)
        best = np.full((len(queries), K), np.inf)
        ids = np.zeros((len(queries), K), dtype=np.int64)
        for file, first in zip(self.vectors, self.bounds, strict=False):
            vectors = np.load(file, mmap_mode="r")
            for start in range(0, len(vectors), _MADE_AT_ONCE):
                part = vectors[start : start + _MADE_AT_ONCE].astype(np.float64)
                rows = np.arange(first + start, first + start + len(part))
                part, rows = part[self.alive[rows]], rows[self.alive[rows]]
                squares = 2 - 2 * queries @ part.T
                nearest = np.argpartition(squares, min(2 * K, squares.shape[1]) - 1, axis=1)[:, : 2 * K]
                exact = np.linalg.norm(part[nearest] - queries[:, None], axis=2)
                together, names = np.hstack([best, exact]), np.hstack([ids, rows[nearest] + 1])
                order = np.lexsort((names, together), axis=1)[:, :K]
                best, ids = np.take_along_axis(together, order, 1), np.take_along_axis(names, order, 1)
        return best, ids

    def distances(self, ids: Rows) -> Floats:
        """Distances `(Q, K)` of each query to the pictures of its ids, in float64."""
        queries = np.load(self.queries).astype(np.float64)
        files = [np.load(file, mmap_mode="r") for file in self.vectors]
        batches = np.searchsorted(self.bounds, ids - 1, side="right") - 1
        vectors = np.empty((*ids.shape, self.dim))
        for place in np.ndindex(ids.shape):
            vectors[place] = files[batches[place]][ids[place] - 1 - self.bounds[batches[place]]]
        exact: Floats = np.linalg.norm(vectors - queries[:, None], axis=2)
        return exact


def _save(file: Path, real: Floats, count: int, noise: float, seed: int) -> None:
    if not file.exists():
        with replaced(file) as stream:
            np.save(stream, made(real, count, noise, seed))


@dataclass
class Grown:
    """Results of all steps of one kind."""

    kind: str
    nothing: dict[str, Any]
    """A process with the same libraries and no vectors."""
    imports: list[dict[str, Any]] = field(default_factory=list)
    removals: list[dict[str, Any]] = field(default_factory=list)
    before: dict[str, Any] = field(default_factory=dict)
    rebuild: dict[str, Any] = field(default_factory=dict)
    after: dict[str, Any] = field(default_factory=dict)
