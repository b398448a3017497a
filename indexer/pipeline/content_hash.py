"""What stands for the content of a picture: the hash of its file, or a stamp where nobody read the file.

A vector is known by the hash of its picture's bytes and never computed again. Of an imported picture nobody saw the
bytes. The stamp is made of path and vector, and no file has it: a build that finds a picture at the path reads and
embeds it, as one that changed.
"""

from __future__ import annotations

import hashlib
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from search.types import Floats


def content_hash(data: bytes) -> str:
    """BLAKE2b of a file's bytes, 160 bits as hex: what makes two files the same picture wherever they lie."""
    return hashlib.blake2b(data, digest_size=20).hexdigest()


_PREFIX = "vector:"
"""Hashes of files are hex digits."""


def stamp(path: str, vector: Floats) -> str:
    """Stand for the content of a picture that was not read."""
    digest = hashlib.blake2b(os.fsencode(path), digest_size=20)
    digest.update(b"\0")
    digest.update(vector.astype("<f4", copy=False).tobytes())
    return _PREFIX + digest.hexdigest()


def is_stamp(content: str) -> bool:
    """Whether this stands for a picture that was not read: then no other vector has it."""
    return content.startswith(_PREFIX)
