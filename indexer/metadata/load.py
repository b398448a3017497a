"""Load metadata from a file into an index; if one row is invalid, no row is stored."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from indexer.metadata.cells import stored
from indexer.metadata.file import MetadataFile, open_metadata
from indexer.pipeline.library import Library
from indexer.pipeline.progress import Silent
from indexer.pipeline.writer import open_writer
from indexer.resolved_paths import ResolvedPaths
from search.errors import DataError
from search.filters.columns import MOST_COLUMNS, TYPE_NAMES
from search.text import utc_now

if TYPE_CHECKING:
    from collections.abc import Sequence

    from indexer.metadata.file import Row
    from indexer.pipeline.progress import Progress
    from search.filters.columns import ColumnType, Stored
    from search.store.catalog import Catalog

SHOWN = 20
"""Most rows of unknown pictures that a report lists."""
_ROWS_AT_ONCE = 500
"""Rows that are stored together."""


@dataclass(slots=True)
class MetadataReport:
    """Result of loading a file of metadata."""

    rows: int = 0
    """Rows of pictures that the index has."""
    columns: dict[str, ColumnType] = field(default_factory=dict)
    """Columns of the file that have values, with their types."""
    added: list[str] = field(default_factory=list)
    """The new columns among them."""
    ignored: list[str] = field(default_factory=list)
    """Columns of the file that have the name of a built-in column: label, width, ..."""
    unknown: int = 0
    """Rows of pictures that the index does not have."""
    unknown_shown: list[str] = field(default_factory=list)
    """The first of these rows, by path or id."""


def load_metadata(
    index: str | os.PathLike[str],
    file: str | os.PathLike[str] | MetadataFile,
    *,
    root: str | os.PathLike[str] | None = None,
    progress: Progress | None = None,
) -> MetadataReport:
    """Store the columns of a CSV or of JSON lines for the pictures that the rows name.

    Args:
        index: the index folder.
        file: see `indexer.metadata.file.open_metadata`.
        root: folder that relative paths start from. Defaults to the deepest folder that holds all pictures of the
            index, then the folders above it. In either case the folder of the file is tried last.
        progress: callback for progress updates.

    Raises:
        DataError: the file is invalid, no row names a picture of the index, or a value does not have the type of its
            column in the index. Nothing is stored then.
        IndexFolderError: there is no index.
        IndexLockedError: another process is writing it.
    """
    folder = Path(index).absolute()
    metadata = file if isinstance(file, MetadataFile) else open_metadata(file)
    with open_writer(folder) as catalog:
        loading = _Loading(catalog, metadata, _bases(catalog, metadata.path, root))
        with catalog.transaction():
            return loading.run(progress or Silent())


def drop_column(index: str | os.PathLike[str], name: str) -> None:
    """Delete a column of metadata with all its values.

    Raises:
        QueryError: there is no such column, or it is read from the pictures.
        IndexFolderError: there is no index.
        IndexLockedError: another process is writing it.
    """
    with open_writer(Path(index).absolute()) as catalog, catalog.transaction():
        catalog.metadata.drop_column(name)
        catalog.set(updated=utc_now())


class _Loading:
    """Loads one file into one catalog."""

    def __init__(self, catalog: Catalog, file: MetadataFile, bases: Sequence[str]) -> None:
        self._catalog = catalog
        self._file = file
        self._bases = bases
        self._types: dict[str, ColumnType] = {}
        self._links = ResolvedPaths()
        self._report = MetadataReport(ignored=sorted(file.ignored))

    def run(self, progress: Progress) -> MetadataReport:
        """Store all rows; within a transaction."""
        known = self._catalog.metadata.columns()
        new = {name: kind for name, kind in self._file.columns.items() if kind is not None and name not in known}
        if len(known) + len(new) > MOST_COLUMNS:
            raise DataError(f"{self._file.path}: the index would have more than {MOST_COLUMNS:,} columns of metadata")
        self._catalog.metadata.add_columns(new)
        self._types = self._catalog.metadata.columns()
        progress.begin("metadata", self._file.count)
        rows = self._file.rows()
        while chunk := list(islice(rows, _ROWS_AT_ONCE)):
            self._store(chunk)
            progress.advance(len(chunk))
        report = self._report
        if not report.rows:
            base = self._bases[0]
            raise DataError(
                f"{self._file.path}: none of its {report.unknown:,} rows names a picture of the index; the first is"
                f" {report.unknown_shown[0]!r}. Paths are absolute, relative to {base} or to the file's folder"
            )
        report.added = list(new)
        report.columns = {name: self._types[name] for name in self._file.columns if name in self._types}
        self._catalog.set(updated=utc_now())
        return report

    def _store(self, chunk: list[Row]) -> None:
        """Store a chunk; if several rows name one picture, the last value of each column counts."""
        pictures = self._pictures(chunk)
        merged: dict[int, dict[str, Stored]] = {}
        for row, picture in zip(chunk, pictures, strict=True):
            values = {name: self._value(row, name) for name in row.cells if name in self._types}
            if picture is None:
                self._report.unknown += 1
                if len(self._report.unknown_shown) < SHOWN:
                    self._report.unknown_shown.append(str(row.key))
                continue
            self._report.rows += 1
            merged.setdefault(picture, {}).update(values)
        by_columns: dict[tuple[str, ...], list[tuple[int, list[Stored]]]] = {}
        for picture, values in merged.items():
            if values:
                by_columns.setdefault(tuple(values), []).append((picture, list(values.values())))
        for names, rows in by_columns.items():
            self._catalog.metadata.put(names, rows)

    def _value(self, row: Row, name: str) -> Stored:
        kind = self._types[name]
        try:
            return stored(row.cells[name], kind, of_json=self._file.of_json)
        except ValueError as error:
            raise DataError(
                f"{self._file.path}, line {row.line}: {name} = {row.cells[name]!r:.100} {error}, and in the index "
                f"{name} is {TYPE_NAMES[kind]}. Correct it, rename the column in the file, or delete the column "
                f"from the index: twinlens metadata --index {self._catalog.folder} --drop {name!r}"
            ) from None

    def _pictures(self, chunk: list[Row]) -> list[int | None]:
        """The id of the picture of each row; None if the index has no such picture."""
        ids_by_key: dict[str | int, int] = {}
        ids = [row.key for row in chunk if isinstance(row.key, int)]
        ids_by_key.update((key, key) for key in self._catalog.pictures.ids_among(ids))
        waiting = {row.key for row in chunk if isinstance(row.key, str)}
        for spelled in (os.path.normpath, self._links.of):  # a folder above may be reached through a link
            for base in self._bases:
                if not waiting:
                    break
                full = {key: str(spelled(os.path.normpath(Path(base, key)))) for key in waiting}
                there = self._catalog.pictures.ids_at(list(set(full.values())))
                ids_by_key.update((key, there[path]) for key, path in full.items() if path in there)
                waiting -= ids_by_key.keys()
        return [ids_by_key.get(row.key) for row in chunk]


def _bases(catalog: Catalog, file: Path, root: str | os.PathLike[str] | None) -> list[str]:
    """Folders that a relative path may start from, in the order in which they are tried."""
    own = str(file.absolute().parent)
    if root is not None:
        top = Library.of_catalog(catalog).indexed_path(root)
        return [str(top.parent if top.is_file() else top), own]
    ends = catalog.pictures.first_and_last_path()
    if ends is None:
        return [own]
    try:
        top = Path(os.path.commonpath([Path(path).parent for path in ends]))
    except ValueError:  # of another system, or on two drives
        return [own]
    return [*map(str, (top, *top.parents)), own]
