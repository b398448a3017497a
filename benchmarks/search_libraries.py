"""The libraries that `benchmarks.search` compares, each behind the same few methods.

Each library is imported when it is built, and is only measured if that succeeds.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from search.types import Floats, Mask, Rows

LINKS, BUILD_EFFORT, K = 32, 100, 10
"""Graphs of all libraries have the same number of links, and consider as many candidates while they are built."""
GRAPH_EFFORTS = (16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512)
PROBES = (1, 2, 4, 8, 16, 32, 64, 128, 256)
FINE_PROBES = (8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384)
FACTORS = (1, 2, 4, 8, 16, 32)
_EFFORTS = {"pq4": FACTORS, "ivf": PROBES, "ivfpq": PROBES, "ivfpq4": FINE_PROBES}
_ROWS_AT_ONCE = 2_000


class Library(ABC):
    """One library with one kind of index over unit rows `(N, D) float32`."""

    package: ClassVar[str]
    efforts: tuple[int, ...] = (0,)
    """What to try, cheapest first."""

    def build(self, vectors: Floats, masks: Mapping[str, Mask], work: Path) -> None:
        """Index the rows, with one boolean column per mask `(N,)`."""
        self._build(vectors, masks, work)

    def search(self, queries: Floats, effort: int, chosen: str | None) -> Rows:
        """The ten nearest rows `(Q, 10)`, of those that the column `chosen` marks; -1 for none.

        Raises:
            LookupError: the library has no filters.
        """
        return self._search(queries, effort, chosen)

    def version(self) -> str:
        """Installed version, or what was chosen."""
        return self._version()

    @abstractmethod
    def _build(self, vectors: Floats, masks: Mapping[str, Mask], work: Path) -> None:
        """As `build`."""

    @abstractmethod
    def _search(self, queries: Floats, effort: int, chosen: str | None) -> Rows:
        """As `search`."""

    def _version(self) -> str:
        try:
            return version(self.package)
        except PackageNotFoundError:
            return version(f"{self.package}-gpu")


class TwinlensKind(Library):
    """An index folder of one kind, asked as a program asks it."""

    package = "twinlens"

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


class FaissGraph(Library):
    """IndexHNSWFlat."""

    _index: Any

    package = "faiss"
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


class Turbovec(Library):
    """4-bit codes of every dimension on one thread, re-ranked by the vectors in NumPy."""

    package, efforts = "turbovec", FACTORS

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


class Hnswlib(Library):
    """hnswlib on one thread."""

    package, efforts = "hnswlib", GRAPH_EFFORTS

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

    package, efforts = "usearch", GRAPH_EFFORTS

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


class LanceDb(Library):
    """LanceDB with clusters of product-quantized vectors, re-ranked."""

    package, efforts = "lancedb", PROBES

    def _build(self, vectors: Floats, masks: Mapping[str, Mask], work: Path) -> None:
        lancedb, pa = imported("lancedb"), imported("pyarrow")

        flat = pa.FixedSizeListArray.from_arrays(pa.array(vectors.ravel()), vectors.shape[1])
        columns = {name: pa.array(mask) for name, mask in masks.items()}
        table = pa.table({"id": pa.array(np.arange(len(vectors))), "vector": flat, **columns})
        self._table = lancedb.connect(str(work / "lance")).create_table("vectors", table)
        self._table.create_index(metric="l2", vector_column_name="vector")

    def _search(self, queries: Floats, effort: int, chosen: str | None) -> Rows:
        found = []
        for query in queries:
            asked = self._table.search(query).limit(K).nprobes(effort).refine_factor(30).select(["id", "_distance"])
            asked = asked if chosen is None else asked.where(f"{chosen} = true", prefilter=True)
            found.append(asked.to_arrow()["id"].to_pylist())
        return padded(found)


class Zvec(Library):
    """zvec with a graph."""

    package, efforts = "zvec", GRAPH_EFFORTS

    def _build(self, vectors: Floats, masks: Mapping[str, Mask], work: Path) -> None:
        self._zvec = zvec = imported("zvec")
        graph = zvec.HnswIndexParam(metric_type=zvec.MetricType.COSINE, m=LINKS, ef_construction=BUILD_EFFORT)
        schema = zvec.CollectionSchema(
            name="vectors",
            fields=[zvec.FieldSchema(n, zvec.DataType.INT32, index_param=zvec.InvertIndexParam()) for n in masks],
            vectors=zvec.VectorSchema("vector", zvec.DataType.VECTOR_FP32, vectors.shape[1], index_param=graph),
        )
        self._collection = zvec.create_and_open(path=str(work / "zvec"), schema=schema)
        for first in range(0, len(vectors), 1_000):
            rows = range(first, min(first + 1_000, len(vectors)))
            self._collection.insert(
                [
                    zvec.Doc(
                        id=str(row),
                        vectors={"vector": vectors[row].tolist()},
                        fields={name: int(mask[row]) for name, mask in masks.items()},
                    )
                    for row in rows
                ]
            )
        self._collection.optimize()

    def _search(self, queries: Floats, effort: int, chosen: str | None) -> Rows:
        where = {} if chosen is None else {"filter": f"{chosen} = 1"}
        param = self._zvec.HnswQueryParam(ef=effort)
        found = []
        for query in queries:
            asked = self._zvec.VectorQuery("vector", vector=query.tolist(), param=param)
            found.append([int(doc.id) for doc in self._collection.query(asked, topk=K, output_fields=[], **where)])
        return padded(found)


class QdrantLocal(Library):
    """Qdrant's local mode, which compares every vector."""

    package = "qdrant-client"

    def _build(self, vectors: Floats, masks: Mapping[str, Mask], work: Path) -> None:
        qdrant = imported("qdrant_client")
        self._models, self._client = qdrant.models, qdrant.QdrantClient(":memory:")
        models = self._models
        size = models.VectorParams(size=vectors.shape[1], distance=models.Distance.COSINE)
        self._client.create_collection("vectors", vectors_config=size)
        for first in range(0, len(vectors), _ROWS_AT_ONCE):
            rows = range(first, min(first + _ROWS_AT_ONCE, len(vectors)))
            payloads = [{name: bool(mask[row]) for name, mask in masks.items()} for row in rows]
            batch = models.Batch(ids=list(rows), vectors=vectors[rows.start : rows.stop].tolist(), payloads=payloads)
            self._client.upsert("vectors", batch)

    def _search(self, queries: Floats, effort: int, chosen: str | None) -> Rows:
        where = None
        if chosen is not None:
            match = self._models.FieldCondition(key=chosen, match=self._models.MatchValue(value=True))
            where = self._models.Filter(must=[match])
        found = (
            self._client.query_points("vectors", query=query.tolist(), limit=K, query_filter=where) for query in queries
        )
        return padded([[point.id for point in each.points] for each in found])


