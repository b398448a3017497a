"""Embed a list of pictures without an index: threads decode each batch for the encoder."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from indexer.pipeline.progress import Silent
from search.config import BuildConfig
from search.errors import PictureError
from search.pictures.decode import load_picture

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from indexer.pipeline.progress import Progress
    from search.encoders.base import Encoder
    from search.types import Floats

_BATCH = 128


@dataclass(frozen=True, slots=True)
class Embedded:
    """Embeddings of a list of pictures."""

    rows: NDArray[np.int64]
    """`(N,)` positions of the readable pictures in the list, ascending."""
    vectors: Floats
    """`(N, dim)`, unit rows of the readable pictures."""
    skipped: tuple[PictureError, ...]
    """Pictures that could not be read."""


def embed_in_memory(encoder: Encoder, paths: Sequence[Path], *, progress: Progress | None = None) -> Embedded:
    """Embed pictures as a build does, so that both give the same vectors."""
    progress = progress or Silent()
    progress.begin("encode", len(paths))
    rows: list[int] = []
    parts: list[Floats] = [np.empty((0, encoder.dim), dtype=np.float32)]
    skipped: list[PictureError] = []

    def prepared(path: Path) -> NDArray[Any] | PictureError:
        try:
            return encoder.prepare_named(load_picture(path, target=encoder.input_size), str(path))
        except PictureError as error:
            return error

    with ThreadPoolExecutor(BuildConfig.workers, thread_name_prefix="decode") as pool:
        for start in range(0, len(paths), _BATCH):
            batch = list(pool.map(prepared, paths[start : start + _BATCH]))
            read = {start + place: each for place, each in enumerate(batch) if not isinstance(each, PictureError)}
            skipped += [each for each in batch if isinstance(each, PictureError)]
            if read:
                parts.append(encoder.encode_prepared(np.stack(list(read.values()))))
                rows += read
            progress.advance(len(batch))
    return Embedded(np.array(rows, dtype=np.int64), np.concatenate(parts), tuple(skipped))
