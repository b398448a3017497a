"""An open index without a query: what a store holds, its pictures, metadata and vectors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from search.filters.language import condition_of
from search.query.collection_map import collection_map
from search.query.known_pictures import KnownPictures
from search.store.folder import in_folder

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from search.filters.columns import ColumnType, MetadataValue
    from search.query.collection_map import CollectionMap
    from search.query.query import Where
    from search.store.catalog import Catalog
    from search.store.contract import Store
    from search.store.records import PictureRecord
    from search.store.segments import Segment
    from search.types import Floats, Mask


class IndexReader:
    """Reads one open store; a `SearchEngine` also searches it."""

    def __init__(self, store: Store) -> None:
        """Read a store, and close it with `close`."""
        self.address = store.address
        """The path of the index folder, or the URI of another store."""
        self._store = store
        self._known = KnownPictures(store)

    def __enter__(self) -> Self:
        self._store.require_open()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Release the store. Any later call raises IndexClosedError, except a second `close`."""
        self._store.close()

    @property
    def folder(self) -> Path:
        """The index folder; raises UnsupportedError for another store, as do `catalog`, `segments` and `map`."""
        return in_folder(self._store).snapshot.folder

    @property
    def stale(self) -> bool:
        """Whether the index has changed since this snapshot: `refresh` opens the newest one."""
        return self._store.stale

    # Pictures ----------------------------------------------------------------------------------------------------

    def __len__(self) -> int:
        """Number of pictures in the index."""
        return len(self._known)

    @property
    def catalog(self) -> Catalog:
        """The catalog of this snapshot; read-only."""
        return in_folder(self._store).snapshot.catalog

    @property
    def segments(self) -> tuple[Segment, ...]:
        """The segments of this snapshot, oldest first; read-only."""
        return in_folder(self._store).snapshot.segments

    def chosen(self, segment: Segment, where: Where | None) -> Mask | None:
        """Rows of a segment that match a filter, `(N,) bool`; None without a filter. Raises as `count`."""
        return in_folder(self._store).mask(segment, condition_of(where))

    def picture(self, picture_id: int) -> PictureRecord:
        """The record of one picture; raises QueryError if no picture has this id."""
        return self._known.record(picture_id)

    def pictures(self, *, after: int = 0, limit: int = -1) -> list[PictureRecord]:
        """At most `limit` pictures with an id above `after`, by ascending id; all of them by default."""
        return self._known.records(after=after, limit=limit)

    def pictures_of(self, picture_ids: Sequence[int]) -> list[PictureRecord]:
        """The pictures with the given ids, by ascending id; ids that no picture has are left out."""
        return self._known.records_of(picture_ids)

    def labels(self) -> dict[str, int]:
        """Label -> number of pictures."""
        return self._known.labels()

    def count(self, where: Where | None = None) -> int:
        """Count the pictures that match a filter; raises QueryError if the filter is invalid."""
        return self._known.count(where)

    def ids(self, where: Where | None = None) -> list[int]:
        """Ids of the pictures that match a filter, ascending; all of them without a filter. Raises as `count`."""
        return self._known.ids(where)

    def columns(self) -> dict[str, ColumnType]:
        """Name -> type of the columns of metadata; a filter can use these and `search.filters.columns.BUILT_IN`."""
        return self._known.columns()

    def metadata(self, picture_ids: Sequence[int]) -> dict[int, dict[str, MetadataValue]]:
        """Id -> column -> value, without empty values; pictures without metadata may be missing."""
        return self._known.metadata(picture_ids)

    def values(self, column: str) -> dict[int, MetadataValue]:
        """Id -> value of one column, built in (`label`) or of metadata, for every picture with a value.

        Raises:
            QueryError: there is no such column.
        """
        return self._known.values(column)

    def map(self) -> CollectionMap | None:
        """The kept map (`twinlens map --keep`) of all pictures; None if there is none for this encoder.

        Pictures added since are placed by their neighbours, at each call anew: keep the result.

        Raises:
            IndexFolderError: its file, or a vector that is needed, is damaged.
        """
        return collection_map(in_folder(self._store).snapshot)

    def texts(self, column: str, most: int) -> list[str]:
        """At most `most` of the different values of a column of text, sorted; raises QueryError for another column."""
        return self._known.texts(column, most)

    # Vectors -----------------------------------------------------------------------------------------------------

    @property
    def dim(self) -> int:
        """Number of dimensions of an embedding."""
        dim: int = self._store.settings["dim"]
        return dim

    @property
    def fingerprint(self) -> str:
        """Fingerprint of the encoder that made the vectors."""
        fingerprint: str = self._store.settings["fingerprint"]
        return fingerprint

    def vector(self, picture_id: int) -> Floats:
        """The stored embedding of one picture, `(dim,) float32`; raises as `vectors_of`."""
        vector: Floats = self.vectors_of([picture_id])[0]
        return vector

    def vectors_of(self, ids: Sequence[int]) -> Floats:
        """The stored embeddings of pictures, `(N, dim) float32` in the order of their ids; raises as `picture`."""
        return self._known.vectors_of(ids)

    def vectors(self) -> tuple[list[PictureRecord], Floats]:
        """Every picture by ascending id, and their embeddings `(N, dim) float32` in the same order."""
        return self._known.vectors()
