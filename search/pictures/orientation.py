"""How a picture lies, and turning it upright.

HEIC, AVIF and JPEG XL can say it in their container, and what stands in their EXIF then repeats it or is out of date:
the container decides, and EXIF only where it says nothing. Nothing is turned twice.

`PIL.ImageOps.exif_transpose` is not used. It leaves a HEIC or AVIF as it lies whose orientation stands in its EXIF
alone, raises SyntaxError at a PNG with a damaged EXIF block, parses a block of any size, and turns only by the EXIF of
the image itself: not the RGB picture that was made of it, nor by the orientation that a raw photo gives its preview.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from search.pictures.limits import MOST_EXIF_BYTES

if TYPE_CHECKING:
    from PIL.Image import Image

    from search.pictures.formats import Format

_ORIENTATION_TAG = 0x0112
_BOXES = (b"irot", b"imir")
_META_BYTES = 1 << 20
"""Bytes at the beginning of a file within which its boxes stand."""


def orientation_of(image: Image, kind: Format | None = None, data: bytes = b"") -> int | None:
    """How a loaded picture still has to be turned, as an EXIF orientation 1 to 8; None where the file does not say.

    Args:
        image: the picture.
        kind: its format, where it comes from a file.
        data: the bytes of the file.
    """
    if kind in ("HEIF", "AVIF"):
        turns = any(data.find(box, 0, _META_BYTES) >= 0 for box in _BOXES)
        if kind == "HEIF":  # libheif has done what the boxes say
            return 1 if turns else _valid(image.info.get("original_orientation"))
        if not turns:  # Pillow gives EXIF as the boxes say, which is not at all
            return _valid(_exif_of_avif(image))
    return _exif_orientation(image)


def upright(image: Image, orientation: int) -> Image:
    """Undo an EXIF orientation (JEITA CP-3451, section 4.6.4 A): 6 lies on its left side, so it is turned clockwise."""
    from PIL.Image import Transpose

    steps = (
        Transpose.FLIP_LEFT_RIGHT,
        Transpose.ROTATE_180,
        Transpose.FLIP_TOP_BOTTOM,
        Transpose.TRANSPOSE,
        Transpose.ROTATE_270,
        Transpose.TRANSVERSE,
        Transpose.ROTATE_90,
    )
    return image if orientation == 1 else image.transpose(steps[orientation - 2])


def _exif_orientation(image: Image) -> int | None:
    """None too where the EXIF block is damaged, which is no reason to refuse the picture."""
    if len(image.info.get("exif", b"")) > MOST_EXIF_BYTES:
        return None
    try:
        return _valid(image.getexif().get(_ORIENTATION_TAG))
    except Exception:
        return None


def _exif_of_avif(image: Any) -> Any:
    from PIL.Image import Exif

    try:
        block = image._decoder.get_info()[4]
        if not block or len(block) > MOST_EXIF_BYTES:
            return None
        exif = Exif()
        exif.load(block)
        return exif.get(_ORIENTATION_TAG)
    except Exception:  # damaged, or another Pillow
        return None


def _valid(value: Any) -> int | None:
    return value if isinstance(value, int) and 1 <= value <= 8 else None
