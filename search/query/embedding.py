"""Embed pictures with the encoder that is stored in the index, a chunk of pictures at a time."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

import numpy as np

from search.chunks import chunks
from search.config import DecodeConfig
from search.encoders.foreign import stored_encoder
from search.errors import EncoderError
from search.pictures.decode import load_picture, picture_name
from search.store.durable import verify
from search.types import Timing

if TYPE_CHECKING:
    from collections.abc import Sequence

    from search.encoders.base import Encoder
    from search.store.snapshot import Snapshot
    from search.types import Floats, Picture

DECODED_AT_ONCE = 64
"""Most decoded pictures in memory at once."""


class Embedder:
    """The encoder of a snapshot, loaded on first use. Safe to use from several threads."""

    def __init__(self, snapshot: Snapshot, before: Embedder | None = None) -> None:
        """Embed for a snapshot; `before` is the embedder of an older one, whose encoder is reused if it is the same."""
        self._snapshot = snapshot
        self._lock = threading.Lock()
        same = before is not None and before._snapshot.fingerprint == snapshot.fingerprint
        self._encoder: Encoder | None = before._encoder if before is not None and same else None

    @property
    def encoder(self) -> Encoder:
        """The encoder stored in the index folder.

        Raises:
            EncoderError: its files are damaged, or belong to another encoder than the vectors.
        """
        self._snapshot.require_open()
        with self._lock:
            if self._encoder is None:
                self._encoder = _load(self._snapshot)
            return self._encoder

    def embed(self, pictures: Sequence[Picture], timing: Timing | None = None) -> Floats:
        """Embed pictures as `(N, dim) float32` unit rows, and add the seconds taken to `timing`.

        Raises:
            PictureError: a picture cannot be read, or does not show what the encoder embeds.
        """
        encoder, timing = self.encoder, Timing() if timing is None else timing
        parts: list[Floats] = []
        for chunk in chunks(pictures, DECODED_AT_ONCE):
            begun = time.perf_counter()
            images = [load_picture(picture, target=encoder.input_size, config=DecodeConfig()) for picture in chunk]
            decoded = time.perf_counter()
            named = zip(images, chunk, strict=True)
            prepared = [encoder.prepare_named(image, picture_name(picture)) for image, picture in named]
            parts.append(encoder.encode_prepared(np.stack(prepared)))
            timing.decode += decoded - begun
            timing.encode += time.perf_counter() - decoded
        return np.concatenate(parts) if parts else np.empty((0, encoder.dim), dtype=np.float32)


def _load(snapshot: Snapshot) -> Encoder:
    from search.encoders import load_encoder
    from search.encoders.openvino_conversion import is_conversion

    folder, place = snapshot.folder, stored_encoder(snapshot.folder, snapshot.settings)
    for record in snapshot.files.values():
        if record.name.startswith(place + "/") and not is_conversion(record.name):  # the encoder does without those
            verify(folder, record)
    encoder = load_encoder(folder / place, device=snapshot.device)
    if encoder.fingerprint != snapshot.fingerprint or encoder.dim != snapshot.dim:
        raise EncoderError(
            f"{folder / place}: holds the encoder {encoder.fingerprint}, but the vectors were made by"
            f" {snapshot.fingerprint}. Restore it, or build the index again"
        )
    return encoder
