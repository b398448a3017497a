"""Explain why two pictures are similar: a heat map over each of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from search.distance import distances
from search.encoders.regions import RegionEncoder
from search.errors import PictureError
from search.explanation.occlusion import occlusion
from search.pictures.decode import load_picture, picture_name

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PIL.Image import Image

    from search.encoders.base import Encoder
    from search.explanation.occlusion import Pixels
    from search.types import Floats, Picture

    Area = tuple[float, float, float, float]
    """Left, top, right and bottom, in shares of the upright width and height of a picture."""

_ALL: Area = (0.0, 0.0, 1.0, 1.0)
_LONGEST = 4
"""Longer side of the pictures whose parts are hidden, in sides of the pictures that the encoder sees."""


@dataclass(frozen=True, slots=True, eq=False)
class Heat:
    """How much each part of a picture contributes to its similarity to another."""

    values: Floats
    """`(rows, columns) float32`, from the upper left of the upright picture: how much the cosine similarity falls when
    the part around a cell is hidden (`search.explanation.occlusion`); negative if it rises."""
    area: Area
    """The part of the picture that `values` covers: all of it, or for an encoder of faces the part that it embeds,
    which can reach beyond the edge of the picture."""


@dataclass(frozen=True, slots=True, eq=False)
class Explanation:
    """Why two pictures are similar, or how little they are."""

    distance: float
    """Euclidean distance of their embeddings, in [0, 2]."""
    a: Heat
    b: Heat

    @property
    def similarity(self) -> float:
        """Cosine of the two embeddings, in [-1, 1]."""
        return 1.0 - self.distance**2 / 2.0

    def to_dict(self) -> dict[str, Any]:
        """The explanation as plain values for JSON."""
        heat = {
            name: {"area": list(each.area), "values": each.values.tolist()}
            for name, each in (("a", self.a), ("b", self.b))
        }
        return {"distance": self.distance, "similarity": self.similarity, "heat": heat}


@dataclass(frozen=True, slots=True, eq=False)
class _Subject:
    """A picture as the encoder embeds it, and the pixels of which parts are hidden."""

    prepared: NDArray[Any]
    pixels: Pixels
    area: Area


def explain(encoder: Encoder, a: Picture, b: Picture) -> Explanation:
    """Explain the similarity of two pictures by the vectors of an encoder, which embeds about 200 pictures for it.

    Raises:
        PictureError: a picture cannot be read, or does not show what the encoder embeds.
    """
    first, second = (_subject(encoder, each) for each in (a, b))
    of_a, of_b = encoder.encode_prepared(np.stack([first.prepared, second.prepared]))
    heats = [
        Heat(occlusion(each.pixels, lambda batch: _embedded(encoder, batch), other), each.area)
        for each, other in ((first, of_b), (second, of_a))
    ]
    return Explanation(float(distances(of_a[None], of_b)[0]), *heats)


def _subject(encoder: Encoder, picture: Picture) -> _Subject:
    image, name = load_picture(picture, target=encoder.input_size), picture_name(picture)
    if not isinstance(encoder, RegionEncoder):
        return _Subject(encoder.prepare_named(image, name), _reduced(image, encoder.input_size), _ALL)
    regions = encoder.regions(image)
    if not regions:
        raise PictureError(name, encoder.nothing)
    box, margin = regions[0].box, encoder.margin
    right, below = (box.right - box.left) * margin, (box.bottom - box.top) * margin
    area = (box.left - right, box.top - below, box.right + right, box.bottom + below)
    return _Subject(regions[0].prepared, regions[0].prepared, area)


def _reduced(image: Image, side: int) -> Pixels:
    """The pixels of a picture that is no larger than an encoder of `side` pixels needs."""
    scale = min(1.0, side / min(image.size), _LONGEST * side / max(image.size))
    width, height = (max(1, round(length * scale)) for length in image.size)
    return np.asarray(image.resize((width, height), reducing_gap=2.0))


def _embedded(encoder: Encoder, pictures: list[Pixels]) -> Floats:
    from PIL.Image import fromarray

    if isinstance(encoder, RegionEncoder):
        return encoder.encode_prepared(np.stack(pictures))
    return encoder.encode([fromarray(each) for each in pictures])
