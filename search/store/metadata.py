"""The table of metadata in the catalog: one row per picture, one SQL column per column of metadata.

One wide table was preferred to one row per value: a filter over many columns is then one pass over one table.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, cast

from search.chunks import chunks
from search.errors import IndexFolderError, QueryError
from search.filters.columns import (
    BUILT_IN,
    EXIF_COLUMNS,
    TYPE_NAMES,
    ColumnInfo,
    ColumnType,
    MetadataValue,
    Stored,
    metadata_value,
)
from search.filters.sql import Sql, SqlColumn, to_sql
from search.store.values import kinds, shown

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from search.filters.conditions import Condition
    from search.store.database import Database

_WITH_METADATA = 4
"""First version of the catalog that has metadata."""
_SHOWN_VALUES = 5
_SEE = "Run twinlens check on the index"


class StoredColumn(NamedTuple):
    """A column of metadata, with the name of its SQL column in the table `metadata`."""

    name: str
    sql: str
    kind: ColumnType


class MetadataTable:
    """Reads and writes columns and values, and runs filters."""

    def __init__(self, database: Database) -> None:
        """Use the database of a catalog."""
        self._there = database.version >= _WITH_METADATA
        self._rows, self._many = database.rows, database.many

    # Columns -----------------------------------------------------------------------------------------------------

    def columns(self) -> dict[str, ColumnType]:
        """Name -> type, in the order in which the columns were added."""
        return {name: kind for _, name, kind in self._columns()}

    def add_columns(self, columns: Mapping[str, ColumnType]) -> None:
        """Add new, empty columns; within a transaction."""
        for name, kind in columns.items():
            self._many("INSERT INTO columns (name, type) VALUES (?, ?)", [(name, kind)])
            ((key,),) = self._rows("SELECT id FROM columns WHERE name = ?", (name,))
            self._many(f"ALTER TABLE metadata ADD COLUMN c{int(key)}", [()])

    def drop_column(self, name: str) -> None:
        """Delete a column with all its values; within a transaction.

        Raises:
            QueryError: there is no such column, or it is read from the pictures.
        """
        keys = {known: key for key, known, _ in self._columns()}
        if name not in keys or name in EXIF_COLUMNS:
            own = [known for known in keys if known not in EXIF_COLUMNS]
            raise QueryError(f"{name!r} is not a column that can be dropped (those are: {', '.join(own) or 'none'})")
        self._many(f"ALTER TABLE metadata DROP COLUMN c{keys[name]}", [()])
        self._many("UPDATE retained SET metadata = json_remove(metadata, ?)", [(f'$."{keys[name]}"',)])
        self._many("DELETE FROM columns WHERE id = ?", [(keys[name],)])

    def infos(self) -> tuple[ColumnInfo, ...]:
        """Each column with its number of values, and the least and greatest value, or a few values."""
        known = self._columns()
        if not known:
            return ()
        figures = ", ".join(
            f"count(c{key})" if _listed(kind) else f"count(c{key}), min(c{key}), max(c{key})" for key, _, kind in known
        )
        row = iter(self._rows(f"SELECT {figures} FROM metadata", ())[0])
        return tuple(self._info(key, name, kind, next(row), row) for key, name, kind in known)

    def _info(self, key: int, name: str, kind: ColumnType, count: int, row: Any) -> ColumnInfo:
        if not _listed(kind):
            low, high = next(row), next(row)
            least, greatest = (None if end is None else _value(name, end, kind) for end in (low, high))
            return ColumnInfo(name, kind, count, least, greatest)
        sql = f"SELECT DISTINCT c{key} FROM metadata WHERE c{key} IS NOT NULL LIMIT {_SHOWN_VALUES}"
        values = sorted(_value(name, value, kind) for (value,) in (self._rows(sql, ()) if count else []))
        return ColumnInfo(name, kind, count, values=tuple(values))

    # Values ------------------------------------------------------------------------------------------------------

    def of(self, pictures: Sequence[int]) -> dict[int, dict[str, MetadataValue]]:
        """Id of a picture -> column -> value, without empty values."""
        known = self.stored_columns()
        metadata: dict[int, dict[str, MetadataValue]] = {}
        if not known:
            return metadata
        names = ", ".join(each.sql for each in known)
        for chunk in chunks(pictures):
            marks = ",".join("?" * len(chunk))
            for picture, *values in self._rows(
                f"SELECT picture, {names} FROM metadata WHERE picture IN ({marks})", chunk
            ):
                metadata[picture] = values_of(known, values)
        return metadata

    def stored_columns(self) -> list[StoredColumn]:
        """The columns in the order in which they were added."""
        return [StoredColumn(name, f"c{key}", kind) for key, name, kind in self._columns()]

    def texts(self, name: str, most: int) -> list[str]:
        """At most `most` distinct values of a column of text, sorted."""
        keys = {known: key for key, known, _ in self._columns()}
        column = f"c{keys[name]}"
        sql = f"SELECT DISTINCT {column} FROM metadata WHERE {column} IS NOT NULL LIMIT ?"
        return sorted(_value(name, value, "text") for (value,) in self._rows(sql, (most,)))

    def of_column(self, name: str) -> dict[int, MetadataValue]:
        """Id of a picture -> value of one column, for every picture with a value; a built-in column or one of metadata.

        Raises:
            QueryError: there is no such column.
        """
        if name in BUILT_IN:
            letters = kinds("pictures", "id", name)
            return dict(
                self._rows(f"SELECT id, {name} FROM pictures WHERE {name} IS NOT NULL ORDER BY id", (), letters)
            )
        for each in self.stored_columns():
            if each.name == name:
                sql = f"SELECT picture, {each.sql} FROM metadata WHERE {each.sql} IS NOT NULL ORDER BY picture"
                return {picture: _value(name, value, each.kind) for picture, value in self._rows(sql, (), "k*")}
        known = ", ".join([*BUILT_IN, *self.columns()])
        raise QueryError(f"there is no column {name!r} (columns: {known})")

    def put(self, names: Sequence[str], rows: Iterable[tuple[int, Sequence[Stored]]]) -> None:
        """Store values, or nulls, of existing columns by picture id; other columns stay. Within a transaction."""
        keys = {name: (key, kind) for key, name, kind in self._columns()}
        columns = [f"c{keys[name][0]}" for name in names]
        marks = ", ".join("CAST(? AS TEXT)" if keys[name][1] == "text" else "?" for name in names)
        update = ", ".join(f"{column} = excluded.{column}" for column in columns)
        self._many(
            f"INSERT INTO metadata (picture, {', '.join(columns)}) VALUES (?, {marks})"
            f" ON CONFLICT (picture) DO UPDATE SET {update}",
            ((picture, *values) for picture, values in rows),
        )

    # Filters -----------------------------------------------------------------------------------------------------

    def select(self, aggregate: str, condition: Condition | None, clause: str = "1", values: Sequence[Any] = ()) -> Any:
        """Compute one SQL aggregate over the pictures that match a condition and an SQL clause with its values.

        Raises:
            QueryError: the condition names an unknown column, or a value that does not fit its column.
        """
        tables = "pictures LEFT JOIN metadata ON metadata.picture = pictures.id" if self._there else "pictures"
        sql = Sql("1") if condition is None else self.check(condition)
        rows = self._rows(f"SELECT {aggregate} FROM {tables} WHERE {clause} AND {sql.text}", (*values, *sql.values))
        return rows[0][0]

    def check(self, condition: Condition) -> Sql:
        """Translate a condition to SQL over `pictures` and `metadata`; raises QueryError if it is invalid."""
        columns = {name: SqlColumn(f"pictures.{name}", kind) for name, kind in BUILT_IN.items()}
        columns |= {name: SqlColumn(f"metadata.c{key}", kind) for key, name, kind in self._columns()}
        return to_sql(condition, columns)

    def numbers(
        self, column: str, condition: Condition | None, clause: str = "1", values: Sequence[Any] = ()
    ) -> list[int]:
        """Values of an SQL column of integers, of the pictures that match a condition, ascending.

        SQLite returns them as one text: fetching half a million rows one by one takes twice as long as the search.
        """
        text = self.select(f"group_concat({column})", condition, clause, values)
        try:
            return sorted(map(int, text.split(","))) if text else []
        except (AttributeError, ValueError):
            raise IndexFolderError(f"the catalog holds values that are not numbers in {column}. {_SEE}") from None

    def _columns(self) -> list[tuple[int, str, ColumnType]]:
        if not self._there:
            return []
        columns = self._rows("SELECT id, name, type FROM columns ORDER BY id", (), "kts")
        for _, name, kind in columns:
            if kind not in TYPE_NAMES:
                raise IndexFolderError(
                    f"the column {name!r} of the catalog has the type {kind!r}, which does not exist. {_SEE}"
                )
        return cast("list[tuple[int, str, ColumnType]]", columns)


def values_of(columns: Sequence[StoredColumn], values: Sequence[Any]) -> dict[str, MetadataValue]:
    """Column -> value, without empty values; raises IndexFolderError for a value that is not of its column's type."""
    return {
        each.name: _value(each.name, value, each.kind)
        for each, value in zip(columns, values, strict=True)
        if value is not None
    }


def _listed(kind: ColumnType) -> bool:
    return kind in ("text", "boolean")


def _value(name: str, value: Any, kind: ColumnType) -> Any:
    try:
        return metadata_value(value, kind)
    except (TypeError, ValueError) as error:
        wrong = f"the column {name!r} of the catalog holds {shown(value)}, which is not of the type {kind}"
        raise IndexFolderError(f"{wrong}. {_SEE}") from error
