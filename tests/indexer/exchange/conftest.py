"""Vectors of other programs."""

from pathlib import Path

import numpy as np
import pytest

from indexer.exchange.config import ImportConfig

QUICK = ImportConfig(encoder="clip-vit-b32", foreign=True, device="cpu")


def unit(rows: int, dim: int = 8, seed: int = 0) -> np.ndarray:
    """Random unit rows, float32."""
    vectors = np.random.default_rng(seed).standard_normal((rows, dim))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def brute_force(vectors: np.ndarray, query: np.ndarray, k: int) -> list[tuple[int, float]]:
    """Row and Euclidean distance of the k nearest neighbours, ties by row."""
    distances = [(float(np.sqrt(np.sum((row.astype(np.float64) - query) ** 2))), n) for n, row in enumerate(vectors)]
    return [(n, distance) for distance, n in sorted(distances)[:k]]


@pytest.fixture
def ten(tmp_path: Path) -> tuple[Path, Path, np.ndarray]:
    """Ten unit vectors of 8 as a .npy file, a list of their paths, and the vectors."""
    vectors = unit(10)
    np.save(tmp_path / "ten.npy", vectors)
    (tmp_path / "ten.txt").write_text("".join(f"shots/{n}.jpg\n" for n in range(10)))
    return tmp_path / "ten.npy", tmp_path / "ten.txt", vectors
