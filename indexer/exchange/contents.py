"""Read the files of imported pictures once: content hash, size and time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from indexer.pipeline.content_hash import content_hash
from search.errors import PictureError
from search.pictures.decode import decode
from search.pictures.source import read_steady

if TYPE_CHECKING:
    from indexer.exchange.rows import Row

_SMALL = 32
"""Target side in pixels: a JPEG is decoded no larger than necessary to check that it is complete."""
_FIELDS = ("content", "bytes", "mtime_ns", "width", "height")
_TYPE = np.dtype(list(zip(_FIELDS, ("S47", "i8", "i8", "i8", "i8"), strict=True)))
"""A stamp has 47 characters, a hash 40."""


class KnownFiles:
    """Facts about the files of rows, so that no file is read twice and all stages use the same facts."""

    def __init__(self, rows: int) -> None:
        self._known = np.zeros(rows, dtype=_TYPE)

    def put(self, number: int, row: Row, content: str) -> None:
        """Store the content of row `number`, with the other fields of the row."""
        row.content = content
        self._known[number] = tuple(getattr(row, name) for name in _FIELDS)

    def read(self, number: int, row: Row) -> bool:
        """Read content, size and time from the picture's file; False if it is missing or not a picture."""
        try:
            data, status = read_steady(row.path)
            width, height = decode(data, name=row.path, target=_SMALL).info["full_size"]
        except PictureError:
            return False
        row.bytes, row.mtime_ns, row.width, row.height = status.st_size, status.st_mtime_ns, width, height
        self.put(number, row, content_hash(data))
        return True

    def fill(self, number: int, row: Row) -> None:
        """Fill a row with its stored facts, if there are any."""
        content, *rest = self._known[number].item()
        if content:
            row.content = content.decode()
            row.bytes, row.mtime_ns, row.width, row.height = rest
