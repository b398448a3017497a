"""Queries that a structure is tuned with: everyday changes of pictures of the collection, embedded again."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import numpy as np

from indexer.alterations import ALTERATIONS
from search.errors import PictureError, TwinlensError
from search.pictures.decode import load_picture

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from indexer.alterations import Alteration
    from search.encoders.base import Encoder
    from search.types import Floats, Rows

_PICTURES = 400
"""The standard error of a recall of 0.95 is then about 0.006."""
_SECONDS = 60.0
"""No picture is read after this time."""
_BATCH = 32
_ALTERED_SIZE = 256
"""Target side in pixels at which pictures are decoded, so that altering a photograph is fast."""
_NAMES = {
    "crop": "85 % of each side",
    "mirrored": "left and right",
    "tilted": "5 degrees",
    "JPEG, quality 20": "1/2 of each side",
    "saturation": "50 %",
    "darker": "to 70 %",
    "brighter": "to 130 %",
}
_VIEWS = tuple(each for each in ALTERATIONS if _NAMES.get(each.kind) == each.strength)
"""What a picture goes through when it is shared; each picture gets one of them."""


class PictureViews:
    """Changed versions of the pictures of a segment."""

    by = "altered views"

    def __init__(
        self, paths: Callable[[Sequence[int]], list[Path]], encoder: Callable[[], Encoder], workers: int
    ) -> None:
        """Look nothing up yet: most segments are exact and are not measured.

        Args:
            paths: the files of rows.
            encoder: loads the encoder of the index; it may raise EncoderError.
            workers: threads that read pictures.
        """
        self._paths = paths
        self._encoder = encoder
        self._workers = workers

    def choose(self, rows: int) -> int:
        """How many of so many rows to embed again."""
        return min(rows, _PICTURES)

    def embed(self, rows: Rows) -> tuple[Floats, Rows]:
        """Vectors `(V, D)` and the positions `(V,)` of their pictures in `rows`; fewer where files cannot be read."""
        try:
            return self._embed(self._encoder(), self._paths(rows.tolist()))
        except TwinlensError:  # no encoder, or a damaged one: vectors alone are measured too
            return np.empty((0, 0), dtype=np.float32), np.empty(0, dtype=np.int64)

    def _embed(self, encoder: Encoder, paths: list[Path]) -> tuple[Floats, Rows]:
        begun, places = time.monotonic(), []
        vectors = [np.empty((0, encoder.dim), dtype=np.float32)]

        def prepared(place: int) -> NDArray[Any] | None:
            return _prepared(encoder, paths[place], _VIEWS[place % len(_VIEWS)])

        with ThreadPoolExecutor(self._workers, thread_name_prefix="views") as pool:
            for first in range(0, len(paths), _BATCH):
                if time.monotonic() - begun > _SECONDS:
                    break
                batch = range(first, min(first + _BATCH, len(paths)))
                made = zip(batch, pool.map(prepared, batch), strict=True)
                shown = {place: each for place, each in made if each is not None}
                if shown:
                    vectors.append(encoder.encode_prepared(np.stack(list(shown.values()))))
                    places += list(shown)
        return np.concatenate(vectors), np.array(places, dtype=np.int64)


def _prepared(encoder: Encoder, path: Path, alteration: Alteration) -> NDArray[Any] | None:
    """A changed picture as the encoder expects it; None if it cannot be read, or no longer shows what is embedded."""
    try:
        return encoder.prepare(alteration.alter(load_picture(path, target=_ALTERED_SIZE)))
    except (PictureError, OSError):
        return None
