"""Simulated subjects, whose pictures are points around a centre, so that pairs of two subjects are correlated."""

from __future__ import annotations

import numpy as np

from indexer.calibration.pairs import Pairs


def subjects(count: int, pictures: int, seed: int, *, dim: int = 8, spread: float = 0.35):
    """Unit rows `(count * pictures, dim)`, and the subject of each; subjects differ in scatter."""
    random = np.random.default_rng(seed)
    centres = random.standard_normal((count, dim))
    centres /= np.linalg.norm(centres, axis=1, keepdims=True)
    scatter = spread * np.exp(0.3 * random.standard_normal(count)) / np.sqrt(dim) * 2
    rows = np.repeat(np.arange(count), pictures)
    points = centres[rows] + scatter[rows, None] * random.standard_normal((len(rows), dim))
    return (points / np.linalg.norm(points, axis=1, keepdims=True)).astype(np.float32), rows


def all_pairs(numbers: np.ndarray) -> Pairs:
    a, b = np.triu_indices(len(numbers), 1)
    return Pairs(a, b, numbers[a] == numbers[b], numbers[a], numbers[b])


def measured(count: int, pictures: int, seed: int, **options: float):
    vectors, numbers = subjects(count, pictures, seed, **options)
    return all_pairs(numbers).measured(vectors)
