"""Identify the content of a picture: by the hash of its file, or by a stamp if the file was never read.

A vector is stored under the hash of its picture's bytes and never computed again. The bytes of an imported picture are
unknown, so it gets a stamp made of path and vector. No file has that hash: a build that finds a picture at the path
reads and embeds it as a changed one.
"""

from __future__ import annotations

import hashlib
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from search.types import Floats


def content_hash(data: bytes) -> str:
    """BLAKE2b of a file's bytes, 160 bits as hex: files with the same hash are the same picture."""
    return hashlib.blake2b(data, digest_size=20).hexdigest()


_PREFIX = "vector:"
"""Marks a stamp; hashes of files are hex digits."""


def stamp(path: str, vector: Floats) -> str:
    """Identify the content of a picture that was not read."""
    digest = hashlib.blake2b(os.fsencode(path), digest_size=20)
    digest.update(b"\0")
    digest.update(vector.astype("<f4", copy=False).tobytes())
    return _PREFIX + digest.hexdigest()


def is_stamp(content: str) -> bool:
    """Whether this identifies a picture that was not read; no other vector has the same stamp."""
    return content.startswith(_PREFIX)
