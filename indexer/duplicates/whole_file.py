"""Files that are written whole or not at all: aside, synced, then renamed over what was there."""

from __future__ import annotations

from contextlib import contextmanager
from typing import IO, TYPE_CHECKING

from search.errors import DataError
from search.files.writing import output_file

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextmanager
def whole_file(path: Path) -> Iterator[IO[bytes]]:
    """Write a file that appears under its name at the end of the block, and only if nothing was raised in it.

    Raises:
        DataError: it cannot be written; what was there is as it was.
    """
    with output_file(path) as stream:
        yield stream


@contextmanager
def named(path: Path) -> Iterator[None]:
    """Turn what the system says of a file into an error that names it."""
    try:
        yield
    except OSError as error:
        raise DataError(f"{path}: cannot be written ({error.strerror or error}). Name another file") from error
