"""Hits as a file to take along: a table, JSON as the command line prints it, or the pictures themselves."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from typing import TYPE_CHECKING

from app_parts.tiles import plain

if TYPE_CHECKING:
    from collections.abc import Sequence

    from search import Hit

MOST_BYTES = 200 * 2**20
"""Bytes of pictures in one archive, which is made in memory."""
LONGEST_NAME = 120
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


def zip_of(hits: Sequence[Hit]) -> bytes:
    """The files of the hits, named by rank, with their table; those that are missing or too large are listed."""
    data, left, skipped = io.BytesIO(), MOST_BYTES, []
    with zipfile.ZipFile(data, "w", zipfile.ZIP_STORED) as archive:  # pictures are compressed already
        archive.writestr("hits.csv", csv_of(hits))
        for rank, hit in enumerate(hits, 1):
            try:
                content = _read(hit, left)
            except OSError as error:
                skipped.append(f"{plain(hit.path)}: {error.strerror or error}")
                continue
            if content is None:
                skipped.append(f"{plain(hit.path)}: more than {MOST_BYTES // 2**20} MiB in all")
                continue
            left -= len(content)
            archive.writestr(_name(rank, hit), content)
        if skipped:
            archive.writestr("skipped.txt", "\n".join(skipped) + "\n")
    return data.getvalue()


def _read(hit: Hit, most: int) -> bytes | None:
    """A file of at most so many bytes; None if it is larger."""
    with hit.path.open("rb") as file:
        content = file.read(most + 1)
    return content if len(content) <= most else None


def _name(rank: int, hit: Hit) -> str:
    """A name that any system can extract: no folder, and none of the characters that Windows refuses."""
    name = "".join("_" if c in '\\/:*?"<>|' else c for c in plain(hit.path.name))
    return f"{rank:03d}-{name[-LONGEST_NAME:]}"
