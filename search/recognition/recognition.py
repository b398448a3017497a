"""Verification and identification with an open index."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Protocol

import numpy as np

from search.config import IdentifyConfig, VerifyConfig
from search.recognition.calibration import verify_vectors
from search.recognition.confidence import Confidence
from search.recognition.cut_points import TEXT_CARD_KEY, index_cut_points
from search.recognition.identities import Decider, Gallery
from search.recognition.stored import index_calibration

if TYPE_CHECKING:
    from collections.abc import Sequence

    from search.config import References
    from search.encoders.base import Encoder
    from search.recognition.calibration import Calibration, Verification
    from search.recognition.cut_points import CutPoints
    from search.recognition.identities import Identification, Identity
    from search.store.contract import Store
    from search.types import Floats, Picture


class Embeds(Protocol):
    """Embeds pictures; the engine passes a `search.query.embedding.Embedder`."""

    @property
    def encoder(self) -> Encoder:
        """The encoder of the index."""

    def embed(self, pictures: Sequence[Picture]) -> Floats:
        """Embed pictures as `(N, dim) float32` unit rows."""


class Recognition:
    """Verification and identification against one store."""

    def __init__(self, store: Store, embedder: Embeds) -> None:
        """Use the calibration and the identities of a store; `embedder` embeds pictures with its encoder."""
        self._store = store
        self._embedder = embedder

    @property
    def calibration(self) -> Calibration | None:
        """The calibration of the index; None if it is not calibrated.

        Raises:
            IndexFolderError: the stored calibration is damaged, or belongs to another encoder.
        """
        self._store.require_open()
        return self._calibration

    @cached_property
    def _calibration(self) -> Calibration | None:
        return index_calibration(self._store.address, self._store.settings)

    @property
    def cut_points(self) -> CutPoints | None:
        """The cut-points of the encoder; None if none were measured for it."""
        self._store.require_open()
        return self._cut_points

    @cached_property
    def _cut_points(self) -> CutPoints | None:
        return index_cut_points(self._store)

    @property
    def confidence(self) -> Confidence:
        """Rates the distances of hits; raises as `calibration`."""
        return Confidence(self.calibration, self.cut_points)

    @property
    def text_confidence(self) -> Confidence:
        """Rates the distances of hits to a text, to which the calibration and `cut_points` do not apply."""
        self._store.require_open()
        return Confidence(cut_points=self._text_cut_points)

    @cached_property
    def _text_cut_points(self) -> CutPoints | None:
        return index_cut_points(self._store, TEXT_CARD_KEY)

    @property
    def gallery(self) -> Gallery:
        """All identities enrolled in the index, with the embeddings of their reference pictures."""
        self._store.require_open()
        return self._gallery

    @cached_property
    def _gallery(self) -> Gallery:
        return Gallery(self._store.templates(), self._store.settings["dim"])

    def identities(self) -> list[Identity]:
        """All identities that `identify` can recognise, by name."""
        return self.gallery.identities()

    def verify(
        self, a: Picture, b: Picture | Sequence[Picture], references: References = VerifyConfig.references
    ) -> Verification:
        """Verify whether two pictures show the same thing: see `SearchEngine.verify`."""
        others: Sequence[Picture] = b if isinstance(b, list | tuple) else [b]  # type: ignore[list-item]
        vectors = self._embedder.embed([a, *others])
        return verify_vectors(vectors[0], vectors[1:], self.calibration, references)

    def identify(self, picture: Picture, config: IdentifyConfig | None = None) -> Identification:
        """Identify which enrolled identity a picture shows: see `SearchEngine.identify`."""
        from search.pictures.decode import load_picture, picture_name  # Pillow, which a query by id does without
        from search.pictures.quality import refuse_poor
        from search.recognition.parts import parts_of

        config = config or IdentifyConfig()
        decider = Decider(self._store.address, self.gallery, self.calibration, config)
        encoder = self._embedder.encoder
        name = picture_name(picture)
        parts = parts_of(encoder, load_picture(picture, target=encoder.input_size), name)
        if not (config.force or any(part.quality.good for part in parts)):
            refuse_poor(parts[0].quality, name)
        vectors = encoder.encode_prepared(np.stack([part.prepared for part in parts]))
        pairs = zip(vectors, parts, strict=True)
        found = [decider.decide(vector, part.quality, part.box) for vector, part in pairs]
        return replace(found[0], others=tuple(found[1:]))
