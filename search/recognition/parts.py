"""The parts of a picture that can be recognised: each region that its encoder finds, or the whole picture."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from search.encoders.regions import RegionEncoder
from search.errors import PictureError
from search.pictures.decode import decode
from search.pictures.quality import Quality, QualityConfig, quality_of

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PIL.Image import Image

    from search.crop import Crop
    from search.encoders.base import Encoder
    from search.encoders.regions import Region


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """A part of a picture, ready to be embedded."""

    prepared: NDArray[Any]
    """A stack of these is what `Encoder.encode_prepared` embeds."""
    quality: Quality
    box: Crop | None = None
    """None for the whole picture."""


def parts_of(encoder: Encoder, image: Image, name: str) -> list[Part]:
    """All parts of a picture as returned by `load_picture`, the largest first.

    Raises:
        PictureError: the encoder finds no region; the error refers to the picture as `name`.
    """
    if not isinstance(encoder, RegionEncoder):
        return [Part(encoder.prepare(image), quality_of(image))]
    found = [_part(encoder, image, region) for region in encoder.regions(image)]
    if not found:
        raise PictureError(name, encoder.nothing)
    return found


def reference_part(encoder: Encoder, data: bytes, name: str, box: Crop | None) -> Part:
    """The one part that the bytes of a reference picture show, or that lies in a box.

    Of an encoder that finds regions, it is the region whose centre lies in the box; of any other, the box itself.

    Raises:
        PictureError: the picture cannot be read, or there is no region, or more than one.
    """
    if not isinstance(encoder, RegionEncoder):
        image = decode(data, name=name, target=encoder.input_size if box is None else None)
        shown = image if box is None else _cut(image, box)
        return Part(encoder.prepare(shown), quality_of(shown), box)
    found = parts_of(encoder, decode(data, name=name, target=encoder.input_size), name)
    meant = [part for part in found if box is None or (part.box and box.surrounds_centre_of(part.box))]
    if len(meant) == 1:
        return meant[0]
    noun, places = encoder.noun, "; ".join(str(part.box) for part in meant or found)
    if meant:
        raise PictureError(name, f"shows {len(meant)} {noun}s: choose one of them by a box. They are at {places}")
    raise PictureError(name, f"the centre of no {noun} lies in the box {box}. Found: {places}")


def _part(encoder: RegionEncoder, image: Image, region: Region) -> Part:
    quality = quality_of(_cut(image, region.box), QualityConfig(min_side=encoder.min_side))
    return Part(region.prepared, replace(quality, confidence=region.confidence), region.box)


def _cut(image: Image, box: Crop) -> Image:
    """Cut a box out, with its size in the full picture as `info["full_size"]`."""
    cut = box.of(image)
    full_width, full_height = image.info.get("full_size", image.size)
    size = (round(cut.width * full_width / image.width), round(cut.height * full_height / image.height))
    cut.info = {"full_size": size}
    return cut
