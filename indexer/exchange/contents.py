"""What stands for the content of an imported picture: the hash of its file, or a stamp that is no such hash.

A vector is known by the hash of its picture's bytes and never computed again. Of an imported picture nobody saw the
bytes. The stamp is made of path and vector, and no file has it: a build that finds a picture at the path reads and
embeds it, as one that changed.
"""

from __future__ import annotations

import hashlib
import os
from typing import TYPE_CHECKING

from indexer.embed import content_hash
from search.errors import PictureError
from search.images import decode
from search.picture_source import read_steady

if TYPE_CHECKING:
    from indexer.exchange.rows import Row
    from search.types import Floats

_PREFIX = "vector:"
"""Hashes of files are hex digits."""
_SMALL = 32
"""Pixels: a JPEG is decoded no larger than it must be to know that it is whole."""


def stamp(path: str, vector: Floats) -> str:
    """Stand for the content of a picture that was not read."""
    digest = hashlib.blake2b(os.fsencode(path), digest_size=20)
    digest.update(b"\0")
    digest.update(vector.astype("<f4", copy=False).tobytes())
    return _PREFIX + digest.hexdigest()


def read_content(row: Row) -> bool:
    """Fill in content, size and time from the picture's file; False where it is not there or is no picture."""
    try:
        data, status = read_steady(row.path)
        width, height = decode(data, name=row.path, target=_SMALL).info["full_size"]
    except PictureError:
        return False
    row.content, row.bytes, row.mtime_ns = content_hash(data), status.st_size, status.st_mtime_ns
    row.width, row.height = width, height
    return True
