"""How an index is stored in Milvus: names of collections, fields of a picture, and their conversion.

An index NAME is an alias of the collection `NAME__TAG`, which holds the pictures; `NAME__TAG__about` holds everything
else (`search/store/milvus/about.py`). So one change of an alias replaces an index as a whole.

A picture is one entity: its id, its vector, the built-in columns, and `m1`, `m2` ... for the columns of metadata, whose
names and types are stored with the settings. Texts are stored in UTF-8. A path that is not UTF-8 is stored readably for
filters, and its bytes beside it.
"""

from __future__ import annotations

import math
import os
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from search.errors import DataError, StoreError, UnsupportedError
from search.filters.columns import BUILT_IN, ColumnType, MetadataValue, metadata_value
from search.filters.iso_dates import stored_moment
from search.store.records import PictureRecord, ShownRecord

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from search.types import Floats

LAYOUT = 1
"""Version of this layout; a newer one is refused."""
PART = 1
"""Number of the one part of this store, in place of a segment's; the id of a picture is its row."""
VECTOR = "vector"
MOST_COLUMNS = 48
"""Milvus allows 64 fields in a collection."""
LONGEST_TEXT = 65_535
"""Most bytes of a text field of Milvus."""
_LONGEST_MOMENT = 64
_OWN = ("path", "path_bytes", "label", "width", "height", "bytes", "content", "mtime_ns", "ctime_ns", "inode")
"""Fields of a picture apart from its id, its vector and its metadata."""
_NULLABLE = {"path_bytes", "label", "ctime_ns", "inode"}
_TEXTS = {"path", "path_bytes", "label", "content"}


class Field(NamedTuple):
    """A column that a filter may name, and its field."""

    name: str
    type: ColumnType
    nullable: bool


def about_name(collection: str) -> str:
    """The collection beside that of the pictures."""
    return f"{collection}__about"


def metadata_fields(columns: Mapping[str, ColumnType]) -> dict[str, Field]:
    """Column of metadata -> field; raises UnsupportedError if there are too many."""
    if len(columns) > MOST_COLUMNS:
        raise UnsupportedError(
            f"the index has {len(columns)} columns of metadata, and a collection of Milvus has room for {MOST_COLUMNS}."
            " Drop some: twinlens metadata --drop NAME"
        )
    return {name: Field(f"m{number}", kind, True) for number, (name, kind) in enumerate(columns.items(), 1)}


def filter_fields(columns: Mapping[str, ColumnType]) -> dict[str, Field]:
    """Every column that a filter may name -> field."""
    return {name: Field(name, kind, name in _NULLABLE) for name, kind in BUILT_IN.items()} | metadata_fields(columns)


def add_fields(schema: Any, columns: Mapping[str, ColumnType], dim: int) -> None:
    """Add the fields of a picture to a schema of pymilvus."""
    from pymilvus import DataType

    types = {"integer": DataType.INT64, "real": DataType.DOUBLE, "boolean": DataType.BOOL}
    schema.add_field("id", DataType.INT64, is_primary=True)
    schema.add_field(VECTOR, DataType.FLOAT_VECTOR, dim=dim)
    for name in _OWN:
        words: dict[str, Any] = {"nullable": True} if name in _NULLABLE else {}
        if name in _TEXTS:
            schema.add_field(name, DataType.VARCHAR, max_length=LONGEST_TEXT, **words)
        else:
            schema.add_field(name, DataType.INT64, **words)
    for each in metadata_fields(columns).values():
        if each.type in types:
            schema.add_field(each.name, types[each.type], nullable=True)
        else:
            longest = LONGEST_TEXT if each.type == "text" else _LONGEST_MOMENT
            schema.add_field(each.name, DataType.VARCHAR, max_length=longest, nullable=True)


def entity(
    record: PictureRecord, metadata: Mapping[str, MetadataValue], fields: Mapping[str, Field], vector: Floats
) -> dict[str, Any]:
    """A picture as an entity of Milvus.

    Raises:
        DataError: Milvus cannot hold a text or a number of it.
    """
    raw = os.fsencode(record.path)
    path = raw.decode("utf-8", "backslashreplace")
    own = {name: getattr(record, name) for name in _OWN if name not in ("path", "path_bytes")}
    row = {
        "id": record.id,
        VECTOR: vector,
        **own,
        "path": path,
        "path_bytes": None if path.encode() == raw else raw.hex(),
        **{field.name: _stored(metadata.get(name)) for name, field in fields.items()},
    }
    for name, value in row.items():
        if isinstance(value, str) and len(value.encode("utf-8", "surrogateescape")) > LONGEST_TEXT:
            raise DataError(f"{path}: {_column(name, fields)} is longer than the {LONGEST_TEXT:,} bytes of Milvus")
        if isinstance(value, str) and not _is_unicode(value):
            raise DataError(f"{path}: {_column(name, fields)} is not valid Unicode, and Milvus stores only that")
        if isinstance(value, float) and not math.isfinite(value):
            raise DataError(f"{path}: {_column(name, fields)} is {value}, and Milvus stores finite numbers only")
    return row


def shown_fields(fields: Mapping[str, Field]) -> list[str]:
    """The fields that a hit shows."""
    return ["path", "path_bytes", "label", *(each.name for each in fields.values())]


RECORD_FIELDS = list(_OWN)
"""The fields of a `PictureRecord`."""


def record_of(row: Mapping[str, Any]) -> PictureRecord:
    """The picture of an entity with `RECORD_FIELDS`."""
    own = {name: row[name] for name in _OWN if name not in ("path", "path_bytes")}
    return PictureRecord(id=row["id"], path=path_of(row), segment=PART, row=row["id"], **own)


def shown_of(row: Mapping[str, Any], fields: Mapping[str, Field]) -> ShownRecord:
    """What a hit shows of an entity with `shown_fields`."""
    return ShownRecord(row["id"], path_of(row), row["label"], metadata_of(row, fields))


def path_of(row: Mapping[str, Any]) -> Path:
    """The path of an entity."""
    raw = row["path_bytes"]
    return Path(row["path"] if raw is None else os.fsdecode(bytes.fromhex(raw)))


def metadata_of(row: Mapping[str, Any], fields: Mapping[str, Field]) -> dict[str, MetadataValue]:
    """Column -> value of an entity, without empty values."""
    return {
        name: value_of(name, row[field.name], field.type)
        for name, field in fields.items()
        if row[field.name] is not None
    }


def value_of(name: str, value: Any, kind: ColumnType) -> MetadataValue:
    """A value that is not null; raises StoreError if another program stored one of another type."""
    try:
        return metadata_value(int(value) if isinstance(value, bool) else value, kind)
    except (TypeError, ValueError) as error:
        raise StoreError(
            f"the column {name!r} holds {value!r:.60}, which is not of the type {kind} ({error})"
        ) from error


def vectors_of(rows: Sequence[Mapping[str, Any]], dim: int) -> Floats:
    """The vectors `(N, dim) float32` of entities."""
    return np.array([row[VECTOR] for row in rows], dtype=np.float32).reshape(len(rows), dim)


def _stored(value: MetadataValue | None) -> Any:
    if isinstance(value, datetime):
        return stored_moment(value)
    return value.isoformat() if isinstance(value, date) else value


def _column(field: str, fields: Mapping[str, Field]) -> str:
    return next((f"the column {name!r}" for name, each in fields.items() if each.name == field), f"its {field}")


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
