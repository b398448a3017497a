"""The vectors of a new segment as one matrix: in memory if they are few, otherwise in a memory-mapped file."""

from __future__ import annotations

import uuid
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np

from search.files.writing import make_folder, new_file
from search.store.segments import SEGMENTS_FOLDER

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from search.types import Floats

_IN_MEMORY = 64 * 2**20
"""Size in bytes up to which the matrix stays in memory."""


@contextmanager
def gathered(folder: Path, blocks: Iterable[Floats], rows: int, dim: int) -> Iterator[Floats]:
    """Join blocks of vectors to one matrix `(rows, dim) float32`, which exists for the duration of the context.

    A large matrix is a file in the index folder, so that memory stays free for the structure built over it: the
    system can write pages out and drop them.
    """
    if rows * dim * 4 <= _IN_MEMORY:
        yield _filled(np.empty((rows, dim), dtype=np.float32), blocks)
        return
    make_folder(folder / SEGMENTS_FOLDER)
    file = folder / SEGMENTS_FOLDER / f"{uuid.uuid4().hex}.part"
    try:
        _reserve(file, rows * dim * 4)
        matrix = np.memmap(file, dtype=np.float32, mode="r+", shape=(rows, dim))
        yield _filled(matrix, blocks)
    finally:
        file.unlink(missing_ok=True)


def _filled(matrix: Floats, blocks: Iterable[Floats]) -> Floats:
    start = 0
    for block in blocks:
        matrix[start : start + len(block)] = block
        start += len(block)
    if start != len(matrix):
        raise AssertionError(f"{start} vectors came for {len(matrix)} rows")
    return matrix


def _reserve(file: Path, size: int) -> None:
    """Allocate the space on the disk: writing to a mapped file on a full disk would end the process (SIGBUS)."""
    zeros = bytes(1 << 20)
    with new_file(file) as stream:
        for start in range(0, size, len(zeros)):
            stream.write(zeros[: size - start])
