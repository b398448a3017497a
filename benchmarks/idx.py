"""Read IDX files. Source: LeCun, Cortes, Burges, "The MNIST database of handwritten digits", 1998."""

from __future__ import annotations

import gzip
import struct
from typing import TYPE_CHECKING

import numpy as np

from search.errors import DataError

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any

    from numpy.typing import NDArray

_BYTES = 0x08
"""Code of unsigned bytes in the third byte of the magic number; the fourth is the number of axes."""


def read_idx(file: Path) -> NDArray[np.uint8]:
    """Read `file.gz` as an array of bytes: pictures `(N, H, W)` or labels `(N,)`.

    Raises:
        DataError: no such file, or not an IDX file of bytes.
    """
    try:
        with gzip.open(file) as stream:
            data = stream.read()
    except (OSError, EOFError) as error:
        raise DataError(
            f"{file}: cannot be read ({error}). Set TWINLENS_DATASETS to the folder that holds it"
        ) from error
    axes = data[3] if len(data) > 4 and data[:3] == bytes([0, 0, _BYTES]) else 0
    shape: tuple[Any, ...] = struct.unpack(f">{axes}I", data[4 : 4 + 4 * axes]) if len(data) >= 4 + 4 * axes else ()
    if not axes or not shape or len(data) != 4 + 4 * axes + int(np.prod(shape)):
        raise DataError(f"{file}: is not an IDX file of bytes, or is damaged")
    return np.frombuffer(data, np.uint8, offset=4 + 4 * axes).reshape(shape)
