"""Check the vectors of an import completely, before anything is written."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from indexer.exchange.config import chunk_rows
from indexer.exchange.unit_vectors import unit_rows
from search.errors import DataError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from indexer.exchange.rows import Source
    from indexer.pipeline.progress import Stages

_DIGEST = 8
"""Bytes of the digest of each path: 8 MB for a million paths. Paths with equal digests are compared themselves."""


@dataclass(frozen=True, slots=True)
class Checked:
    """Result of checking a source."""

    normalized: int
    """Number of rows that were not of unit length."""
    ids_ascend: bool
    """Whether every row has an id greater than the one before it, as in an export."""


def check_source(source: Source, *, normalize: bool, stages: Stages) -> Checked:
    """Read and check every row once.

    Raises:
        DataError: a row cannot be a unit vector, has no path, or has the path of another row; or the numbers of rows
            and pictures differ.
    """
    digests = np.empty(source.count, dtype=np.uint64)
    normalized, last, ascend = 0, 0, True
    with stages.stage("check", source.count):
        for chunk in source.chunks(chunk_rows(source.dim)):
            normalized += unit_rows(chunk.vectors, chunk.first, source.name, normalize=normalize)[1]
            for number, row in enumerate(chunk.rows, chunk.first):
                digests[number] = _digest(row.path)
                ascend, last = ascend and row.id > last, row.id
            stages.progress.advance(len(chunk.rows))
    _refuse_repeated(source, digests)
    return Checked(normalized, ascend)


def _digest(path: str) -> int:
    return int.from_bytes(hashlib.blake2b(os.fsencode(path), digest_size=_DIGEST).digest())


def _refuse_repeated(source: Source, digests: NDArray[np.uint64]) -> None:
    """Raise DataError if two rows have the same path."""
    distinct, counts = np.unique(digests, return_counts=True)
    repeated = distinct[counts > 1]
    if not len(repeated):
        return
    suspects = np.isin(digests, repeated)
    seen: dict[str, int] = {}
    for chunk in source.chunks(chunk_rows(source.dim)):
        for number in np.flatnonzero(suspects[chunk.first : chunk.first + len(chunk.rows)]).tolist():
            path = chunk.rows[number].path
            if path in seen:
                raise DataError(
                    f"{source.name}: rows {seen[path]} and {chunk.first + number} (counted from 0) are both of {path}."
                    " An index has one vector per picture: remove one of the rows"
                )
            seen[path] = chunk.first + number
