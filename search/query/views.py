"""Altered views of a query picture, whose mean embedding is searched with: test-time augmentation.

The views are the picture, its middle nine tenths, and both mirrored. Source of the method: Krizhevsky, Sutskever and
Hinton, "ImageNet classification with deep convolutional neural networks", 2012, section 4.1, which averages the
predictions of crops and of their mirrored versions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from search.crop import Crop
from search.query.blend import blend

if TYPE_CHECKING:
    from collections.abc import Sequence

    from PIL.Image import Image

    from search.types import Floats

_MIDDLE = Crop(0.05, 0.05, 0.95, 0.95)
VIEWS = 4


def views_of(image: Image) -> list[Image]:
    """The `VIEWS` views of an upright picture, itself first."""
    from PIL.ImageOps import mirror

    parts = [image, _MIDDLE.of(image)]
    return [*parts, *map(mirror, parts)]


def mean_of_views(embeddings: Sequence[Floats]) -> Floats:
    """The mean `(D,)` of unit rows `(V, D)`, made unit again; of one row, that row."""
    rows = np.asarray(embeddings)
    return rows[0] if len(rows) == 1 else blend(rows, rows[:0])
