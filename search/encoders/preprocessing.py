"""Prepare the input of a network: squash the picture to a square, then normalise each channel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL.Image import Resampling

from search.errors import EncoderError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from PIL.Image import Image

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
RESIZE = "squash-bilinear"
_REDUCING_GAP = 2.0
"""PIL first reduces by an integer factor to at least twice the target, which is several times faster."""


@dataclass(frozen=True, slots=True)
class Preprocessing:
    """Resize to `(input_size, input_size)`, then `(pixel / 255 - mean) / std` for each of R, G, B."""

    input_size: int
    mean: tuple[float, float, float] = IMAGENET_MEAN
    std: tuple[float, float, float] = IMAGENET_STD

    @classmethod
    def of(cls, input_size: int, mean: Sequence[float], std: Sequence[float]) -> Preprocessing:
        """Check and convert plain sequences.

        Raises:
            EncoderError: there are not three channels, or a standard deviation is not positive.
        """
        if len(mean) != 3 or len(std) != 3 or input_size < 1 or not min(std) > 0:
            raise EncoderError(
                f"preprocessing needs 3 means, 3 positive deviations and a size: {mean}, {std}, {input_size}"
            )
        red, green, blue = (float(value) for value in mean)
        red_std, green_std, blue_std = (float(value) for value in std)
        return cls(input_size, (red, green, blue), (red_std, green_std, blue_std))

    @classmethod
    def from_json(cls, input_size: int, values: dict[str, Any]) -> Preprocessing:
        """Read the output of `to_json`.

        Raises:
            EncoderError: the resizing method is another, or values are invalid.
        """
        if values.get("resize") != RESIZE:
            raise EncoderError(
                f"the encoder resizes by {values.get('resize')!r}; this version supports only {RESIZE!r}"
            )
        try:
            return cls.of(input_size, values["mean"], values["std"])
        except (KeyError, TypeError, ValueError) as error:
            raise EncoderError(f"damaged: the encoder's mean and std cannot be read: {values!r}") from error

    def to_json(self) -> dict[str, Any]:
        """Plain values for `encoder.json`, without `input_size`."""
        return {"resize": RESIZE, "mean": list(self.mean), "std": list(self.std)}


def squash(image: Image, size: int) -> NDArray[np.uint8]:
    """Resize an RGB picture to `(size, size, 3) uint8`, bilinear with antialiasing, whatever its aspect ratio.

    Squashing was chosen over a centre crop because it keeps the borders: pictures that differ only there must not get
    the same vector.
    """
    return np.asarray(image.resize((size, size), Resampling.BILINEAR, reducing_gap=_REDUCING_GAP), dtype=np.uint8)
