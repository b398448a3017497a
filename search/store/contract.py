"""The contract of a store: what an engine asks of the place where vectors and metadata live.

The index folder is the first store (`search/store/folder.py`), a Milvus collection the second (`search/store/milvus/`).
`tests/search/store/test_contract.py` runs over all of them. Nothing outside of `search/store/` knows which one it has,
except for what `search.store.folder.in_folder` gives to the verbs that work on folders only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, Self

from search.counts import shown
from search.errors import QueryError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from search.config import Device
    from search.filters.columns import ColumnType, MetadataValue
    from search.filters.conditions import Condition
    from search.store.records import PictureRecord, ShownRecord, TemplateRecord
    from search.types import Audit, Floats, IndexInfo, Rows


class Found(NamedTuple):
    """What one part of a store found for several queries: distances and rows `(Q, k)`; the row -1 is none."""

    segment: int
    distances: Floats
    rows: Rows


class Selection(Protocol):
    """The pictures that a query may return, as `Store.selection` chose them; it serves several searches."""

    def nearest(self, queries: Floats, k: int, audit: Audit | None = None, *, exactly: bool = False) -> list[Found]:
        """The k nearest of them to each query `(Q, dim)`, unit rows, in each part of the store.

        Args:
            queries: unit rows.
            k: at least 1.
            audit: is filled with how each part was searched.
            exactly: compare every picture, which says what a structure misses.

        Returns:
            One result per part, ascending by exact distance, ties by row. There may be no part.
        """


class Shown(Protocol):
    """What hits show of their pictures."""

    def at(self, segment: int, rows: Sequence[int]) -> Sequence[ShownRecord | None]:
        """The picture at each row of a part, in their order; None for a row without a picture."""


class Records(Protocol):
    """The pictures of a store and their metadata; every method raises QueryError for an invalid condition."""

    def check(self, condition: Condition) -> None:
        """Raise QueryError if a condition names an unknown column, or a value that does not fit its column."""

    def count(self, condition: Condition | None = None) -> int:
        """Number of pictures that match a condition."""

    def ids(self, condition: Condition | None = None) -> list[int]:
        """Ids of the pictures that match a condition, ascending."""

    def get(self, picture_id: int) -> PictureRecord | None:
        """The picture with an id, which may be any integer; None if there is none."""

    def of(self, ids: Sequence[int]) -> list[PictureRecord]:
        """The pictures with the given ids, by ascending id; unknown ids are skipped."""

    def page(self, *, after: int = 0, limit: int = -1) -> list[PictureRecord]:
        """At most `limit` pictures with an id above `after`, by ascending id; -1 for all."""

    def labels(self) -> dict[str, int]:
        """Label -> number of pictures, by label."""

    def columns(self) -> dict[str, ColumnType]:
        """Name -> type of the columns of metadata."""

    def metadata(self, ids: Sequence[int]) -> dict[int, dict[str, MetadataValue]]:
        """Id -> column -> value, without empty values; pictures without metadata may be missing."""

    def values(self, column: str) -> dict[int, MetadataValue]:
        """Id -> value of one column, built in or of metadata; raises QueryError if there is no such column."""

    def texts(self, column: str, most: int) -> list[str]:
        """At most `most` distinct values of a column of text, sorted."""


class Store(Protocol):
    """An open store. Safe to use from several threads."""

    @property
    def address(self) -> Path | str:
        """What opens it again, and how messages name it: the path of a folder, or a URI."""

    @property
    def device(self) -> Device:
        """Where to search and to encode."""

    @property
    def settings(self) -> Mapping[str, Any]:
        """`encoder`, `fingerprint`, `dim`, `created`, `updated`, and where there is one, `calibration`."""

    @property
    def records(self) -> Records:
        """The pictures and their metadata; raises IndexClosedError after `close`."""

    @property
    def shown(self) -> Shown:
        """What hits show."""

    @property
    def stale(self) -> bool:
        """Whether the store was changed since it was opened; raises IndexClosedError after `close`."""

    def newest(self) -> Self:
        """Open the newest state; what did not change is shared."""

    def require_open(self) -> None:
        """Raise IndexClosedError after `close`."""

    def close(self) -> None:
        """Release everything; a second call does nothing."""

    def selection(self, condition: Condition | None, without: Sequence[int] = ()) -> Selection:
        """The pictures that match a condition, without those of some ids, which exist."""

    def require(self, ids: Sequence[int]) -> None:
        """Raise QueryError unless there is a picture for each id."""

    def vectors_of(self, ids: Sequence[int]) -> Floats:
        """Stored embeddings `(N, dim) float32` in the order of the ids; raises QueryError for an unknown id."""

    def vectors(self) -> tuple[list[PictureRecord], Floats]:
        """Every picture by ascending id, and their embeddings `(N, dim) float32` in the same order."""

    def templates(self) -> list[TemplateRecord]:
        """Reference pictures of the enrolled identities, by name and then by the order of enrolment."""

    def card_folder(self) -> Path:
        """A folder with the `encoder.json` of the encoder, perhaps without its weights; raises as `encoder_folder`."""

    def encoder_folder(self) -> Path:
        """A folder with the files of the encoder, all of them verified.

        Raises:
            EncoderError: there is no encoder, as the vectors were made elsewhere.
            DamagedFileError: a file is damaged.
        """

    def info(self) -> IndexInfo:
        """Size, encoder, parts and columns, without the calibration."""


def no_picture(picture_id: int, address: Path | str) -> QueryError:
    """The error for an id that no picture has."""
    return QueryError(f"no picture has the id {shown(picture_id)} in {address}")
