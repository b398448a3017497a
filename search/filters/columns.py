"""Columns of metadata: their types, and how values are stored and returned."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Literal, TypeAlias

from search.filters.iso_dates import read_moment

ColumnType: TypeAlias = Literal["text", "integer", "real", "boolean", "date", "datetime"]
"""`datetime` is a date with a time, in UTC."""
Stored: TypeAlias = str | bytes | int | float | None
"""A value as SQLite holds it: booleans as 0 and 1, dates and moments as text (`search.filters.iso_dates`)."""
MetadataValue: TypeAlias = str | int | float | bool | date
"""A value as Python code gets it; a moment is a `datetime` in UTC."""

BUILT_IN: dict[str, ColumnType] = {
    "id": "integer",
    "path": "text",
    "label": "text",
    "width": "integer",
    "height": "integer",
    "bytes": "integer",
}
"""Columns that every picture has without metadata."""
TAKEN, CAMERA = "taken", "camera"
EXIF_COLUMNS: dict[str, ColumnType] = {TAKEN: "datetime", CAMERA: "text"}
"""Columns that every catalog has from the beginning; their values are read from the pictures."""
MOST_COLUMNS = 1000
"""SQLite's tables have at most 2,000 columns."""

TYPE_NAMES: dict[ColumnType, str] = {
    "text": "text",
    "integer": "a whole number",
    "real": "a number",
    "boolean": "true or false",
    "date": "a date",
    "datetime": "a date with a time",
}
"""Names of the types in error messages."""
_STORED: dict[ColumnType, tuple[type, ...]] = {
    "text": (str,),
    "integer": (int,),
    "real": (float, int),
    "boolean": (int,),
    "date": (str,),
    "datetime": (str,),
}


@dataclass(frozen=True, slots=True)
class ColumnInfo:
    """A column as printed by `twinlens info`; `count` pictures have a value."""

    name: str
    type: ColumnType
    count: int
    min: MetadataValue | None = None
    max: MetadataValue | None = None
    values: tuple[MetadataValue, ...] = ()
    """A few of the distinct values of a text or boolean column."""

    def to_dict(self) -> dict[str, Any]:
        """The column as plain values for JSON."""
        shown = {"name": self.name, "type": self.type, "count": self.count}
        if self.type in ("text", "boolean"):
            return {**shown, "values": list(self.values)}
        return {**shown, "min": json_value(self.min), "max": json_value(self.max)}


def metadata_value(value: Any, kind: ColumnType) -> MetadataValue:
    """Convert a stored value that is not null; raises TypeError or ValueError for one of another type."""
    if type(value) not in _STORED[kind]:
        raise TypeError(f"{type(value).__name__} is stored")
    if kind == "boolean":
        if value not in (0, 1):
            raise ValueError(f"{value} is neither true nor false")
        return bool(value)
    if kind == "date":
        return date.fromisoformat(value)
    if kind == "datetime":
        return read_moment(value)
    if kind == "real":
        return float(value)
    return value  # type: ignore[no-any-return]


def json_value(value: MetadataValue | None) -> str | int | float | bool | None:
    """A value as JSON holds it: dates and moments as ISO 8601."""
    return value.isoformat() if isinstance(value, date | datetime) else value
