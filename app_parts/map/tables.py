"""Pictures of the collection as a file to take along: a table, JSON, or the pictures themselves."""

from __future__ import annotations

import csv
import io
import json
from typing import TYPE_CHECKING, Any

from app_parts.archive import zip_of
from search.chunks import chunks
from search.filters.columns import json_value

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from app_parts.picture_files import PictureFile
    from app_parts.shared_index import Engine
    from search.store.records import PictureRecord

MOST_FILES = 2_000
"""Files of one archive."""
FIELDS = ("id", "path", "label", "width", "height")


def rows_of(engine: Engine, ids: Sequence[int]) -> Iterator[dict[str, Any]]:
    """The fields and the metadata of pictures, in the order of their ascending ids."""
    for part in chunks(ids):
        metadata = engine.metadata(part)
        for record in engine.pictures_of(part):
            given = {name: json_value(value) for name, value in metadata.get(record.id, {}).items()}
            yield {
                "id": record.id,
                "path": str(record.path),
                "label": record.label,
                "width": record.width,
                "height": record.height,
                "metadata": given,
            }


def csv_of(engine: Engine, ids: Sequence[int]) -> bytes:
    """A row per picture, with a column for each column of metadata; names that are not UTF-8 keep their bytes."""
    columns, text = list(engine.columns()), io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow([*FIELDS, *columns])
    for row in rows_of(engine, ids):
        writer.writerow([*(row[name] for name in FIELDS), *(row["metadata"].get(name) for name in columns)])
    return text.getvalue().encode("utf-8", "surrogateescape")


def json_of(engine: Engine, ids: Sequence[int]) -> bytes:
    """A list with an object per picture."""
    return (json.dumps(list(rows_of(engine, ids)), indent=2) + "\n").encode()


def archive_of(engine: Engine, ids: Sequence[int], file_of: Callable[[PictureRecord], PictureFile]) -> bytes:
    """The files of pictures, numbered by id, with their table."""
    records = (record for part in chunks(ids) for record in engine.pictures_of(part))
    files = ((f"{record.id:06d}", file_of(record)) for record in records)
    return zip_of(files, "pictures.csv", csv_of(engine, ids))
