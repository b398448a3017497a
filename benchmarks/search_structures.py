"""Libraries of structures for `benchmarks.search`: faiss, hnswlib, usearch, turbovec."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.search_library import BUILD_EFFORT, FACTORS, FINE_PROBES, GRAPH_EFFORTS, LINKS, K, Library, imported

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from search.types import Floats, Mask, Rows


class FaissGraph(Library):
    """IndexHNSWFlat."""

    _index: Any

    package, modules = "faiss", ("faiss",)
    efforts: tuple[int, ...] = GRAPH_EFFORTS

    def _build(self, vectors: Floats, masks: Mapping[str, Mask], work: Path) -> None:
        faiss = imported("faiss")

        self._faiss = faiss
        self._index = faiss.IndexHNSWFlat(vectors.shape[1], LINKS)
        self._index.hnsw.efConstruction = BUILD_EFFORT
        self._index.add(vectors)
        self._bits = {name: np.packbits(mask, bitorder="little") for name, mask in masks.items()}

    def _search(self, queries: Floats, effort: int, chosen: str | None) -> Rows:
        selector = None if chosen is None else self._faiss.IDSelectorBitmap(self._bits[chosen])
        rows: Rows = self._index.search(queries, K, params=self._parameters(effort, selector))[1]
        return rows

    def _parameters(self, effort: int, selector: Any) -> Any:
        return self._faiss.SearchParametersHNSW(efSearch=effort, sel=selector)


class FaissCodes(FaissGraph):
    """4-bit fast-scan codes of two dimensions each, re-ranked by the vectors."""

    efforts: tuple[int, ...] = FACTORS

    def _build(self, vectors: Floats, masks: Mapping[str, Mask], work: Path) -> None:
        faiss = imported("faiss")

        self._faiss = faiss
        codes = faiss.index_factory(vectors.shape[1], f"PQ{vectors.shape[1] // 2}x4fs")
        codes.train(vectors)
        self._index = faiss.IndexRefineFlat(codes)
        self._index.add(vectors)

    def _search(self, queries: Floats, effort: int, chosen: str | None) -> Rows:
        if chosen is not None:
            raise LookupError
        rows: Rows = self._index.search(queries, K, params=self._faiss.IndexRefineSearchParameters(k_factor=effort))[1]
        return rows


class FaissClusteredCodes(FaissGraph):
    """The same codes in clusters, as many as the square root of the rows; 32 candidates a neighbour are re-ranked."""

    efforts: tuple[int, ...] = FINE_PROBES

    def _build(self, vectors: Floats, masks: Mapping[str, Mask], work: Path) -> None:
        faiss = imported("faiss")

        self._faiss = faiss
        clusters, parts = round(len(vectors) ** 0.5), vectors.shape[1] // 2
        self._codes = faiss.index_factory(vectors.shape[1], f"IVF{clusters},PQ{parts}x4fs")
        self._codes.by_residual = False
        self._codes.train(vectors)
        self._index = faiss.IndexRefineFlat(self._codes)
        self._index.add(vectors)

    def _search(self, queries: Floats, effort: int, chosen: str | None) -> Rows:
        if chosen is not None:
            raise LookupError
        within = self._faiss.SearchParametersIVF(nprobe=effort)
        parameters = self._faiss.IndexRefineSearchParameters(k_factor=32, base_index_params=within)
        rows: Rows = self._index.search(queries, K, params=parameters)[1]
        return rows


class Hnswlib(Library):
    """hnswlib on one thread."""

    package, modules, efforts = "hnswlib", ("hnswlib",), GRAPH_EFFORTS

    def _build(self, vectors: Floats, masks: Mapping[str, Mask], work: Path) -> None:
        hnswlib = imported("hnswlib")

        self._index = hnswlib.Index(space="l2", dim=vectors.shape[1])
        self._index.init_index(max_elements=len(vectors), M=LINKS, ef_construction=BUILD_EFFORT)
        self._index.add_items(vectors, np.arange(len(vectors)), num_threads=1)
        self._allowed = {name: set(np.flatnonzero(mask).tolist()) for name, mask in masks.items()}

    def _search(self, queries: Floats, effort: int, chosen: str | None) -> Rows:
        self._index.set_ef(effort)
        accept = None if chosen is None else self._allowed[chosen].__contains__
        try:
            rows, _ = self._index.knn_query(queries, K, num_threads=1, filter=accept)
        except RuntimeError:  # it reached fewer than ten
            return np.full((len(queries), K), -1, dtype=np.int64)
        return np.asarray(rows, dtype=np.int64)


class Usearch(Library):
    """usearch on one thread, with float or 8-bit vectors."""

    package, modules, efforts = "usearch", ("usearch.index",), GRAPH_EFFORTS

    def __init__(self, dtype: str) -> None:
        self._dtype = dtype

    def _build(self, vectors: Floats, masks: Mapping[str, Mask], work: Path) -> None:
        self._index = imported("usearch.index").Index(
            ndim=vectors.shape[1], metric="cos", dtype=self._dtype, connectivity=LINKS, expansion_add=BUILD_EFFORT
        )
        self._index.add(np.arange(len(vectors)), vectors, threads=1)

    def _search(self, queries: Floats, effort: int, chosen: str | None) -> Rows:
        if chosen is not None:
            raise LookupError
        self._index.expansion_search = effort
        keys = np.asarray(self._index.search(queries, K, threads=1).keys)
        return keys.astype(np.int64).reshape(len(queries), -1)


class Turbovec(Library):
    """4-bit codes of every dimension on one thread, re-ranked by the vectors in NumPy."""

    package, modules, efforts = "turbovec", ("turbovec",), FACTORS

    def _build(self, vectors: Floats, masks: Mapping[str, Mask], work: Path) -> None:
        turbovec = imported("turbovec")

        self._vectors, self._masks = vectors, dict(masks)
        self._index = turbovec.TurboQuantIndex(dim=vectors.shape[1], bit_width=4)
        self._index.calibrate(vectors[np.random.default_rng(0).choice(len(vectors), 1_024, replace=False)])
        self._index.add(vectors)
        self._index.prepare()

    def _search(self, queries: Floats, effort: int, chosen: str | None) -> Rows:
        mask = None if chosen is None else self._masks[chosen]
        rows = self._index.search(queries, K * effort, mask=mask)[1]
        cosines = np.einsum("qcd,qd->qc", self._vectors[rows], queries)
        nearest: Rows = np.take_along_axis(rows, np.argsort(-cosines, axis=1)[:, :K], axis=1)
        return nearest
