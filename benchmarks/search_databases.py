"""Vector databases in this process for `benchmarks.search`: zvec, LanceDB, Milvus Lite, Qdrant's local mode."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from benchmarks.search_library import BUILD_EFFORT, GRAPH_EFFORTS, LINKS, PROBES, K, Library, imported, padded

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from search.types import Floats, Mask, Rows

_ROWS_AT_ONCE = 2_000


class Zvec(Library):
    """zvec with a graph."""

    package, modules, efforts = "zvec", ("zvec",), GRAPH_EFFORTS

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


class LanceDb(Library):
    """LanceDB with clusters of product-quantized vectors, re-ranked."""

    package, modules, efforts = "lancedb", ("lancedb", "pyarrow"), PROBES

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


class MilvusLite(Library):
    """Milvus Lite with clusters."""

    package, modules, efforts = "milvus-lite", ("pymilvus", "milvus_lite"), PROBES

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


class QdrantLocal(Library):
    """Qdrant's local mode, which compares every vector."""

    package, modules = "qdrant-client", ("qdrant_client",)

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
