"""One query from several pictures and texts: examples, counterexamples, and the part of the picture that counts."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from search.config import QueryConfig
from search.errors import QueryError
from search.pictures.decode import load_picture
from search.types import Text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from PIL.Image import Image

    from search.types import Example, Floats

_SHORTEST = 1e-3
"""Length of a blend of unit vectors below which its direction is noise."""


def blend(examples: Floats, counterexamples: Floats, weights: Sequence[float] | None = None) -> Floats:
    """Blend embeddings into one query.

    Args:
        examples: `(P, D)` unit rows.
        counterexamples: `(N, D)` unit rows; N may be 0.
        weights: of the examples; equal by default.

    Returns:
        `(D,) float32`, the weighted mean of the examples minus `QueryConfig.unwanted_weight` times the mean of
        the counterexamples, made unit again. Source: Rocchio, Relevance feedback in information retrieval, 1971.

    Raises:
        QueryError: no example, invalid weights, or examples and counterexamples that cancel out.
    """
    if len(examples) == 0:
        raise QueryError("nothing to search from: name at least one picture or text")
    shares = np.ones(len(examples)) if weights is None else np.asarray(weights, dtype=np.float64)
    if shares.shape != (len(examples),) or not np.isfinite(shares).all() or (shares < 0).any() or shares.sum() == 0:
        raise QueryError(f"{len(examples)} pictures need as many weights, none below 0 and not all 0, not {weights}")
    mean = shares @ examples.astype(np.float64) / shares.sum()
    if len(counterexamples):
        mean = mean - QueryConfig.unwanted_weight * counterexamples.astype(np.float64).mean(axis=0)
    length = float(np.linalg.norm(mean))
    if length < _SHORTEST:
        raise QueryError("these pictures cancel out. Leave one of them out")
    query: Floats = (mean / length).astype(np.float32)
    return query


def has_text(examples: Sequence[Example]) -> bool:
    """Whether one of them is a text, so that distances are not those between pictures."""
    return any(isinstance(each, Text) for each in examples)


@dataclass(frozen=True, slots=True)
class Crop:
    """A part of a picture, in shares of its upright width and height, from (0, 0) at the upper left to (1, 1)."""

    left: float
    top: float
    right: float
    bottom: float

    def __post_init__(self) -> None:
        ends = (self.left, self.top, self.right, self.bottom)
        if not all(isinstance(end, int | float) and math.isfinite(end) and 0 <= end <= 1 for end in ends):
            raise QueryError(f"a crop is four shares from 0 to 1 (left, top, right, bottom), not {ends}")
        if self.left >= self.right or self.top >= self.bottom:
            raise QueryError(f"a crop of {ends} is empty: left must be less than right, and top than bottom")

    @classmethod
    def read(cls, text: str) -> Crop:
        """Read `X0,Y0,X1,Y1`; raises QueryError for anything else."""
        try:
            left, top, right, bottom = (float(part) for part in text.split(","))
        except ValueError:
            raise QueryError(f"a crop is X0,Y0,X1,Y1, four shares from 0 to 1, not {text!r}") from None
        return cls(left, top, right, bottom)

    def of(self, picture: Example) -> Image:
        """Cut the part out of a picture; it includes every pixel that it touches, so at least one.

        Raises:
            PictureError: the picture cannot be read.
            QueryError: it is a text.
        """
        if isinstance(picture, Text):
            raise QueryError("a crop is a part of a picture, and the query is a text: leave one of them out")
        image = load_picture(picture)
        width, height = image.size
        left, top = min(math.floor(self.left * width), width - 1), min(math.floor(self.top * height), height - 1)
        return image.crop((left, top, math.ceil(self.right * width), math.ceil(self.bottom * height)))
