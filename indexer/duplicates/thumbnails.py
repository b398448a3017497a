"""Small copies of pictures for a page, as data URIs."""

from __future__ import annotations

import base64
import io
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from search.config import BuildConfig
from search.errors import PictureError
from search.images import load_picture

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

SIDE = 240
"""Longer side in pixels: enough for a card on a fine screen."""
_AT_ONCE = 64


def thumbnails(paths: Sequence[Path], *, workers: int = BuildConfig.workers) -> Iterator[str | None]:
    """A `data:image/jpeg` URI for each picture, in order; None where it cannot be read. Few are held at a time."""
    with ThreadPoolExecutor(workers, thread_name_prefix="thumbnail") as pool:
        for start in range(0, len(paths), _AT_ONCE):
            yield from pool.map(_thumbnail, paths[start : start + _AT_ONCE])


def _thumbnail(path: Path) -> str | None:
    try:
        image = load_picture(path, target=SIDE)
    except PictureError:
        return None
    image.thumbnail((SIDE, SIDE))
    data = io.BytesIO()
    image.save(data, "JPEG", quality=80)
    return "data:image/jpeg;base64," + base64.b64encode(data.getvalue()).decode("ascii")
