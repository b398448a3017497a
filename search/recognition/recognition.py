"""Verification and identification with an open index."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from search.config import IdentifyConfig, VerifyConfig
from search.pictures.decode import load_picture, picture_name
from search.pictures.quality import checked_quality
from search.recognition.calibration import verify_vectors
from search.recognition.identities import Decider, Gallery

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from search.config import References
    from search.encoders.base import Encoder
    from search.recognition.calibration import Calibration, Verification
    from search.recognition.identities import Identification, Identity
    from search.store.records import TemplateRecord
    from search.types import Floats, Picture


class Recognition:
    """Verification and identification; the engine itself says how pictures are embedded and what is stored."""

    folder: Path

    @property
    def dim(self) -> int:
        """Length of an embedding."""
        raise AssertionError("the engine knows")

    @property
    def encoder(self) -> Encoder:
        """That of the index."""
        raise AssertionError("the engine loads it")

    @cached_property
    def calibration(self) -> Calibration | None:
        """The calibration of the index; None if it is not calibrated."""
        raise AssertionError("the engine reads it")

    def embed_many(self, pictures: Sequence[Picture]) -> Floats:
        """Embed pictures as `(N, dim) float32` unit rows."""
        raise AssertionError("the engine embeds")

    def _templates(self) -> list[TemplateRecord]:
        raise AssertionError("the engine reads them")

    def verify(
        self, a: Picture, b: Picture | Sequence[Picture], references: References = VerifyConfig.references
    ) -> Verification:
        """Compare two pictures: distance, probability, decision, and the error rates of the decision.

        Args:
            a: any picture.
            b: another, or a list or tuple of reference pictures of one subject.
            references: how several references are compared: by their mean embedding, or by the nearest (best) of
                them. The rates were measured on pairs of two pictures; several references change them.

        Returns:
            The distance alone if the index is not calibrated.

        Raises:
            PictureError: a picture cannot be read.
            QueryError: no reference is given.
        """
        others: Sequence[Picture] = b if isinstance(b, list | tuple) else [b]  # type: ignore[list-item]
        vectors = self.embed_many([a, *others])
        return verify_vectors(vectors[0], vectors[1:], self.calibration, references)

    @cached_property
    def gallery(self) -> Gallery:
        """All identities enrolled in this snapshot, with the embeddings of their reference pictures."""
        return Gallery(self._templates(), self.dim)

    def identities(self) -> list[Identity]:
        """All identities that `identify` can recognise, by name."""
        return self.gallery.identities()

    def identify(self, picture: Picture, config: IdentifyConfig | None = None) -> Identification:
        """Identify which enrolled identity a picture shows, or that it shows none of them.

        Raises:
            PictureError: the picture cannot be read, or is too poor (unless forced); the reason says why.
            QueryError: no identity is enrolled, or there is neither a calibration nor a threshold to decide by.
        """
        config = config or IdentifyConfig()
        decider = Decider(self.folder, self.gallery, self.calibration, config)
        image = load_picture(picture, target=self.encoder.input_size)
        quality = checked_quality(image, picture_name(picture), force=config.force)
        return decider.decide(self.encoder.encode([image])[0], quality)
