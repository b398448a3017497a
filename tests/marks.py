"""An encoder that finds the drawn people of `tests.people` in a picture: a detector without a model, for the tests.

A picture shows people on a grey ground. Each is a region; its embedding is its pattern of 12 x 12 squares.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from PIL import Image
from scipy import ndimage

from search.crop import Crop
from search.encoders.manifest import Manifest, read_manifest
from search.encoders.regions import Region, RegionEncoder
from tests.people import person

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from search.config import Device
    from search.types import Floats

GROUND = (128, 128, 128)


class MarksEncoder(RegionEncoder):
    family: ClassVar[str] = "marks"
    noun: ClassVar[str] = "face"
    min_side: ClassVar[int] = 40
    name = "marks"
    dim = 12 * 12 * 3
    input_size = 1000
    fingerprint = hashlib.sha256(b"marks").hexdigest()[:32]

    def regions(self, image: Image.Image) -> list[Region]:
        pixels = np.asarray(image)
        labels, _ = ndimage.label((pixels != GROUND).any(axis=2))
        found = sorted(ndimage.find_objects(labels), key=lambda place: -_area(place))
        height, width, _ = pixels.shape
        return [
            Region(
                Crop(x.start / width, y.start / height, x.stop / width, y.stop / height),
                float(_area((y, x))),
                np.asarray(image.crop((x.start, y.start, x.stop, y.stop)).resize((12, 12), Image.Resampling.BOX)),
            )
            for y, x in found
        ]

    def forward(self, batch: NDArray[Any]) -> Floats:
        return (batch.reshape(len(batch), -1).astype(np.float32) - 128) / 128

    def save(self, folder: Path) -> None:
        Manifest(self.family, self.name, self.dim, self.input_size, {}, self.fingerprint).write(folder)

    @classmethod
    def load(cls, folder: Path, device: Device = "auto") -> MarksEncoder:
        read_manifest(folder).verify(folder, cls.fingerprint)
        return cls()


def group(*people: tuple[int, int] | tuple[int, int, int], size: tuple[int, int] = (600, 200)) -> Image.Image:
    """People beside one another, from the left: number and size in pixels, and perhaps the shot of each."""
    picture, left = Image.new("RGB", size, GROUND), 10
    for number, side, *shot in people:
        picture.paste(person(number, *shot, size=side), (left, 10))
        left += side + 10
    return picture


def save_group(path: Path, *people: tuple[int, int] | tuple[int, int, int]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    group(*people).save(path)
    return path


def _area(place: tuple[slice, ...]) -> int:
    return int(np.prod([side.stop - side.start for side in place]))
