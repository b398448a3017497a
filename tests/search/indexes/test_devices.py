"""The device of each kind: the choice of `auto`, and the limits of the GPU."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from search.errors import UnsupportedError
from search.indexes import KINDS, index_class, resolve_device
from tests.search.indexes.structures_made import ON_GPU, Place, clustered, queries, stand_in


def test_a_cpu_opens_an_index_built_on_a_gpu(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    stand_in(monkeypatch)
    for kind in ("ivf", "ivfpq"):
        index = Place(kind, "cuda", "stand-in").ready(effort=5)
        index.save(tmp_path / kind)
        again = Place(kind, "cpu").load(tmp_path / kind, clustered(), **index.parameters)
        np.testing.assert_array_equal(again.search(queries(), 5)[1], index.search(queries(), 5)[1])


def test_limits_of_the_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in(monkeypatch)
    for kind in ON_GPU:
        index = Place(kind, "cuda", "stand-in").ready()
        assert index.supports(2048)
        assert not index.supports(2049)
        with pytest.raises(UnsupportedError, match=r"at most k=2048, not 2049: use --device cpu"):
            index.search(queries(), 2049)
        assert Place(kind, "cpu", "cpu").ready().supports(2049)
    for parameters, said in (({"m": 5}, "no version for m=5"), ({"nbits": 6}, "nbits=8")):
        with pytest.raises(UnsupportedError, match=said):
            Place("ivfpq", "cuda").build(clustered(300, 100), **parameters)
    for kind in set(KINDS) - set(ON_GPU):
        with pytest.raises(UnsupportedError, match=f"{kind}.*no cuda version"):
            index_class(kind)(device="cuda")


def test_ivfpq_reports_unsupported_parameters() -> None:
    with pytest.raises(UnsupportedError, match="divide"):
        index_class("ivfpq")(m=7).build(clustered())
    with pytest.raises(UnsupportedError, match="nbits"):
        index_class("ivfpq")(nbits=12).build(clustered())


def test_kinds_and_devices(monkeypatch: pytest.MonkeyPatch) -> None:
    assert KINDS == ("flat", "pq4", "hnsw", "hnsw8", "ivf", "ivfpq", "ivfpq4", "cagra", "hnswlib", "turbovec")
    with pytest.raises(UnsupportedError, match="flat, pq4, hnsw, hnsw8, ivf, ivfpq, ivfpq4, cagra, hnswlib, turbovec"):
        index_class("tree")
    for gpu in (False, True):
        monkeypatch.setattr("search.indexes._gpu_available", lambda there=gpu: there)
        for kind in (*KINDS, "auto"):
            able = kind in ON_GPU or kind == "auto"
            assert resolve_device("cpu", kind) == "cpu"
            assert resolve_device("auto", kind) == ("cuda" if gpu and able else "cpu")
            if gpu and able:
                assert resolve_device("cuda", kind) == "cuda"
            else:
                with pytest.raises(UnsupportedError, match="no GPU") as caught:
                    resolve_device("cuda", kind)
                assert "use --device auto or cpu" in str(caught.value)
    with pytest.raises(UnsupportedError, match="tpu"):
        resolve_device("tpu", "flat")  # type: ignore[arg-type]
    with pytest.raises(UnsupportedError, match="tree"):
        resolve_device("auto", "tree")


def test_filters_are_answered_exactly_while_that_is_fast() -> None:
    def exact_rows(kind: str, rows: int, dim: int) -> int:
        index = index_class(kind)()
        index.size, index.dim = rows, dim
        return index.exact_rows

    assert [exact_rows("hnsw", rows, 128) for rows in (0, 1000, 1_000_000)] == [16_384] * 3
    assert [exact_rows("ivf", 1_000_000, dim) for dim in (256, 512)] == [8_192, 4_096]
    assert [exact_rows("pq4", rows, 128) for rows in (0, 1000, 1_000_000)] == [2_000, 2_000, 62_500]


def test_a_kind_without_its_package_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "turbovec", None)
    monkeypatch.delitem(sys.modules, "search.indexes.turbovec_index", raising=False)
    with pytest.raises(UnsupportedError, match=r"the extra 'turbovec': pip install \"twinlens\[turbovec\]\""):
        index_class("turbovec")
