"""Queries that recall is measured with are like new pictures, and its interval holds for those."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from indexer.metrics.wilson import mean_of_shares
from indexer.tuning.probes import MOVED_COPIES, MOVED_ROWS, choose_probes
from indexer.tuning.structure import build_structure
from search.config import BuildConfig
from search.store.segments import Segment, exact_search

if TYPE_CHECKING:
    from indexer.metrics.bootstrap import Figure
    from search.types import Floats, Rows


def spread(count: int, dim: int, seed: int) -> Floats:
    rows = np.random.default_rng(seed).standard_normal((count, dim))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def copied(originals: Floats, times: int, noise: float, seed: int) -> Floats:
    """Each original many times, each time with a little noise, in random order."""
    random = np.random.default_rng(seed)
    rows = np.repeat(originals, times, axis=0)
    rows = rows + noise * spread(len(rows), rows.shape[1], seed)
    rows = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return rows[random.permutation(len(rows))].astype(np.float32)


def found(vectors: Floats, structure: object, queries: Floats) -> Figure:
    """Recall@10 of queries against a sorted list of all cosines, with its interval."""
    rows = Segment(1, vectors, structure).search(queries, 10)[1]  # type: ignore[arg-type]
    truth = np.argsort(-(queries.astype(np.float64) @ vectors.T.astype(np.float64)), axis=1)[:, :10]
    shares = [len(set(one) & set(other)) / 10 for one, other in zip(rows.tolist(), truth.tolist(), strict=True)]
    return mean_of_shares(np.array(shares), 10)


@pytest.mark.thinned(3)
@pytest.mark.parametrize("kind", ["ivf", "hnsw", "hnswlib"])
def test_copies_in_a_collection_do_not_raise_the_stated_recall(kind: str) -> None:
    """Sixteen near copies of every picture: a structure finds a row among its copies, and not a new picture's."""
    everything = spread(1800, 48, 3)
    vectors, queries = copied(everything[:1500], 16, 0.12, 4), everything[1500:]
    built = build_structure(vectors, BuildConfig(kind=kind, recall=0.9, device="cpu"))
    assert built.tuning is not None
    recall = built.tuning.recall
    assert recall is not None
    assert recall.low <= recall.value <= recall.high
    assert recall.low >= 0.9
    real = found(vectors, built.structure, queries)
    assert real.high is not None
    assert real.high >= recall.low, "the intervals of both overlap, or the stated one is lower"


@pytest.mark.thinned(2)
@pytest.mark.parametrize("kind", ["ivf", "hnsw8"])
def test_copies_that_are_only_half_as_far_as_other_pictures(kind: str) -> None:
    """Where pictures lie densely: variants of one are half as far apart as it is from the next."""
    random = np.random.default_rng(2)
    flat = np.sin(random.uniform(-1, 1, (2300, 6)) @ random.standard_normal((6, 48)))
    originals = (flat / np.linalg.norm(flat, axis=1, keepdims=True)).astype(np.float32)
    originals, queries = originals[:2000], originals[2000:]
    between = np.sqrt(2 - 2 * np.sort(originals @ originals.T, axis=1)[:, -2])
    vectors = copied(originals, 16, float(np.median(between)) / 2 / 2**0.5, 4)
    built = build_structure(vectors, BuildConfig(kind=kind, recall=0.9, device="cpu"))
    assert built.tuning is not None
    recall = built.tuning.recall
    assert recall is not None
    real = found(vectors, built.structure, queries)
    assert real.high is not None
    assert real.high >= recall.low, "the intervals of both overlap, or the stated one is lower"


def test_copies_of_a_probe_are_held_out_and_other_rows_are_not() -> None:
    vectors = copied(spread(400, 48, 3), 16, 0.12, 4)
    probes = choose_probes(vectors)
    assert probes.by == MOVED_ROWS
    assert len(probes.held_out) <= 320
    assert len(np.unique(probes.held_out)) == len(probes.held_out)
    others = np.setdiff1d(np.arange(len(vectors)), probes.held_out)
    nearest = np.sqrt(np.maximum(0, 2 - 2 * (probes.queries @ vectors[others].T).max(axis=1)))
    assert nearest.min() > 0.5, "a copy lies within 0.2, another picture beyond 0.8"
    plain = choose_probes(spread(2000, 48, 5))
    assert len(plain.held_out) == len(plain.queries) >= 95, "without copies the probes alone are held out"


@pytest.mark.parametrize(("groups", "times"), [(120, 100), (200, 100)])
def test_large_groups_of_copies_are_held_out_whole(groups: int, times: int) -> None:
    """Before, so many copies were left in, and the stated recall was 0.99 where new pictures had 0.39."""
    originals = spread(groups, 48, 3)
    vectors = copied(originals, times, 0.12, 4)
    probes = choose_probes(vectors)
    of = np.argmax(vectors[probes.held_out] @ originals.T, axis=1)
    assert set(np.bincount(of, minlength=groups)) == {0, times}
    assert 16 <= len(probes.queries) == len(np.unique(of))
    assert len(probes.held_out) <= len(vectors) / 5


