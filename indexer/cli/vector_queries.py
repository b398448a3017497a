"""Queries that need no picture, and so no encoder: pictures of the index by id, and files of vectors."""

from __future__ import annotations

from tokenize import TokenError
from typing import TYPE_CHECKING

import numpy as np

from search.errors import DataError

if TYPE_CHECKING:
    from pathlib import Path

    from search.types import Floats


def read_vectors(file: Path) -> Floats:
    """Read the queries `(Q, D) float32` of a .npy file that holds one vector `(D,)` or several `(Q, D)`.

    Raises:
        DataError: it cannot be read, or holds something else than floating numbers in one or two dimensions.
    """
    if not file.exists():
        raise DataError(f"{file}: no such file")
    if not file.is_file():
        raise DataError(f"{file}: is no regular file. --vector takes a .npy file, as numpy.save writes it")
    try:
        # Mapped: a damaged header that claims a huge array is refused before memory is taken for it.
        found = np.lib.format.open_memmap(file, mode="r")
    except (OSError, EOFError, ValueError, TypeError, SyntaxError, TokenError, MemoryError, OverflowError) as error:
        raise DataError(f"{file}: cannot be read as a .npy file of numbers ({error!s:.200})") from error
    if found.dtype.kind != "f" or found.ndim not in (1, 2) or found.size == 0:
        raise DataError(
            f"{file}: holds {found.dtype} of shape {found.shape}. A query is one vector (D,) or several (Q, D) of"
            " floating numbers"
        )
    with np.errstate(over="ignore"):  # infinite then, and refused with all that is not of unit length
        return np.array(np.atleast_2d(found), dtype=np.float32)
