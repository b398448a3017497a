"""Pictures of the collection as a file to take along: a table, JSON, or the pictures themselves."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from typing import TYPE_CHECKING, Any

from app_parts.tiles import plain
from search.chunks import chunks
from search.filters.columns import json_value

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from search import SearchEngine

MOST_FILES = 2_000
"""Files of one archive."""
MOST_BYTES = 200 * 2**20
"""Bytes of pictures in one archive, which is made in memory."""
LONGEST_NAME = 120
FIELDS = ("id", "path", "label", "width", "height")


def rows_of(engine: SearchEngine, ids: Sequence[int]) -> Iterator[dict[str, Any]]:
    """The fields and the metadata of pictures, in the order of their ascending ids."""
    for part in chunks(ids):
        metadata = engine.metadata(part)
        for record in engine.catalog.pictures.of(part):
            given = {name: json_value(value) for name, value in metadata.get(record.id, {}).items()}
            yield {
                "id": record.id,
                "path": str(record.path),
                "label": record.label,
                "width": record.width,
                "height": record.height,
                "metadata": given,
            }


def csv_of(engine: SearchEngine, ids: Sequence[int]) -> bytes:
    """A row per picture, with a column for each column of metadata; names that are not UTF-8 keep their bytes."""
    columns, text = list(engine.columns()), io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow([*FIELDS, *columns])
    for row in rows_of(engine, ids):
        writer.writerow([*(row[name] for name in FIELDS), *(row["metadata"].get(name) for name in columns)])
    return text.getvalue().encode("utf-8", "surrogateescape")


def json_of(engine: SearchEngine, ids: Sequence[int]) -> bytes:
    """A list with an object per picture."""
    return (json.dumps(list(rows_of(engine, ids)), indent=2) + "\n").encode()


def zip_of(engine: SearchEngine, ids: Sequence[int]) -> bytes:
    """The files of pictures, named by id, with their table; those that are missing or too large are listed."""
    data, left, skipped = io.BytesIO(), MOST_BYTES, []
    with zipfile.ZipFile(data, "w", zipfile.ZIP_STORED) as archive:  # pictures are compressed already
        archive.writestr("pictures.csv", csv_of(engine, ids))
        for part in chunks(ids):
            for record in engine.catalog.pictures.of(part):
                try:
                    with record.path.open("rb") as file:
                        content = file.read(left + 1)
                except (OSError, ValueError) as error:
                    skipped.append(f"{plain(record.path)}: {getattr(error, 'strerror', None) or error}")
                    continue
                if len(content) > left:
                    skipped.append(f"{plain(record.path)}: more than {MOST_BYTES // 2**20} MiB in all")
                    continue
                left -= len(content)
                archive.writestr(_name(record.id, record.path), content)
        if skipped:
            archive.writestr("skipped.txt", "\n".join(skipped) + "\n")
    return data.getvalue()


def _name(key: int, path: Path) -> str:
    """A name that any system can extract: no folder, and none of the characters that Windows refuses."""
    name = "".join("_" if c in '\\/:*?"<>|' else c for c in plain(path.name))
    return f"{key:06d}-{name[-LONGEST_NAME:]}"
