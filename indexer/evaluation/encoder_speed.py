"""How many pictures an encoder embeds in a second on this machine."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from search.encoders.base import Encoder

SECONDS = 3.0
_BATCH = 32
_SIDE = 256


def pictures_per_second(encoder: Encoder, seconds: float = SECONDS) -> float:
    """Pictures per second of `encode`, from decoded pictures of 256 by 256 pixels, in batches of 32.

    The first batch, in which libraries start, does not count.
    """
    from PIL import Image

    pixels = np.random.default_rng(0).integers(0, 256, (_BATCH, _SIDE, _SIDE, 3), dtype=np.uint8)
    pictures = [Image.fromarray(each) for each in pixels]
    encoder.encode(pictures)
    count, start = 0, time.perf_counter()
    while (took := time.perf_counter() - start) < seconds:
        encoder.encode(pictures)
        count += len(pictures)
    return count / took
