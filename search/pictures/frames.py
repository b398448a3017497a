"""Decode every frame or page of a file, upright and with its transparency, within limits.

A transparent picture is returned twice, over white and over black. Two pictures with the same visible pixels and the
same transparency agree on both; white line art and a blank sheet agree only over white.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from search.config import DecodeConfig
from search.errors import PictureError
from search.pictures.contents import Contents
from search.pictures.decode import decode
from search.pictures.formats import open_picture
from search.pictures.large_pictures import LARGE_PIXELS, alone
from search.pictures.plugin_warnings import quiet_plugins

if TYPE_CHECKING:
    from collections.abc import Iterator

    from PIL.Image import Image
    from PIL.ImageFile import ImageFile

MOST_FRAMES = 500
"""Maximum number of frames or pages compared per file."""
MOST_FRAME_PIXELS = 250_000_000
"""Maximum number of pixels in all frames of a file: a few seconds of decoding."""
_MOST_TRANSPARENT_PIXELS = 50_000_000
"""Limit for a picture with transparency, which needs four bands and two copies in memory."""
_MOST_TILES = 100_000
_GROUNDS = ("white", "black")
_DEFAULTS = DecodeConfig()


class TooManyFramesError(PictureError):
    """A file has more frames, pages or pixels than are compared."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame or page."""

    grounds: tuple[Image, ...]
    """Upright RGB pictures: one if the frame is opaque, else two, over white and over black."""
    milliseconds: float = 0.0
    """How long the frame is shown; 0 for a page or a single picture."""


def frames(data: bytes, contents: Contents, *, name: str, target: int | None = None) -> Iterator[Frame]:
    """Decode the frames or pages of a file one by one.

    Args:
        data: the bytes of the file.
        contents: the result of `search.pictures.contents.read_contents` for it.
        name: how errors refer to it.
        target: as for `search.pictures.decode.load_picture`.

    Raises:
        PictureError: the file is damaged.
        TooManyFramesError: the file has more frames or pixels than are compared.
    """
    try:
        if contents.kind is None:
            raise PictureError(name, "not a picture")
        with quiet_plugins():
            image = open_picture(contents.kind, data)
            transparent = image.has_transparency_data
        if contents.several:
            yield from _each(image, contents, name, target)
        elif transparent:
            with quiet_plugins():
                yield _frame(image, contents, name, target)
        else:
            yield Frame((decode(data, name=name, target=target),))
    except PictureError:
        raise
    except Exception as error:  # plugins raise nearly any exception: see search.pictures.decode
        raise PictureError(name, f"cannot be decoded ({error or type(error).__name__})") from error


def _each(image: ImageFile, contents: Contents, name: str, target: int | None) -> Iterator[Frame]:
    pixels = 0
    for number in range(MOST_FRAMES + 1):
        with quiet_plugins():
            try:
                image.seek(number)
            except EOFError:
                return
            pixels += image.width * image.height
            if number == MOST_FRAMES or pixels > MOST_FRAME_PIXELS:
                raise TooManyFramesError(name, "more frames, pages or pixels than are compared")
            frame = _frame(image, contents, name, target)
        yield frame


def _frame(image: ImageFile, contents: Contents, name: str, target: int | None) -> Frame:
    """Decode the current frame of an image."""
    from PIL import ImageOps

    size = image.width * image.height
    if size > (_MOST_TRANSPARENT_PIXELS if image.has_transparency_data else _DEFAULTS.max_costly_pixels):
        raise TooManyFramesError(name, "more pixels than are compared")
    if len(image.tile) > _MOST_TILES:
        raise TooManyFramesError(name, "more tiles than are compared")
    with alone(size > LARGE_PIXELS):
        image.load()
        factor = 1 if target is None else max(1, min(image.size) // (2 * target))
        shown = [each.reduce(factor) if factor > 1 else each for each in _on_grounds(image)]
    if contents.kind not in ("HEIF", "TIFF"):  # these are turned upright while they are decoded
        exif = image.getexif()
        for each in shown:
            each.getexif().update(exif)
        shown = [ImageOps.exif_transpose(each) for each in shown]
    return Frame(tuple(shown), float(image.info.get("duration", 0) or 0) if contents.several else 0.0)


def _on_grounds(image: Image) -> list[Image]:
    from PIL.Image import alpha_composite, new

    if not image.has_transparency_data:
        return [image.convert("RGB")]
    colours = image.convert("RGBA")
    if colours.getchannel("A").getextrema() == (255, 255):
        return [colours.convert("RGB")]
    return [alpha_composite(new("RGBA", colours.size, ground), colours).convert("RGB") for ground in _GROUNDS]
