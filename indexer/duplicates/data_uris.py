"""Small copies of pictures for a page, as data URIs."""

from __future__ import annotations

import base64
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, NamedTuple

from search.chunks import chunks
from search.config import BuildConfig
from search.errors import PictureError
from search.pictures.thumbnails import jpeg, thumbnail

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

SIDE = 240
"""Longer side in pixels: enough for a card on a fine screen."""
_AT_ONCE = 64


class Thumbnail(NamedTuple):
    """A `data:image/jpeg` URI; None of a picture that cannot be read, and why."""

    uri: str | None
    problem: str


def thumbnails(paths: Sequence[Path]) -> Iterator[Thumbnail]:
    """The thumbnail of each picture, in order. Few are held at a time."""
    with ThreadPoolExecutor(BuildConfig.workers, thread_name_prefix="thumbnail") as pool:
        for chunk in chunks(paths, _AT_ONCE):
            yield from pool.map(_thumbnail, chunk)


def _thumbnail(path: Path) -> Thumbnail:
    try:
        data = jpeg(thumbnail(path, SIDE), quality=80)
    except PictureError as error:
        return Thumbnail(None, error.reason)
    return Thumbnail("data:image/jpeg;base64," + base64.b64encode(data).decode("ascii"), "")
