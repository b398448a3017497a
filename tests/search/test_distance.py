"""One distance a pair, bit for bit, whoever measures it; against exact sums of the same numbers."""

import math
from pathlib import Path

import numpy as np
import pytest

from indexer.calibration.pairs import Pairs
from indexer.duplicates.neighbours import Neighbours
from search import distance
from search.distance import pair_distances, within
from search.indexes import KINDS, index_class
from search.query.collapse import Collapse
from search.recognition.calibration import verify_vectors
from search.recognition.confidence import Confidence
from search.recognition.identities import Gallery
from search.store.records import TemplateRecord
from search.store.segments import Segment
from search.types import Hit

QUERIES = 5


def unit_rows(dim: int, rows: int = 90) -> np.ndarray:
    """Clusters, so that pairs lie at all distances: copies, near copies, strangers, and opposites."""
    random = np.random.default_rng(dim)
    centres = random.standard_normal((4, dim))
    spread = 10.0 ** random.uniform(-6, 0, (rows, 1))
    vectors = centres[random.integers(0, 4, rows)] + spread * random.standard_normal((rows, dim))
    vectors[7], vectors[8] = vectors[0], -vectors[0]
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def exact(a: np.ndarray, b: np.ndarray) -> float:
    """The distance of two rows, rounded once."""
    apart = math.sqrt(math.fsum((float(x) - float(y)) ** 2 for x, y in zip(a, b, strict=True)))
    return float(min(np.float32(apart), np.float32(2.0)))


def by_segment(kind: str, vectors: np.ndarray) -> np.ndarray:
    """The door of every query, in a block and one by one: found by the structure, measured again."""
    segment = Segment(1, vectors, index_class(kind)().build(vectors))
    if "effort" in segment.structure.defaults:
        segment.structure.effort = 4096
    answers = [segment.search(vectors[:QUERIES], len(vectors))]
    answers += [segment.search(vectors[place][None], len(vectors)) for place in range(QUERIES)]
    single = np.concatenate([distances for distances, _ in answers[1:]])
    np.testing.assert_array_equal(answers[0][0], single)
    found = np.full((QUERIES, len(vectors)), np.nan)
    np.put_along_axis(found, answers[0][1], answers[0][0].astype(np.float64), axis=1)
    return found


def by_duplicates(vectors: np.ndarray) -> np.ndarray:
    class Points:
        def vectors(self, points: np.ndarray) -> np.ndarray:
            return vectors[points]

    near = Neighbours(Points(), np.arange(len(vectors)), 2.0)  # type: ignore[arg-type]
    which, found, apart = near.around(np.arange(QUERIES))
    distances = np.zeros((QUERIES, len(vectors)))
    distances[which, found] = apart
    return distances


def by_collapse(vectors: np.ndarray) -> np.ndarray:
    """Everything is a copy of the first hit, and measured from the query as such."""
    distances = np.empty((QUERIES, len(vectors)))
    for place in range(QUERIES):
        hits = [Hit(row, Path(str(row)), None, exact(vectors[place], each)) for row, each in enumerate(vectors)]
        collapse = Collapse(
            2.0, lambda query, k, hits=hits: [hits[:k]] * len(query), lambda ids: vectors[list(ids)], Confidence()
        )
        (kept,) = collapse(vectors[place], 1)
        for hit in (kept, *(kept.copies or ())):
            distances[place, hit.id] = hit.distance
    return distances


def by_calibration(vectors: np.ndarray) -> np.ndarray:
    a, b = np.divmod(np.arange(QUERIES * len(vectors)), len(vectors))
    measured = Pairs(a, b, np.arange(len(a)) % 2 == 0, a, b).measured(vectors)
    return measured.distances.reshape(QUERIES, len(vectors))


def by_verification(vectors: np.ndarray) -> np.ndarray:
    return np.array([[verify_vectors(a, b[None]).distance for b in vectors] for a in vectors[:QUERIES]])


def by_identification(vectors: np.ndarray) -> np.ndarray:
    templates = [TemplateRecord(f"{row:03d}", "", Path("p"), v.tobytes(), {}, "") for row, v in enumerate(vectors)]
    gallery = Gallery(templates, vectors.shape[1])
    ranked = [sorted(gallery.candidates(v, "best", None), key=lambda c: c.name) for v in vectors[:QUERIES]]
    means = [sorted(gallery.candidates(v, "mean", None), key=lambda c: c.name) for v in vectors[:QUERIES]]
    assert ranked == means, "the mean of one picture is that picture"
    return np.array([[candidate.distance for candidate in each] for each in ranked])


DOORS = {
    **{kind: lambda vectors, kind=kind: by_segment(kind, vectors) for kind in KINDS},
    "duplicates": by_duplicates,
    "collapse": by_collapse,
    "calibration": by_calibration,
    "verification": by_verification,
    "identification": by_identification,
}


@pytest.mark.parametrize("dim", [2, 17, 128, 1001])
@pytest.mark.parametrize("door", DOORS)
def test_every_door_gives_the_distance_rounded_once(door: str, dim: int) -> None:
    vectors = unit_rows(dim)
    truth = np.array([[exact(a, b) for b in vectors] for a in vectors[:QUERIES]])
    np.testing.assert_array_equal(DOORS[door](vectors), truth)


def test_a_threshold_is_compared_as_it_is() -> None:
    """0.3 is a little less than its float32, which NumPy alone would call equal."""
    apart = np.array([0.3, 0.29], dtype=np.float32)
    assert float(apart[0]) > 0.3
    assert within(apart, 0.3).tolist() == [False, True]
    assert within(apart, float(apart[0])).tolist() == [True, True]


@pytest.mark.parametrize("block", [1, 100, 5000])
def test_pairs_in_blocks_of_any_size(block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    vectors = unit_rows(17)
    a, b = np.random.default_rng(0).integers(0, len(vectors), (2, 50))
    monkeypatch.setattr(distance, "_BLOCK_BYTES", block)
    found = pair_distances(vectors, vectors, a, b)
    assert found.tolist() == [exact(vectors[i], vectors[j]) for i, j in zip(a, b, strict=True)]
    assert pair_distances(vectors, vectors, a[:0], b[:0]).shape == (0,)
