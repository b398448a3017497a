"""The pictures and metadata of a catalog, as the contract of a store has them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from search.filters.columns import ColumnType, MetadataValue
    from search.filters.conditions import Condition
    from search.store.catalog import Catalog
    from search.store.records import PictureRecord


class CatalogRecords:
    """Reads one snapshot of a catalog: see `search.store.contract.Records`."""

    def __init__(self, catalog: Catalog) -> None:
        """Read from this snapshot."""
        self._pictures, self._metadata = catalog.pictures, catalog.metadata

    def check(self, condition: Condition) -> None:
        """Raise QueryError if a condition is invalid."""
        self._metadata.check(condition)

    def count(self, condition: Condition | None = None) -> int:
        """Number of pictures that match a condition."""
        return self._pictures.count() if condition is None else self._pictures.count_where(condition)

    def ids(self, condition: Condition | None = None) -> list[int]:
        """Ids of the pictures that match a condition, ascending."""
        return self._metadata.numbers("pictures.id", condition)

    def get(self, picture_id: int) -> PictureRecord | None:
        """The picture with an id; None if there is none."""
        return self._pictures.get(picture_id)

    def of(self, ids: Sequence[int]) -> list[PictureRecord]:
        """The pictures with the given ids, by ascending id; unknown ids are skipped."""
        return self._pictures.of(ids)

    def page(self, *, after: int = 0, limit: int = -1) -> list[PictureRecord]:
        """At most `limit` pictures with an id above `after`, by ascending id; -1 for all."""
        return self._pictures.records(after=after, limit=limit)

    def labels(self) -> dict[str, int]:
        """Label -> number of pictures."""
        return self._pictures.label_counts()

    def columns(self) -> dict[str, ColumnType]:
        """Name -> type of the columns of metadata."""
        return self._metadata.columns()

    def metadata(self, ids: Sequence[int]) -> dict[int, dict[str, MetadataValue]]:
        """Id -> column -> value, without empty values."""
        return self._metadata.of(ids)

    def values(self, column: str) -> dict[int, MetadataValue]:
        """Id -> value of one column."""
        return self._metadata.of_column(column)

    def texts(self, column: str, most: int) -> list[str]:
        """At most `most` distinct values of a column of text, sorted."""
        return self._metadata.texts(column, most)
