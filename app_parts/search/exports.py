"""Hits as a file to take along: a table, JSON as the command line prints it, or the pictures themselves."""

from __future__ import annotations

import csv
import io
import json
from typing import TYPE_CHECKING

from app_parts.archive import zip_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from app_parts.picture_files import PictureFile
    from search import Hit

COLUMNS = ("rank", "id", "path", "label", "distance", "similarity", "strength", "probability")


def csv_of(hits: Sequence[Hit]) -> bytes:
    """A row per hit, with a column for each column of their metadata; names that are not UTF-8 keep their bytes."""
    columns = list(dict.fromkeys(name for hit in hits for name in hit.metadata))
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow([*COLUMNS, *columns])
    for rank, hit in enumerate(hits, 1):
        values = {"rank": rank, **hit.to_dict()}
        metadata = values["metadata"]
        writer.writerow([*(values[name] for name in COLUMNS), *(metadata.get(name) for name in columns)])
    return text.getvalue().encode("utf-8", "surrogateescape")


def json_of(query: Sequence[str], hits: Sequence[Hit]) -> bytes:
    """The hits as `twinlens query --json` prints them."""
    named = query[0] if len(query) == 1 else list(query)
    return (json.dumps({"query": named, "hits": [hit.to_dict() for hit in hits]}, indent=2) + "\n").encode()


def archive_of(hits: Sequence[Hit], file_of: Callable[[Hit], PictureFile]) -> bytes:
    """The files of the hits, numbered by rank, with their table."""
    return zip_of(((f"{rank:03d}", file_of(hit)) for rank, hit in enumerate(hits, 1)), "hits.csv", csv_of(hits))
