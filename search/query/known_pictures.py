"""Queries to an open index that its catalog alone answers: pictures, labels, filters and metadata."""

from __future__ import annotations

from typing import TYPE_CHECKING

from search.counts import check_count, picture_number, shown
from search.errors import QueryError
from search.filters.language import condition_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from search.filters.columns import ColumnType, MetadataValue
    from search.filters.language import Where
    from search.store.catalog import Catalog
    from search.store.records import PictureRecord

_MOST = 2**63 - 1
"""The largest of SQLite's integers."""


class KnownPictures:
    """The pictures of one snapshot, by id, by label, by filter, and with their metadata."""

    folder: Path

    @property
    def _catalog(self) -> Catalog:
        raise AssertionError("the engine opens it")

    def __len__(self) -> int:
        """Pictures in the index."""
        return self._catalog.count()

    @property
    def catalog(self) -> Catalog:
        """The catalog of this snapshot; read-only."""
        return self._catalog

    def picture(self, picture_id: int) -> PictureRecord:
        """The record of one picture.

        Raises:
            QueryError: no picture has this id, or it is no whole number.
        """
        record = self._catalog.picture(picture_number(picture_id))
        if record is None:
            raise self._no_picture(picture_id)
        return record

    def pictures(self, *, after: int = 0, limit: int = -1) -> list[PictureRecord]:
        """Pictures by ascending id, from the first id above `after`; all of them unless limited.

        Raises:
            QueryError: `after` or `limit` is no whole number, or a limit less than -1.
        """
        after = min(check_count("after", after, least=-_MOST), _MOST)
        limit = min(check_count("limit", limit, least=-1), _MOST)
        return self._catalog.pictures(after=after, limit=limit)

    def labels(self) -> dict[str, int]:
        """Number of pictures of each label."""
        return self._catalog.label_counts()

    def count(self, where: Where | None = None) -> int:
        """How many pictures match a filter; raises QueryError if the filter is invalid."""
        return self._catalog.count_where(condition_of(where))

    def ids(self, where: Where | None = None) -> list[int]:
        """Ids of the pictures that match a filter, ascending; all of them without a filter. Raises as `count`."""
        return self._catalog.metadata.numbers("pictures.id", condition_of(where))

    def columns(self) -> dict[str, ColumnType]:
        """Name -> type of each column of metadata that a filter can name, beside `search.filters.columns.BUILT_IN`."""
        return self._catalog.metadata.columns()

    def metadata(self, picture_ids: Sequence[int]) -> dict[int, dict[str, MetadataValue]]:
        """Id -> column -> value, without columns that have no value; pictures without any may be left out.

        Raises:
            QueryError: an id is no whole number.
        """
        return self._catalog.metadata.of([key for key in map(picture_number, picture_ids) if 0 < key <= _MOST])

    def _no_picture(self, picture_id: int) -> QueryError:
        return QueryError(f"no picture has the id {shown(picture_id)} in {self.folder}")