def test_copies_that_are_too_many_to_be_held_out_are_told() -> None:
    probes = choose_probes(copied(spread(70, 48, 3), 100, 0.12, 4))
    assert len(probes.queries) == 350
    assert probes.by == MOVED_COPIES


@pytest.mark.parametrize("apart", [1e-3, 1e-4, 1e-5])
def test_recall_where_all_rows_are_nearly_alike(apart: float) -> None:
    """Distances of a hundred-thousandth count like others: each is compared exactly, as `--audit` does."""
    rows = np.random.default_rng(0).standard_normal((2600, 32)) * [1.0, *[apart] * 31]
    rows[:, 0] = 1
    rows = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    vectors, queries = rows[:2000], rows[2000:]
    built = build_structure(vectors, BuildConfig(kind="pq4", device="cpu", params={"effort": 1}))
    assert built.tuning is not None
    recall = built.tuning.recall
    assert recall is not None
    truth = exact_search(vectors, queries, 10, None)[0][:, -1:]
    real = (Segment(1, vectors, built.structure).search(queries, 10)[0] <= truth).mean()
    assert recall.low - 0.02 <= real <= recall.high + 0.02


@pytest.mark.parametrize("times", [200, 2000])
def test_a_collection_of_one_picture_and_its_copies(times: int) -> None:
    vectors = copied(spread(1, 16, 0), times, 1e-4, 1)
    built = build_structure(vectors, BuildConfig(kind="hnsw", device="cpu"))
    assert built.tuning is not None
    assert built.tuning.recall is not None
    assert built.structure.size == times


def test_equal_rows_replace_one_another() -> None:
    """Fifty times the same row: whichever ten of them a search finds, none is missed."""
    vectors = np.repeat(spread(40, 16, 0), 50, axis=0)
    built = build_structure(vectors, BuildConfig(kind="ivf", device="cpu"))
    assert built.recall == 1.0
    assert built.structure.effort == 1


def test_too_few_rows_are_not_measured() -> None:
    vectors = spread(40, 16, 0)
    built = build_structure(vectors, BuildConfig(kind="hnsw", device="cpu"))
    assert built.recall == 1.0
    assert built.tuning is not None
    assert "too few rows" in str(built.tuning.recall)
    assert built.structure.effort == 40


@pytest.mark.parametrize(
    ("kind", "parameters"), [("ivf", {"nlist": 8, "effort": 1}), ("pq4", {"effort": 1}), ("hnsw", {"effort": 12})]
)
def test_a_given_effort_over_too_few_rows_states_no_recall(kind: str, parameters: dict[str, int]) -> None:
    """Only full effort is known to find everything."""
    vectors = spread(63, 16, 0)
    built = build_structure(vectors, BuildConfig(kind=kind, device="cpu", params=parameters))
    assert built.structure.effort == parameters["effort"]
    assert built.tuning is not None
    assert built.tuning.recall is not None
    assert not built.tuning.recall.reaches(0.01)
    assert str(built.tuning.recall) == "not measured, because there are fewer than 64 rows"
    full = BuildConfig(kind=kind, device="cpu", params=parameters | {"effort": 63})
    again = build_structure(vectors, full).tuning
    assert again is not None
    assert again.recall is not None
    assert again.recall.reaches(1.0)
    assert "full effort" in str(again.recall)


def test_graphs_have_a_floor_of_effort() -> None:
    built = build_structure(spread(500, 8, 0), BuildConfig(kind="hnsw", recall=0.0, device="cpu"))
    assert built.structure.effort == 32


def test_the_lower_end_of_the_interval_reaches_the_target_with_little_more_effort_than_needed() -> None:
    vectors = spread(4000, 24, 1)
    built = build_structure(vectors, BuildConfig(kind="ivf", recall=0.9, device="cpu"))
    assert built.tuning is not None
    assert built.tuning.recall is not None
    assert built.tuning.recall.reaches(0.9)
    assert built.tuning.recall.low < 0.96


class GivenViews:
    """Views that are vectors, of every second picture."""

    by = "given views"

    def __init__(self, vectors: Floats, readable: float) -> None:
        self.vectors, self.readable = vectors, readable
        self.rows: Rows = np.empty(0, dtype=np.int64)

    def choose(self, rows: int) -> int:
        return min(rows, 50)

    def embed(self, rows: Rows) -> tuple[Floats, Rows]:
        self.rows = rows
        places = np.arange(int(self.readable * len(rows)))
        return self.vectors[rows[places]], places


def test_views_of_pictures_are_used_where_most_can_be_read() -> None:
    vectors = spread(1000, 16, 2)
    views = GivenViews(vectors, 0.8)
    probes = choose_probes(vectors, views)
    assert probes.by == "given views"
    assert np.array_equal(probes.queries, vectors[views.rows[:40]])
    assert set(views.rows[:40].tolist()) <= set(probes.held_out.tolist())
    assert choose_probes(vectors, GivenViews(vectors, 0.3)).by == MOVED_ROWS
    assert choose_probes(vectors, GivenViews(vectors, 0.0)).by == MOVED_ROWS
