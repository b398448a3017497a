"""Embed pictures and texts with the encoder that is stored in the index, a chunk of pictures at a time."""

from __future__ import annotations

import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING, cast

import numpy as np

from search.chunks import chunks
from search.config import DecodeConfig
from search.encoders.foreign import is_foreign
from search.errors import EncoderError, PictureError, QueryError
from search.query.views import VIEWS, mean_of_views, views_of
from search.types import Text, Timing

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from PIL.Image import Image

    from search.crop import Crop
    from search.encoders.base import Encoder
    from search.encoders.text_encoder import TextEncoder
    from search.store.contract import Store
    from search.types import Example, Floats, Picture

DECODED_AT_ONCE = 64
"""Most decoded pictures in memory at once."""
_UNIT = 1e-3
"""Greatest difference of the length of a query from 1."""


class Embedder:
    """The encoder of a store, loaded on first use. Safe to use from several threads."""

    def __init__(self, store: Store, before: Embedder | None = None) -> None:
        """Embed for a store; `before` is the embedder of an older state, whose encoder is reused if it is the same."""
        self._store = store
        self._lock = threading.Lock()
        same = before is not None and before._store.settings["fingerprint"] == store.settings["fingerprint"]
        self._encoder: Encoder | None = before._encoder if before is not None and same else None

    @property
    def encoder(self) -> Encoder:
        """The encoder stored with the index.

        Raises:
            EncoderError: its files are damaged, or belong to another encoder than the vectors.
        """
        self._store.require_open()
        with self._lock:
            if self._encoder is None:
                self._encoder = _load(self._store)
            return self._encoder

    def embed(self, pictures: Sequence[Picture], timing: Timing | None = None, *, views: bool = False) -> Floats:
        """Embed pictures as `(N, dim) float32` unit rows, and add the seconds taken to `timing`.

        With `views`, each row is the mean of several views of a picture (`search.query.views`).

        Raises:
            PictureError: a picture cannot be read, or does not show what the encoder embeds.
        """
        from search.pictures.decode import load_picture, picture_name  # Pillow, which a query by id does without

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
        self._store.require_open()
        return not is_foreign(self._store.settings["fingerprint"]) and _embeds_text(self._store)

    def embed_texts(self, texts: Sequence[Text], timing: Timing | None = None) -> Floats:
        """Embed texts as `(N, dim) float32` unit rows, and add the seconds taken to `timing`.

        Raises:
            EncoderError: the encoder embeds pictures only.
            QueryError: a text is longer than the encoder reads.
        """
        self._store.require_open()
        if not _embeds_text(self._store):
            address, name = self._store.address, self._store.settings["encoder"]
            raise EncoderError(
                f"{address}: its encoder {name} embeds pictures only, so no text can be compared with them. Encoders"
                f' open_clip:NAME embed both (pip install "twinlens[clip]"). To embed all pictures again with one:'
                f" twinlens rebuild --index {address} --encoder open_clip:ViT-B-32"
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
    from search.pictures.decode import picture_name

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
    from search.pictures.decode import load_picture

    return crop.of(load_picture(example))


def unit_queries(vectors: Floats, dim: int) -> Floats:
    """Check embeddings `(Q, D)` or `(D,)` from a caller; return them as `(Q, D) float32`.

    Raises:
        QueryError: they have more dimensions or another length than `dim`, or are not unit vectors.
    """
    queries = np.asarray(vectors, dtype=np.float32)
    if queries.ndim < 2:
        queries = np.atleast_2d(queries)
    if queries.ndim > 2:
        raise QueryError(f"vectors must be (Q, {dim}), one row for each query, not {queries.shape}")
    if queries.shape[1] != dim:
        raise QueryError(f"the vectors have {queries.shape[1]} dimensions, but those of the index have {dim}")
    least, most = (1 - _UNIT) ** 2, (1 + _UNIT) ** 2
    squares = np.einsum("qd,qd->q", queries, queries).tolist()
    if not all(least <= square <= most for square in squares):  # as NaN is not
        raise QueryError("vectors must be of unit length: divide each by its Euclidean norm")
    return queries


def _embeds_text(store: Store) -> bool:
    from search.encoders import embeds_text

    return embeds_text(store.card_folder())


def _load(store: Store) -> Encoder:
    from search.encoders import load_encoder

    folder, fingerprint = store.encoder_folder(), store.settings["fingerprint"]
    encoder = load_encoder(folder, device=store.device)
    if encoder.fingerprint != fingerprint or encoder.dim != store.settings["dim"]:
        raise EncoderError(
            f"{folder}: holds the encoder {encoder.fingerprint}, but the vectors were made by {fingerprint}. Restore"
            f" it, or build the index again"
        )
    return encoder
