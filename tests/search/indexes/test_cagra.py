"""Kind `cagra`: the graph of a GPU, with a stand-in where there is none; and exact search on a CPU."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from search.errors import UnsupportedError
from search.indexes import index_class, resolve_device
from search.indexes.faiss_cagra import FaissCagraIndex
from search.store.segments import Segment
from tests.search.indexes.structures_made import CagraStandIn, brute_force, cagra_stand_in, clustered, queries

if TYPE_CHECKING:
    from search.types import Floats, Rows


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[CagraStandIn]:
    """The graphs that were built on a GPU that is not there."""
    return cagra_stand_in(monkeypatch)


def answered(structure: Any, asked: Floats, allowed: Any = None) -> Rows:
    found: Rows = Segment(1, clustered(), structure).search(asked, 5, allowed)[1]
    return found


def test_a_segment_finds_what_the_graph_finds(made: list[CagraStandIn]) -> None:
    structure = FaissCagraIndex(device="cuda", degree=32).build(clustered())
    assert [(graph.ntotal, graph.degree) for graph in made] == [(2000, 32)]
    np.testing.assert_array_equal(answered(structure, queries()), brute_force(clustered(), queries(), 5)[1])
    rows = structure.candidates(queries(), 20).rows
    assert (rows == -1).sum() == 2 * len(queries()), "places that were not filled are no rows"


@pytest.mark.parametrize("every", [2, 20, 500])
def test_filters_take_more_candidates_or_compare_all(made: list[CagraStandIn], every: int) -> None:
    structure = FaissCagraIndex(device="cuda").build(clustered())
    allowed = np.zeros(2000, dtype=np.bool_)
    allowed[::every] = True
    distances, rows = structure.search(queries(), 3, allowed)
    assert set(rows[rows >= 0].tolist()) <= set(np.flatnonzero(allowed).tolist())
    assert np.isinf(distances[rows < 0]).all()
    truth = brute_force(clustered(), queries(), 3, allowed)[1]
    found = np.mean([len(set(one) & set(other)) / 3 for one, other in zip(rows.tolist(), truth.tolist(), strict=True)])
    assert found == 1.0 if every > 200 else found > 0.4, "neighbours that the filter rejects leave few candidates"
    np.testing.assert_array_equal(structure.search(queries(), 3, np.zeros(2000, dtype=np.bool_))[1], -1)


def test_rows_are_held_out_of_the_graph_until_complete(made: list[CagraStandIn]) -> None:
    held_out = np.arange(0, 2000, 40)
    structure = FaissCagraIndex(device="cuda").build(clustered(), held_out=held_out)
    assert made[-1].ntotal == 1950
    assert not np.isin(structure.search(clustered()[held_out], 5)[1], held_out).any()
    others = np.ones(2000, dtype=np.bool_)
    others[held_out] = False
    np.testing.assert_array_equal(
        answered(structure, clustered()[held_out]), brute_force(clustered(), clustered()[held_out], 5, others)[1]
    )
    structure.complete()
    assert made[-1].ntotal == 2000
    assert (structure.search(clustered()[held_out], 1)[0] == 0).all()


def test_few_rows_and_many_neighbours_are_searched_exactly(made: list[CagraStandIn]) -> None:
    few = FaissCagraIndex(device="cuda").build(clustered()[:999])
    assert made == []
    np.testing.assert_array_equal(few.search(queries(), 5)[1], brute_force(clustered()[:999], queries(), 5)[1])
    structure = FaissCagraIndex(device="cuda").build(clustered())
    assert not structure.supports(513)
    with pytest.raises(UnsupportedError, match="at most k=512"):
        structure.search(queries(), 513)
    assert answered(structure, queries()).shape == (40, 5)
    exact = Segment(1, clustered(), structure).search(queries(), 600)[1]
    np.testing.assert_array_equal(exact, brute_force(clustered(), queries(), 600)[1])


def test_without_cuvs_it_has_no_gpu_version(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("search.indexes._gpu_available", lambda: True)
    monkeypatch.setattr(FaissCagraIndex, "devices", frozenset({"cpu"}))
    assert resolve_device("auto", "cagra") == "cpu"
    with pytest.raises(UnsupportedError, match=r"no GPU version without a GPU and a FAISS .* cuVS.*use --device auto"):
        resolve_device("cuda", "cagra")
    monkeypatch.setattr(FaissCagraIndex, "devices", frozenset({"cpu", "cuda"}))
    assert resolve_device("auto", "cagra") == "cuda"


@pytest.mark.gpu
def test_the_graph_of_a_gpu() -> None:
    if "cuda" not in index_class("cagra").devices:
        pytest.skip("there is no GPU, or FAISS was built without cuVS")
    structure = FaissCagraIndex(device="cuda", effort=128).build(clustered())
    found, truth = answered(structure, queries()), brute_force(clustered(), queries(), 5)[1]
    assert np.mean([len(set(f) & set(t)) / 5 for f, t in zip(found.tolist(), truth.tolist(), strict=True)]) > 0.95
