"""Search a Milvus collection; distances and their order are computed here, from the vectors of the candidates."""

from __future__ import annotations

import threading
import time
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from search.distance import FARTHEST, nearest_rows
from search.errors import UnsupportedError
from search.store.contract import Found
from search.store.milvus.layout import PART, VECTOR, shown_fields, shown_of, vectors_of
from search.types import SegmentAudit

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from search.store.milvus.connection import Connection
    from search.store.milvus.index_types import MilvusIndex
    from search.store.milvus.records import MilvusRecords
    from search.store.records import ShownRecord
    from search.types import Audit, Floats, Rows

MOST_HITS = 16_384
"""Most neighbours that Milvus returns for a query."""
MOST_EXACT = 1_000_000
"""Most pictures that are fetched to be compared one by one."""
NARROW = 2_000
"""Pictures of a filter up to which all are compared: graphs of Milvus Lite lose recall where a filter leaves few."""
_MORE = 16
"""Candidates beyond k, which are re-ranked by their exact distance."""
_GROWTH = 4
"""Factor by which more candidates are fetched while the last of them is as near as the k-th: others may be, too."""
_ENTITIES = 16_384
"""Most candidates that are fetched at once, of all queries together."""
_KEPT = 50_000
_PAGE = 2_000


class SearchedCollection:
    """What the searches of one collection share. Safe to use from several threads."""

    def __init__(
        self, connection: Connection, collection: str, records: MilvusRecords, index: MilvusIndex, dim: int
    ) -> None:
        """Search a collection with an index."""
        self.connection = connection
        self.collection = collection
        self.records = records
        self.index = index
        self.dim = dim
        self._kept: dict[int, ShownRecord] = {}
        self._lock = threading.Lock()

    def keep(self, rows: Sequence[Any]) -> dict[int, ShownRecord]:
        """Keep what hits show of entities that were just read, and return it by id."""
        found = {row["id"]: shown_of(row, self.records.fields) for row in rows}
        with self._lock:
            if len(self._kept) + len(found) > _KEPT:
                self._kept = {}
            self._kept.update(found)
        return found

    def at(self, segment: int, rows: Sequence[int]) -> list[ShownRecord | None]:
        """The picture at each row, which is its id; None for one that is gone."""
        known = list(map(self._kept.get, rows))
        if None in known:
            missing = [row for row, record in zip(rows, known, strict=True) if record is None]
            read = self.keep(self.records.rows_of(missing, shown_fields(self.records.fields)))
            return [read.get(row) if record is None else record for row, record in zip(rows, known, strict=True)]
        return known


