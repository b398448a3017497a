"""Encoders of parts of a picture that they find themselves, such as faces."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from search.encoders.base import Encoder
from search.errors import PictureError

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PIL.Image import Image

    from search.crop import Crop


@dataclass(frozen=True, slots=True, eq=False)
class Region:
    """A part of a picture that can be embedded alone."""

    box: Crop
    confidence: float
    """Score of the detector; larger is surer."""
    prepared: NDArray[Any]
    """What `forward` expects: an encoder's `encode_prepared` embeds a stack of these."""


class RegionEncoder(Encoder):
    """Embeds regions of pictures. Where one vector per picture is needed, it is that of the largest region."""

    noun: ClassVar[str]
    """What a region shows, in the singular: `face`."""
    min_side: ClassVar[int]
    """Pixels of the picture, upright and before any reduction, that the shorter side of a good region has."""
    margin: ClassVar[float] = 0.0
    """How far `Region.prepared`, an RGB picture, shows more than the box, on each side, in sides of the box."""

    @abstractmethod
    def regions(self, image: Image) -> list[Region]:
        """Find the regions of an RGB picture, the largest first; perhaps none. Thread-safe."""

    def prepare(self, image: Image) -> NDArray[Any]:
        """The largest region, as `forward` expects it.

        Raises:
            PictureError: the picture has no region.
        """
        found = self.regions(image)
        if not found:
            raise PictureError("<image>", self.nothing)
        return found[0].prepared

    @property
    def nothing(self) -> str:
        """Why a picture without regions cannot be embedded."""
        return f"no {self.noun} found"
