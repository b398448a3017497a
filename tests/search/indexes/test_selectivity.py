"""Filters that pass 0.01 to 50 % of the rows, spread evenly or all in one place, cost no recall, as a segment answers.

Also: parameters of structures, those given and those of earlier versions.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from search.errors import UnsupportedError
from search.indexes import KINDS, check_parameters, index_class
from search.store.segments import Segment
from tests.search.indexes.structures_made import brute_force, clustered, full_effort, queries

ROWS = 10_000
SHARES = (0.0001, 0.001, 0.01, 0.1, 0.5)


@cache
def segment(kind: str) -> Segment:
    quick = {"M": 16, "ef_construction": 60} if kind in ("hnsw", "hnsw8", "hnswlib") else {}
    vectors = clustered(ROWS)
    index = index_class(kind)(**quick).build(vectors)
    if not index.exact:
        index.effort = 64
    return Segment(1, vectors, index, exact_rows=int(0.05 * ROWS) - 1)


def mask(share: float, spread: str) -> np.ndarray:
    count = max(1, int(share * ROWS))
    chosen = np.zeros(ROWS, dtype=np.bool_)
    if spread == "evenly":
        chosen[np.random.default_rng(3).permutation(ROWS)[:count]] = True
    elif spread == "one place":  # the rows nearest to one vector, far from most queries
        chosen[np.argsort(clustered(ROWS) @ clustered(ROWS)[7], kind="stable")[-count:]] = True
    else:
        chosen[ROWS - count :] = True
    return chosen


@pytest.mark.thinned(4)
@pytest.mark.parametrize("spread", ["evenly", "one place", "last"])
@pytest.mark.parametrize("share", SHARES)
@pytest.mark.parametrize("kind", KINDS)
def test_a_filter_costs_no_recall(kind: str, share: float, spread: str) -> None:
    chosen, asked = mask(share, spread), queries(20)
    rows = segment(kind).search(asked, 10, chosen)[1]
    truth = brute_force(clustered(ROWS), asked, 10, chosen)[1]
    assert chosen[rows[rows >= 0]].all()
    assert np.count_nonzero(rows >= 0) == np.count_nonzero(truth >= 0)
    found = sum(len(set(f) & set(t) - {-1}) for f, t in zip(rows.tolist(), truth.tolist(), strict=True))
    assert found / np.count_nonzero(truth >= 0) >= 0.95


@pytest.mark.parametrize("share", SHARES)
def test_pq4_needs_no_exact_search_for_narrow_filters(share: float) -> None:
    chosen, asked = mask(share, "evenly"), queries(20)
    rows = full_effort(index_class("pq4")().build(clustered(ROWS))).search(asked, 160, chosen)[1]
    truth = brute_force(clustered(ROWS), asked, 10, chosen)[1]
    held = [set(truth_row) - {-1} <= set(row) for row, truth_row in zip(rows.tolist(), truth.tolist(), strict=True)]
    assert np.mean(held) >= 0.95


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "flat"])
def test_a_given_effort_is_not_tuned(kind: str) -> None:
    assert index_class(kind)(effort=33).effort_ladder(10_000) == (33,)
    assert len(index_class(kind)().effort_ladder(10_000)) > 3


@pytest.mark.parametrize("kind", ["ivf", "ivfpq", "ivfpq4"])
def test_all_clusters_are_probed_at_full_effort(kind: str) -> None:
    assert index_class(kind)(nlist=200).effort_ladder(5000)[-1] == 200
    assert index_class(kind)(nlist=200).effort_ladder(50)[-1] == 50


def test_the_name_of_a_parameter_in_earlier_versions() -> None:
    index = index_class("hnsw")(efConstruction=20)
    assert index.parameters["ef_construction"] == 20
    assert "efConstruction" not in index.parameters


def test_parameters_are_checked_before_the_work() -> None:
    check_parameters("hnsw8", {"M": 16, "ef_construction": 200, "threads": 1})
    with pytest.raises(UnsupportedError, match=r"no parameter 'nlist'; it has: M, ef_construction, threads, effort"):
        check_parameters("hnsw", {"nlist": 16})
    with pytest.raises(UnsupportedError, match="M must be a whole number from 2, not 1"):
        check_parameters("hnsw", {"M": 1})
    with pytest.raises(UnsupportedError, match="'flat' has no parameter 'M'; it has: none"):
        check_parameters("flat", {"M": 16})
    with pytest.raises(UnsupportedError, match=r"'M' belongs to an index kind.*by name"):
        check_parameters("auto", {"M": 16})
    with pytest.raises(UnsupportedError, match="no parameter 'device'"):
        check_parameters("hnsw", {"device": 1})
    with pytest.raises(UnsupportedError, match="nbits must be a whole number from 1 to 8, not 12"):
        check_parameters("ivfpq", {"nbits": 12})
    with pytest.raises(UnsupportedError, match="tree"):
        check_parameters("tree", {"M": 16})


@pytest.mark.parametrize("kind", KINDS)
def test_a_filter_without_the_neighbourhood_of_the_query_costs_no_recall(kind: str) -> None:
    found = []
    for query in queries(8):
        chosen = np.ones(ROWS, dtype=np.bool_)
        chosen[np.argsort(clustered(ROWS) @ query, kind="stable")[-ROWS // 4 :]] = False
        rows = segment(kind).search(query[None], 10, chosen)[1][0].tolist()
        truth = brute_force(clustered(ROWS), query[None], 10, chosen)[1][0].tolist()
        found.append(len(set(rows) & set(truth)) / 10)
    assert np.mean(found) >= 0.95
