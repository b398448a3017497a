"""Look up pictures of an open index: records, labels, metadata and stored embeddings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from search.counts import check_count, picture_number
from search.errors import QueryError
from search.filters.language import condition_of
from search.store.contract import no_picture

if TYPE_CHECKING:
    from collections.abc import Sequence

    from search.filters.columns import ColumnType, MetadataValue
    from search.filters.language import Where
    from search.store.contract import Store
    from search.store.records import PictureRecord
    from search.types import Floats

_MOST = 2**63 - 1
"""The largest integer that SQLite holds."""


class KnownPictures:
    """Looks up the pictures of one store by id or filter; raises QueryError for unknown ids and invalid filters."""

    def __init__(self, store: Store) -> None:
        """Look up in this store."""
        self._store = store

    def __len__(self) -> int:
        """Number of pictures in the index."""
        return self._store.records.count()

    def record(self, picture_id: int) -> PictureRecord:
        """The record of one picture."""
        record = self._store.records.get(picture_number(picture_id))
        if record is None:
            raise no_picture(picture_id, self._store.address)
        return record

    def records(self, *, after: int = 0, limit: int = -1) -> list[PictureRecord]:
        """At most `limit` pictures with an id above `after`, by ascending id; all of them by default."""
        after = min(check_count("after", after, least=-_MOST), _MOST)
        limit = min(check_count("limit", limit, least=-1), _MOST)
        return self._store.records.page(after=after, limit=limit)

    def records_of(self, picture_ids: Sequence[int]) -> list[PictureRecord]:
        """The pictures with the given ids, by ascending id; ids that no picture has are left out."""
        return self._store.records.of([key for key in map(picture_number, picture_ids) if 0 < key <= _MOST])

    def labels(self) -> dict[str, int]:
        """Label -> number of pictures."""
        return self._store.records.labels()

    def count(self, where: Where | None) -> int:
        """Number of pictures that match a filter."""
        return self._store.records.count(condition_of(where))

    def ids(self, where: Where | None) -> list[int]:
        """Ids of the pictures that match a filter, ascending."""
        return self._store.records.ids(condition_of(where))

    def columns(self) -> dict[str, ColumnType]:
        """Name -> type of each column of metadata."""
        return self._store.records.columns()

    def metadata(self, picture_ids: Sequence[int]) -> dict[int, dict[str, MetadataValue]]:
        """Id -> column -> value, without empty values."""
        ids = [key for key in map(picture_number, picture_ids) if 0 < key <= _MOST]
        return self._store.records.metadata(ids)

    def texts(self, column: str, most: int) -> list[str]:
        """At most `most` of the different values of a column of text, sorted; raises QueryError for another column."""
        if self.columns().get(column) != "text":
            raise QueryError(f"there is no column of text named {column!r}")
        return self._store.records.texts(column, check_count("most", most))

    def vectors_of(self, ids: Sequence[int]) -> Floats:
        """Stored embeddings `(N, dim) float32` in the order of the ids; raises DamagedFileError if they are damaged."""
        self._store.require_open()
        return self._store.vectors_of([picture_number(each) for each in ids])

    def vectors(self) -> tuple[list[PictureRecord], Floats]:
        """Every picture by ascending id, and their embeddings `(N, dim) float32` in the same order."""
        self._store.require_open()
        return self._store.vectors()

    def values(self, column: str) -> dict[int, MetadataValue]:
        """Id -> value of one column; raises QueryError if there is no such column."""
        return self._store.records.values(column)
