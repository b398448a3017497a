"""Embed pictures on white as the mean over several slightly altered views of each picture."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from search.chunks import chunks
from search.pictures.decode import load_picture

if TYPE_CHECKING:
    from pathlib import Path

    from search.encoders.base import Encoder
    from search.types import Floats

_PICTURES = 64
"""Number of pictures decoded at a time."""
WHITE = (255, 255, 255)

View = tuple[float, float, float]
"""Clockwise rotation in degrees, horizontal slant as a tangent, size as a factor."""
AS_IT_IS: tuple[View, ...] = ((0.0, 0.0, 1.0),)
NINE_VIEWS: tuple[View, ...] = (
    *AS_IT_IS,
    (8.0, 0.0, 1.0),
    (-8.0, 0.0, 1.0),
    (0.0, 0.12, 1.0),
    (0.0, -0.12, 1.0),
    (0.0, 0.0, 0.88),
    (0.0, 0.0, 1.12),
    (6.0, -0.1, 0.94),
    (-6.0, 0.1, 1.06),
)


def view_of(picture: Image.Image, view: View) -> Image.Image:
    """Rotate, slant and resize an RGB picture about its centre; new areas are white."""
    degrees, slant, size = view
    if view == AS_IT_IS[0]:
        return picture
    angle = math.radians(degrees)
    cosine, sine = math.cos(angle) / size, math.sin(angle) / size
    # Map from view coordinates to picture coordinates: rotated, then slanted.
    a, b, d, e = cosine, sine + slant * cosine, -sine, cosine - slant * sine
    x, y = picture.width / 2, picture.height / 2  # the transform counts from the corner of the first pixel
    matrix = (a, b, x - a * x - b * y, d, e, y - d * x - e * y)
    return picture.transform(picture.size, Image.Transform.AFFINE, matrix, Image.Resampling.BILINEAR, fillcolor=WHITE)


def embed_views(encoder: Encoder, paths: Sequence[Path], views: Sequence[View] = AS_IT_IS) -> Floats:
    """Unit rows `(N, D) float32`: the mean of the embeddings of each picture's views, scaled to unit length."""
    parts = []
    for pictures in _decoded(paths):
        shown = [view_of(picture, view) for picture in pictures for view in views]
        parts.append(encoder.encode(shown).reshape(len(pictures), len(views), -1).mean(axis=1))
    vectors = np.concatenate(parts)
    rows: Floats = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return rows


def _decoded(paths: Sequence[Path]) -> Iterator[list[Image.Image]]:
    for chunk in chunks(paths, _PICTURES):
        yield [load_picture(path) for path in chunk]
