"""What the files of imported pictures say, read once: content hash, size and time."""

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
"""Pixels: a JPEG is decoded no larger than it must be to know that it is whole."""
_FIELDS = ("content", "bytes", "mtime_ns", "width", "height")
_TYPE = np.dtype(list(zip(_FIELDS, ("S47", "i8", "i8", "i8", "i8"), strict=True)))
"""A stamp has 47 characters, a hash 40."""


class KnownFiles:
    """What was found out of the files of some rows, so that no file is read twice and all stages agree."""

    def __init__(self, rows: int) -> None:
        self._known = np.zeros(rows, dtype=_TYPE)

    def put(self, number: int, row: Row, content: str) -> None:
        """Note the content of row `number`, with what the row says of the file."""
        row.content = content
        self._known[number] = tuple(getattr(row, name) for name in _FIELDS)

    def read(self, number: int, row: Row) -> bool:
        """Take content, size and time from the picture's file; False where it is not there or is no picture."""
        try:
            data, status = read_steady(row.path)
            width, height = decode(data, name=row.path, target=_SMALL).info["full_size"]
        except PictureError:
            return False
        row.bytes, row.mtime_ns, row.width, row.height = status.st_size, status.st_mtime_ns, width, height
        self.put(number, row, content_hash(data))
        return True

    def fill(self, number: int, row: Row) -> None:
        """Say of a row what was noted of it, if anything was."""
        content, *rest = self._known[number].item()
        if content:
            row.content = content.decode()
            row.bytes, row.mtime_ns, row.width, row.height = rest