class MilvusSelection:
    """The pictures that match an expression of Milvus; all of them if it is empty."""

    def __init__(self, searched: SearchedCollection, expression: str, *, filtered: bool) -> None:
        """Search these pictures; `filtered` says whether a filter chose them, which may leave few."""
        self._searched = searched
        self._expression = expression
        self._filtered = filtered

    @cached_property
    def _few(self) -> list[int] | None:
        """Ids of the pictures, if a filter leaves at most `NARROW`; otherwise None."""
        if not self._filtered:
            return None
        searched = self._searched
        rows = searched.connection.read(
            "query", searched.collection, filter=self._expression, output_fields=["id"], limit=NARROW + 1
        )
        return [row["id"] for row in rows] if len(rows) <= NARROW else None

    def _all(self) -> Iterable[Sequence[Any]]:
        """The ids and vectors of all pictures, in pages."""
        searched = self._searched
        if self._few is not None:
            return [rows] if (rows := searched.records.rows_of(self._few, [VECTOR])) else []
        return searched.connection.pages(searched.collection, self._expression, [VECTOR], _PAGE)

    def nearest(self, queries: Floats, k: int, audit: Audit | None = None, *, exactly: bool = False) -> list[Found]:
        """The k nearest pictures of each query, as one part; as many columns as the query with the most of them.

        Raises:
            StoreError: the server does not answer.
            UnsupportedError: k is larger than Milvus allows, or there are too many pictures to compare exactly.
        """
        begun, exactly = time.perf_counter(), exactly or self._few is not None
        answers = self._exactly(queries, k) if exactly else self._approximately(queries, k)
        if audit is not None:
            entry = SegmentAudit(PART, self._searched.index.type, exactly, structure=time.perf_counter() - begun)
            entry.allowed = self._searched.records.count_expression(self._expression)
            entry.candidates = sum(len(rows) for _, rows in answers)
            audit.segments.append(entry)
        width = max((len(rows) for _, rows in answers), default=0)
        distances = np.full((len(queries), width), np.inf, dtype=np.float32)
        found = np.full((len(queries), width), -1, dtype=np.int64)
        for number, (apart, rows) in enumerate(answers):
            distances[number, : len(rows)], found[number, : len(rows)] = apart, rows
        return [Found(PART, distances, found)]

    def _approximately(self, queries: Floats, k: int) -> list[tuple[Floats, Rows]]:
        """What the index finds, in batches of queries that Milvus answers at once."""
        answers: list[tuple[Floats, Rows]] = []
        limit = min(k + _MORE, MOST_HITS)
        step = max(1, _ENTITIES // limit)
        for start in range(0, len(queries), step):
            part = queries[start : start + step]
            found = self._candidates(part, limit)
            answers += [self._answer(query, rows, k, limit) for query, rows in zip(part, found, strict=True)]
        return answers

    def _answer(self, query: Floats, rows: Sequence[Any], k: int, limit: int) -> tuple[Floats, Rows]:
        """The k nearest candidates of a query; more are fetched while others may be as near as the k-th."""
        while True:
            distances, ids = self._measured(query, rows)
            if len(rows) < limit:
                return self._completed(query, distances, ids, k)
            if limit > k and distances[k - 1] < distances[-1]:
                return distances[:k], ids[:k]
            if limit == MOST_HITS:
                if k <= limit:
                    return distances[:k], ids[:k]
                raise UnsupportedError(f"Milvus returns at most {MOST_HITS:,} neighbours, not {k:,}")
            limit = min(limit * _GROWTH, MOST_HITS)
            (rows,) = self._candidates(query[None], limit)

    def _completed(self, query: Floats, distances: Floats, ids: Rows, k: int) -> tuple[Floats, Rows]:
        """What the index found, unless it missed pictures that match: then all of those are compared."""
        if len(ids) < k and self._searched.records.count_expression(self._expression) > len(ids):
            (answer,) = self._exactly(query[None], k)
            return answer
        return distances[:k], ids[:k]

    def _candidates(self, queries: Floats, limit: int) -> list[list[Any]]:
        """The entities that Milvus finds for each query."""
        searched = self._searched
        hits = searched.connection.read(
            "search",
            searched.collection,
            data=list(queries),
            anns_field=VECTOR,
            limit=limit,
            filter=self._expression,
            output_fields=["id", VECTOR, *shown_fields(searched.records.fields)],
            search_params={"metric_type": "L2", "params": searched.index.search_params(limit)},
        )
        found = [[{**hit["entity"], "id": hit["id"], "apart": hit["distance"]} for hit in each] for each in hits]
        for each in found:
            searched.keep(each)
        return found

    def _measured(self, query: Floats, rows: Sequence[Any]) -> tuple[Floats, Rows]:
        """Candidates by their exact distance, ties by id; by that of Milvus, if it returns no vectors."""
        ordered = sorted(rows, key=lambda row: int(row["id"]))
        ids = np.array([row["id"] for row in ordered], dtype=np.int64)
        if not ordered:
            return np.empty(0, dtype=np.float32), ids
        if any(row.get(VECTOR) is None for row in ordered):
            squares = np.array([row["apart"] for row in ordered], dtype=np.float64)
            apart = np.minimum(np.sqrt(np.maximum(squares, 0)), FARTHEST).astype(np.float32)
            order = np.lexsort((ids, apart))
            return apart[order], ids[order]
        vectors = vectors_of(ordered, self._searched.dim)
        distances, places = nearest_rows(vectors, query, np.arange(len(ids)), len(ids))
        return distances[0], ids[places[0]]

    def _exactly(self, queries: Floats, k: int) -> list[tuple[Floats, Rows]]:
        """Fetch every picture that matches, and compare it."""
        searched = self._searched
        if self._few is None and (count := searched.records.count_expression(self._expression)) > MOST_EXACT:
            raise UnsupportedError(
                f"{searched.connection.address}: {count:,} pictures would have to be fetched to be compared one by one;"
                f" the limit is {MOST_EXACT:,}"
            )
        best = [(np.empty(0, dtype=np.float32), np.empty(0, dtype=np.int64)) for _ in queries]
        for page in self._all():
            ids, vectors = np.array([row["id"] for row in page], dtype=np.int64), vectors_of(page, searched.dim)
            for number, query in enumerate(queries):
                distances, places = nearest_rows(vectors, query, np.arange(len(ids)), len(ids))
                apart = np.concatenate([best[number][0], distances[0]])
                both = np.concatenate([best[number][1], ids[places[0]]])
                order = np.lexsort((both, apart))[:k]
                best[number] = apart[order], both[order]
        return best
