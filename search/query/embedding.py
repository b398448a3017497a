"""Embed pictures and texts with the encoder that is stored in the index, a chunk of pictures at a time."""

from __future__ import annotations

import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING, cast

import numpy as np

from search.chunks import chunks
from search.config import DecodeConfig
from search.encoders import embeds_text
from search.encoders.foreign import is_foreign, stored_encoder
from search.errors import EncoderError, PictureError, QueryError
from search.pictures.decode import load_picture, picture_name
from search.query.views import VIEWS, mean_of_views, views_of
from search.store.durable import verify
from search.types import Text, Timing

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from PIL.Image import Image

    from search.crop import Crop
    from search.encoders.base import Encoder
    from search.encoders.text_encoder import TextEncoder
    from search.store.snapshot import Snapshot
    from search.types import Example, Floats, Picture

DECODED_AT_ONCE = 64
"""Most decoded pictures in memory at once."""
_UNIT = 1e-3
"""Greatest difference of the length of a query from 1."""


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

    def embed(self, pictures: Sequence[Picture], timing: Timing | None = None, *, views: bool = False) -> Floats:
        """Embed pictures as `(N, dim) float32` unit rows, and add the seconds taken to `timing`.

        With `views`, each row is the mean of several views of a picture (`search.query.views`).

        Raises:
            PictureError: a picture cannot be read, or does not show what the encoder embeds.
        """
        encoder, timing = self.encoder, Timing() if timing is None else timing
        parts: list[Floats] = []
        for chunk in chunks(pictures, DECODED_AT_ONCE // VIEWS if views else DECODED_AT_ONCE):
            begun = time.perf_counter()
            images = [load_picture(picture, target=encoder.input_size, config=DecodeConfig()) for picture in chunk]
            decoded = time.perf_counter()
            named = zip(images, chunk, strict=True)
            if views:
                parts.append(_embed_views(encoder, named))
            else:
                prepared = [encoder.prepare_named(image, picture_name(picture)) for image, picture in named]
                parts.append(encoder.encode_prepared(np.stack(prepared)))
            timing.decode += decoded - begun
            timing.encode += time.perf_counter() - decoded
        return np.concatenate(parts) if parts else np.empty((0, encoder.dim), dtype=np.float32)

    @property
    def embeds_text(self) -> bool:
        """Whether the encoder embeds texts too; it is not loaded for this. Raises as `encoder`."""
        self._snapshot.require_open()
        return not is_foreign(self._snapshot.fingerprint) and embeds_text(_place(self._snapshot))

    def embed_texts(self, texts: Sequence[Text], timing: Timing | None = None) -> Floats:
        """Embed texts as `(N, dim) float32` unit rows, and add the seconds taken to `timing`.

        Raises:
            EncoderError: the encoder embeds pictures only.
            QueryError: a text is longer than the encoder reads.
        """
        self._snapshot.require_open()
        if not embeds_text(_place(self._snapshot)):
            folder, name = self._snapshot.folder, self._snapshot.settings["encoder"]
            raise EncoderError(
                f"{folder}: its encoder {name} embeds pictures only, so no text can be compared with them. Encoders"
                f' open_clip:NAME embed both (pip install "twinlens[clip]"). To embed all pictures again with one:'
                f" twinlens rebuild --index {folder} --encoder open_clip:ViT-B-32"
            )
        encoder, timing = cast("TextEncoder", self.encoder), Timing() if timing is None else timing
        begun = time.perf_counter()
        vectors = encoder.encode_text([each.text for each in texts])
        timing.encode += time.perf_counter() - begun
        return vectors

    def embed_examples(
        self, examples: Sequence[Example], timing: Timing | None = None, *, views: bool = False
    ) -> Floats:
        """Embed pictures and texts as `(N, dim) float32` unit rows in their order; raises as `embed`, `embed_texts`.

        Raises:
            QueryError: `views` is set, and no example is a picture.
        """
        texts = [each for each in examples if isinstance(each, Text)]
        if views and len(texts) == len(examples) > 0:
            raise QueryError("views are of pictures, and the query has only texts: leave views out")
        if not texts:
            return self.embed(cast("Sequence[Picture]", examples), timing, views=views)
        of_texts = iter(self.embed_texts(texts, timing))  # before any picture is read
        of_pictures = iter(self.embed([each for each in examples if not isinstance(each, Text)], timing, views=views))
        return np.stack([next(of_texts if isinstance(each, Text) else of_pictures) for each in examples])


def _embed_views(encoder: Encoder, named: Iterable[tuple[Image, Picture]]) -> Floats:
    """The mean embedding of the views of each picture; views that the encoder does not embed are left out."""
    prepared, counts = [], []
    for image, picture in named:
        name = picture_name(picture)
        first, *others = views_of(image)
        views = [encoder.prepare_named(first, name)]
        for view in others:
            with suppress(PictureError):  # the middle of a picture can be without the face that is beside it
                views.append(encoder.prepare_named(view, name))
        prepared += views
        counts.append(len(views))
    embeddings = encoder.encode_prepared(np.stack(prepared))
    return np.stack([mean_of_views(rows) for rows in np.split(embeddings, np.cumsum(counts)[:-1])])


def part_of(example: Example, crop: Crop | None) -> Example:
    """The part of an example to search with.

    Raises:
        PictureError: the picture cannot be read.
        QueryError: it is a text.
    """
    if crop is None:
        return example
    if isinstance(example, Text):
        raise QueryError("a crop is a part of a picture, and the query is a text: leave one of them out")
    return crop.of(load_picture(example))


def unit_queries(vectors: Floats, dim: int) -> Floats:
    """Check embeddings `(Q, D)` or `(D,)` from a caller; return them as `(Q, D) float32`.

    Raises:
        QueryError: they have another length than `dim`, or are not unit vectors.
    """
    queries = np.atleast_2d(np.asarray(vectors, dtype=np.float32))
    if queries.shape[1] != dim:
        raise QueryError(f"the vectors have {queries.shape[1]} dimensions, but those of the index have {dim}")
    lengths = np.sqrt(np.einsum("qd,qd->q", queries, queries))
    if not (np.abs(lengths - 1) <= _UNIT).all():  # False for NaN
        raise QueryError("vectors must be of unit length: divide each by its Euclidean norm")
    return queries


def _place(snapshot: Snapshot) -> Path:
    return snapshot.folder / stored_encoder(snapshot.folder, snapshot.settings)


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
