"""The libraries that `benchmarks.search` compares, by name; and Twinlens behind the methods of the others."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.search_databases import LanceDb, MilvusLite, QdrantLocal, Zvec
from benchmarks.search_library import FACTORS, FINE_PROBES, GRAPH_EFFORTS, PROBES, K, Library, padded
from benchmarks.search_structures import FaissClusteredCodes, FaissCodes, FaissGraph, Hnswlib, Turbovec, Usearch

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from search.types import Floats, Mask, Rows

_EFFORTS = {"pq4": FACTORS, "ivf": PROBES, "ivfpq": PROBES, "ivfpq4": FINE_PROBES}


class TwinlensKind(Library):
    """An index folder of one kind, asked as a program asks it."""

    package, modules = "twinlens", ("faiss", "hnswlib", "indexer.exchange.import_vectors", "search.engine")

    def __init__(self, kind: str, recall: float = 0.95) -> None:
        from search.indexes import AUTO, index_class

        self.kind, self.recall = kind, recall
        if kind != AUTO:
            self.efforts = _EFFORTS.get(kind, GRAPH_EFFORTS)
            self.efforts = (0,) if index_class(kind).exact else self.efforts

    def _build(self, vectors: Floats, masks: Mapping[str, Mask], work: Path) -> None:
        import indexer
        from indexer.exchange.config import ImportConfig
        from search import open_index

        np.save(work / "vectors.npy", vectors)
        paths = [f"pictures/{row:08d}.jpg" for row in range(len(vectors))]
        (work / "paths.txt").write_text("\n".join(paths), "utf-8")
        config = ImportConfig("benchmark", True, work / "paths.txt", kind=self.kind, device="cpu", recall=self.recall)
        indexer.import_vectors(work / "vectors.npy", work / "index", config)
        columns = (
            {"id": row + 1, **{name: bool(mask[row]) for name, mask in masks.items()}} for row in range(len(paths))
        )
        (work / "columns.jsonl").write_text("\n".join(map(json.dumps, columns)), "utf-8")
        indexer.load_metadata(work / "index", work / "columns.jsonl")
        self._engine = open_index(work / "index", device="cpu")
        self._structure = self._engine.segments[0].structure

    def _search(self, queries: Floats, effort: int, chosen: str | None) -> Rows:
        if effort and self._structure.effort != effort:
            self._structure.effort = effort
        where = None if chosen is None else f"{chosen} = true"
        hits = self._engine.search_vectors(queries, K, where=where)
        return padded([[hit.id - 1 for hit in found] for found in hits])

    def _version(self) -> str:
        return f"{self._structure.kind}, effort {self._structure.effort}"


LIBRARIES: dict[str, Callable[[], Library]] = {
    "Twinlens auto, recall 0.95": lambda: TwinlensKind("auto", 0.95),
    "Twinlens auto, recall 0.99": lambda: TwinlensKind("auto", 0.99),
    "Twinlens flat": lambda: TwinlensKind("flat"),
    "Twinlens pq4": lambda: TwinlensKind("pq4"),
    "Twinlens ivfpq4": lambda: TwinlensKind("ivfpq4"),
    "Twinlens hnsw8": lambda: TwinlensKind("hnsw8"),
    "Twinlens hnsw": lambda: TwinlensKind("hnsw"),
    "Twinlens ivf": lambda: TwinlensKind("ivf"),
    "Twinlens turbovec": lambda: TwinlensKind("turbovec"),
    "faiss HNSW": FaissGraph,
    "faiss PQ 4-bit fast scan + re-ranking": FaissCodes,
    "faiss IVF-PQ 4-bit fast scan + re-ranking": FaissClusteredCodes,
    "turbovec 4-bit + re-ranking": Turbovec,
    "hnswlib": Hnswlib,
    "usearch float32": lambda: Usearch("f32"),
    "usearch int8": lambda: Usearch("i8"),
    "zvec HNSW": Zvec,
    "LanceDB IVF-PQ": LanceDb,
    "Milvus Lite IVF": MilvusLite,
    "Qdrant local": QdrantLocal,
}
