"""Check every value of a catalog, as `twinlens check` does beside SQLite's own check of its file."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from search.files.reading import is_inside_name
from search.filters.columns import TYPE_NAMES, metadata_value
from search.store.json_values import (
    checked_parameters,
    checked_quality,
    checked_retained,
    checked_settings,
    checked_tuning,
)
from search.store.values import TABLES, shown, unsound

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    Rows = Callable[[str], Iterable[list[Sequence[Any]]]]
    """Answers SQL with pages of rows."""

_WIDE_TABLE = "metadata"


def value_problems(pages: Rows) -> Iterator[str]:
    """Problems with the values of each table, one sentence per column, with the first such row."""
    tables = {str(name) for page in pages("SELECT name FROM sqlite_master WHERE type = 'table'") for (name,) in page}
    for table, columns in TABLES.items():
        if table in tables:
            yield from _table_problems(pages, table, columns)
    if "settings" in tables:
        yield from _settings_problems(pages)
    if _WIDE_TABLE in tables:
        yield from _metadata_problems(pages)
    for table, key, column, check in _TEXTS:
        if table in tables and column in _columns(pages, table):
            rows = (row for page in pages(f"SELECT {key}, {column} FROM {table}") for row in page)
            yield from _first(f"{table}.{column}", ((key, _fault(check, text)) for key, text in rows))


def _table_problems(pages: Rows, table: str, known: dict[str, str]) -> Iterator[str]:
    there = _columns(pages, table)
    columns = {name: letter for name, letter in known.items() if name in there}
    letters = "".join(columns.values())
    for place, name in enumerate(columns):
        letter = letters[place]
        faults = (
            (row[0], unsound([(row[place],)], letter))
            for page in pages(f"SELECT {', '.join(columns)} FROM {table}")
            if unsound([(row[place],) for row in page], letter)
            for row in page
        )
        yield from _first(f"{table}.{name}", faults)


def _columns(pages: Rows, table: str) -> set[str]:
    """The columns of a table, of which older versions lack some."""
    return {str(row[1]) for page in pages(f"PRAGMA table_info({table})") for row in page}


def _settings_problems(pages: Rows) -> Iterator[str]:
    stored = [row for page in pages("SELECT key, value FROM settings") for row in page]
    if all(isinstance(each, str) for row in stored for each in row):
        try:
            checked_settings({str(key): str(value) for key, value in stored})
        except ValueError as error:
            yield f"settings: {error}"


def _metadata_problems(pages: Rows) -> Iterator[str]:
    known = [row for page in pages("SELECT id, name, type FROM columns ORDER BY id") for row in page]
    there = _columns(pages, _WIDE_TABLE)
    if odd := there - {"picture"} ^ {f"c{key}" for key, _, _ in known}:
        yield f"metadata: its columns are not those that the table of columns names ({', '.join(sorted(odd)[:3])})"
    for key, name, kind in known:
        if kind not in TYPE_NAMES:
            yield f"columns.type: {shown(kind)} instead of a type, for the column {shown(name)}"
        elif isinstance(key, int) and f"c{key}" in there:
            sql = f"SELECT picture, c{key} FROM {_WIDE_TABLE} WHERE c{key} IS NOT NULL"
            faults = (
                (row[0], _fault(partial(metadata_value, kind=kind), row[1])) for page in pages(sql) for row in page
            )
            yield from _first(f"metadata column {shown(name)}", faults)


def _first(place: str, faults: Iterable[tuple[Any, str | None]]) -> Iterator[str]:
    """One sentence with the first of some faults, the key of its row, and their number; nothing without a fault."""
    present = [(key, fault) for key, fault in faults if fault is not None]
    if present:
        more = f" ({len(present)} rows)" if len(present) > 1 else ""
        yield f"{place}: {present[0][1]}, in the row {shown(present[0][0])}{more}"


def _fault(check: Callable[[Any], Any], value: Any) -> str | None:
    """Why a value fails a check; None if it does not."""
    try:
        check(value)
    except TypeError as error:
        return f"{shown(value)}: {error}"
    except ValueError as error:
        return str(error)
    return None


def _name(value: object) -> None:
    if isinstance(value, str) and not is_inside_name(value):
        raise ValueError(f"{shown(value)} lies outside of the index folder")


def _json(check: Callable[[str], Any]) -> Callable[[Any], Any]:
    return lambda value: check(value) if isinstance(value, str) else None


_TEXTS: tuple[tuple[str, str, str, Callable[[Any], Any]], ...] = (
    ("files", "rowid", "name", _name),
    ("segments", "rowid", "parameters", _json(checked_parameters)),
    ("segments", "rowid", "tuning", _json(checked_tuning)),
    ("templates", "rowid", "quality", _json(checked_quality)),
    ("retained", "path", "metadata", _json(checked_retained)),
    ("retained_templates", "path", "quality", _json(checked_quality)),
)
