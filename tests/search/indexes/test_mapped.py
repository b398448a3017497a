"""A loaded structure reads its file and the vectors where they are mapped, and stays valid as long as it lives."""

from __future__ import annotations

import gc
from pathlib import Path

import numpy as np
import pytest

from search.indexes import KINDS, index_class
from search.indexes.faiss_library import faiss
from tests.search.indexes.structures_made import clustered, queries


def saved(kind: str, folder: Path) -> dict[str, int]:
    index = index_class(kind)().build(clustered())
    index.save(folder / kind)
    np.save(folder / "v.npy", clustered())
    return index.parameters


@pytest.mark.parametrize("kind", ["hnsw", "hnsw8"])
def test_a_graph_copies_neither_links_nor_vectors(kind: str, tmp_path: Path) -> None:
    parameters = saved(kind, tmp_path)
    mapped = np.load(tmp_path / "v.npy", mmap_mode="r")
    graph = index_class(kind).load(tmp_path / kind, mapped, **parameters)._cpu  # type: ignore[attr-defined]
    storage = faiss.downcast_index(graph.storage)
    assert not graph.hnsw.neighbors.is_owned
    assert not storage.codes.is_owned
    if kind == "hnsw":
        held = faiss.rev_swig_ptr(storage.get_xb(), 2000 * 32)
        assert held.ctypes.data == mapped.ctypes.data


@pytest.mark.parametrize("kind", ["ivf", "ivfpq"])
def test_clusters_are_not_copied(kind: str, tmp_path: Path) -> None:
    parameters = saved(kind, tmp_path)
    index = index_class(kind).load(tmp_path / kind, clustered(), **parameters)
    lists = faiss.downcast_InvertedLists(index._cpu.invlists)  # type: ignore[attr-defined]
    assert not any(lists.codes.at(each).is_owned for each in range(lists.nlist) if lists.list_size(each))


@pytest.mark.parametrize("kind", [kind for kind in KINDS if index_class(kind).stored])
def test_a_structure_outlives_the_array_and_the_name_of_its_file(kind: str, tmp_path: Path) -> None:
    parameters = saved(kind, tmp_path)
    index = index_class(kind).load(tmp_path / kind, np.load(tmp_path / "v.npy", mmap_mode="r"), **parameters)
    expected = index_class(kind).load(tmp_path / kind, clustered(), **parameters).search(queries(), 7)
    (tmp_path / kind).unlink()
    (tmp_path / "v.npy").unlink()
    gc.collect()
    rubbish = [np.full((2000, 32), fill, dtype=np.float32) for fill in range(20)]
    for left, right in zip(index.search(queries(), 7), expected, strict=True):
        np.testing.assert_array_equal(left, right)
    assert len(rubbish) == 20


@pytest.mark.parametrize("kind", KINDS)
def test_the_estimated_size_is_that_of_the_file(kind: str, tmp_path: Path) -> None:
    estimate = index_class(kind).structure_bytes(2000, 32)
    if not index_class(kind).stored:
        assert estimate == {"flat": 0, "cagra": 2000 * 64 * 4}[kind], "a graph in the memory of a GPU has no file"
        return
    saved(kind, tmp_path)
    assert estimate == pytest.approx((tmp_path / kind).stat().st_size, rel=0.1)
