"""Embed pictures: decode and encode them a few at a time, and measure the time of each step."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import numpy as np

from search.chunks import chunks
from search.config import DecodeConfig
from search.pictures.decode import load_picture

if TYPE_CHECKING:
    from collections.abc import Sequence

    from search.encoders.base import Encoder
    from search.types import Floats, Picture, Timing

DECODED_AT_ONCE = 64
"""Most decoded pictures in memory at once."""


def embed(encoder: Encoder, pictures: Sequence[Picture], timing: Timing) -> Floats:
    """Embed pictures as `(N, dim) float32` unit rows, and add the seconds to `timing`.

    Raises:
        PictureError: a picture cannot be read.
    """
    parts: list[Floats] = []
    for chunk in chunks(pictures, DECODED_AT_ONCE):
        begun = time.perf_counter()
        images = [load_picture(picture, target=encoder.input_size, config=DecodeConfig()) for picture in chunk]
        decoded = time.perf_counter()
        parts.append(encoder.encode(images))
        timing.decode += decoded - begun
        timing.encode += time.perf_counter() - decoded
    return np.concatenate(parts) if parts else np.empty((0, encoder.dim), dtype=np.float32)
