"""Files that are written whole or not at all: aside, synced, then renamed over what was there."""

from __future__ import annotations

import os
import uuid
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING

from search.durable import sync_folder
from search.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextmanager
def whole_file(path: Path) -> Iterator[IO[bytes]]:
    """Write a file that appears under its name at the end of the block, and only if nothing was raised in it.

    Raises:
        DataError: it cannot be written; what was there is as it was.
    """
    aside = path.with_name(f".{uuid.uuid4().hex}.part")
    try:
        with named(path):
            stream = aside.open("xb")
        with stream:
            yield stream
            with named(path):
                stream.flush()
                os.fsync(stream.fileno())
        with named(path):
            aside.replace(path)
            sync_folder(path.parent)
    finally:
        aside.unlink(missing_ok=True)


@contextmanager
def named(path: Path) -> Iterator[None]:
    """Turn what the system says of a file into an error that names it."""
    try:
        yield
    except OSError as error:
        raise DataError(f"{path}: cannot be written ({error.strerror or error}). Name another file") from error
