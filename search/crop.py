"""A part of a picture: the part to search with, or the box of a face."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from search.errors import QueryError

if TYPE_CHECKING:
    from PIL.Image import Image


@dataclass(frozen=True, slots=True)
class Crop:
    """A part of a picture, in shares of its upright width and height, from (0, 0) at the upper left to (1, 1)."""

    left: float
    top: float
    right: float
    bottom: float

    def __post_init__(self) -> None:
        ends = self.ends
        if not all(isinstance(end, int | float) and math.isfinite(end) and 0 <= end <= 1 for end in ends):
            raise QueryError(f"a crop is four shares from 0 to 1 (left, top, right, bottom), not {ends}")
        if self.left >= self.right or self.top >= self.bottom:
            raise QueryError(f"a crop of {ends} is empty: left must be less than right, and top than bottom")

    def __str__(self) -> str:
        return ",".join(f"{end:.4g}" for end in self.ends)

    @property
    def ends(self) -> tuple[float, float, float, float]:
        """Left, top, right and bottom."""
        return (self.left, self.top, self.right, self.bottom)

    @classmethod
    def read(cls, text: str) -> Crop:
        """Read `X0,Y0,X1,Y1`; raises QueryError for anything else."""
        try:
            left, top, right, bottom = (float(part) for part in text.split(","))
        except ValueError:
            raise QueryError(f"a crop is X0,Y0,X1,Y1, four shares from 0 to 1, not {text!r}") from None
        return cls(left, top, right, bottom)

    def of(self, image: Image) -> Image:
        """Cut the part out of an image; it includes every pixel that it touches, so at least one."""
        width, height = image.size
        left, top = min(math.floor(self.left * width), width - 1), min(math.floor(self.top * height), height - 1)
        return image.crop((left, top, math.ceil(self.right * width), math.ceil(self.bottom * height)))

    def surrounds_centre_of(self, other: Crop) -> bool:
        """Whether the centre of another part lies in this one."""
        x, y = (other.left + other.right) / 2, (other.top + other.bottom) / 2
        return self.left <= x <= self.right and self.top <= y <= self.bottom