class MilvusLite(Library):
    """Milvus Lite with clusters."""

    package, efforts = "milvus-lite", PROBES

    def _build(self, vectors: Floats, masks: Mapping[str, Mask], work: Path) -> None:
        milvus = imported("pymilvus")
        self._client = milvus.MilvusClient(str(work / "milvus.db"))
        schema = milvus.MilvusClient.create_schema(auto_id=False)
        schema.add_field("id", milvus.DataType.INT64, is_primary=True)
        schema.add_field("vector", milvus.DataType.FLOAT_VECTOR, dim=vectors.shape[1])
        for name in masks:
            schema.add_field(name, milvus.DataType.BOOL)
        index = self._client.prepare_index_params()
        index.add_index("vector", index_type="IVF_FLAT", metric_type="L2", params={"nlist": 1024})
        self._client.create_collection("vectors", schema=schema, index_params=index)
        for first in range(0, len(vectors), _ROWS_AT_ONCE):
            rows = range(first, min(first + _ROWS_AT_ONCE, len(vectors)))
            marks = [{name: bool(mask[row]) for name, mask in masks.items()} for row in rows]
            self._client.insert(
                "vectors",
                [{"id": row, "vector": vectors[row].tolist(), **mark} for row, mark in zip(rows, marks, strict=True)],
            )
        self._client.flush("vectors")  # before, it compares every vector
        self._client.load_collection("vectors")

    def _search(self, queries: Floats, effort: int, chosen: str | None) -> Rows:
        where = "" if chosen is None else f"{chosen} == true"
        parameters = {"params": {"nprobe": effort}}
        found = self._client.search("vectors", data=queries.tolist(), limit=K, filter=where, search_params=parameters)
        return padded([[hit["id"] for hit in hits] for hits in found])


def imported(name: str) -> Any:
    """An optional library; raises ImportError if it is missing."""
    return import_module(name)


def padded(found: list[list[int]]) -> Rows:
    """Lists of at most ten rows as an array, with -1 for none."""
    rows = np.full((len(found), K), -1, dtype=np.int64)
    for place, each in enumerate(found):
        rows[place, : len(each)] = each[:K]
    return rows


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
