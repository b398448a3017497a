"""The fingerprint of an encoder: one hash of what determines its vectors, computed with or without torch."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

import numpy as np
from safetensors import SafetensorError, safe_open

from search.errors import DamagedFileError, EncoderError
from search.files.reading import require_regular

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from numpy.typing import NDArray


def digest(identity: dict[str, Any], tensors: Iterable[tuple[str, str, tuple[int, ...], NDArray[np.uint8]]]) -> str:
    """Hash an identity and every weight: 32 hex digits of SHA-256.

    Args:
        identity: hashed first, as JSON with sorted keys.
        tensors: name, dtype as torch writes it, shape, and bytes of every tensor of the state, sorted by name.
    """
    hashed = hashlib.sha256(json.dumps(identity, sort_keys=True).encode())
    for name, dtype, shape, content in tensors:
        hashed.update(f"\n{name} {dtype} {shape}\n".encode())
        hashed.update(content.data)
    return hashed.hexdigest()[:32]


def digest_of_file(path: Path, identity: dict[str, Any]) -> str:
    """The same hash from a weights file, without torch.

    Raises:
        EncoderError: the file is missing, damaged, or holds a dtype that NumPy lacks.
    """
    try:
        require_regular(path)
        with safe_open(path, framework="numpy") as weights:
            names = sorted(weights.keys())
            return digest(identity, ((name, *_plain(weights.get_tensor(name))) for name in names))
    except (SafetensorError, DamagedFileError, OSError, TypeError, ValueError, AttributeError) as error:
        raise EncoderError(f"{path} cannot be read as safetensors: {error}") from error


def _plain(tensor: NDArray[Any]) -> tuple[str, tuple[int, ...], NDArray[np.uint8]]:
    return f"torch.{tensor.dtype.name}", tensor.shape, np.ascontiguousarray(tensor).reshape(-1).view(np.uint8)
