"""The rows of a file of vectors, and the interface of such files."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from indexer.exchange.plain_text import read_plain_text
from search.errors import DataError
from search.pictures.remote import is_remote

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from indexer.exchange.manifest import Manifest
    from search.filters.columns import ColumnType, Stored


@dataclass(slots=True)
class Row:
    """One picture; unknown fields are 0 or empty."""

    path: str
    """Absolute and normalised; bytes that are not UTF-8 are surrogates."""
    label: str | None = None
    id: int = 0
    content: str = ""
    bytes: int = 0
    mtime_ns: int = 0
    width: int = 0
    height: int = 0
    metadata: tuple[Stored, ...] = ()
    """In the order of the source's columns."""

    def describe(self, field: str, value: object, source: Path) -> None:
        """Set a field from an export; raises DataError for an invalid value."""
        if value is None:
            return
        text = field in ("label", "content")
        if not isinstance(value, str if text else int) or (not text and not 0 <= int(value) < 2**63):
            raise DataError(f"{source}: {self.path}: {field} is {value!r:.100}")
        setattr(self, field, read_plain_text(str(value)) if field == "label" else value)


@dataclass(slots=True)
class Chunk:
    """Consecutive rows: `first` is the number of the first, `vectors` is `(N, D)` of any floating type."""

    first: int
    rows: list[Row]
    vectors: NDArray[Any]


class Source(Protocol):
    """A file of vectors that can be read several times."""

    name: Path
    count: int
    dim: int
    manifest: Manifest | None
    """The manifest of an export; None for other files."""
    encoder_folder: Path | None
    """The encoder's folder in an export that has one."""
    columns: dict[str, ColumnType]
    """Metadata columns of each row."""
    left_out: list[str]
    """Fields of unsupported types."""

    def chunks(self, rows: int) -> Iterator[Chunk]:
        """All rows in order, in chunks of at most `rows`; raises DataError for invalid rows."""


@dataclass
class Places:
    """Resolves the paths in a file."""

    source: Path
    root: str | os.PathLike[str] | None = None
    base: str = field(init=False)

    def __post_init__(self) -> None:
        self.base = os.path.abspath(self.root or self.source.parent)  # noqa: PTH100  (without links resolved)

    def absolute(self, text: object, row: int) -> str:
        """Make a path absolute and normalised; raises DataError for an invalid path."""
        if not isinstance(text, str) or not text or "\0" in text:
            raise DataError(f"{self.source}: row {row} (counted from 0): {text!r} is not a path")
        try:
            os.fsencode(text)
        except UnicodeEncodeError:
            raise DataError(f"{self.source}: row {row} (counted from 0): {text!a} is not a path") from None
        if is_remote(text):
            return str(Path(text))
        return os.path.normpath(os.path.join(self.base, text))  # noqa: PTH118  (a Path takes three times as long)
