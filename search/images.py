"""The only decoder: a path, bytes, an open file, a PIL image or an array becomes an upright 8-bit RGB picture.

What a file is, its content decides, not its name: a PNG called `photo.jpg` is read as a PNG. Only the plugins of JPEG
(and the first picture of MPO), PNG, GIF, WebP, AVIF, HEIF, TIFF and BMP ever run; Pillow's many others (EPS would
start Ghostscript) are never shown a file. Of an animation the first frame is read, of a TIFF the first page, and
colour profiles are ignored. How each kind of pixel becomes RGB is told in `search.pixel_modes`.

All that can go wrong with a picture is a `PictureError` naming it and the reason, and no setting of Pillow or of the
process is touched. (libtiff may still print a line of its own to standard error about a damaged TIFF, which nothing
in Python can stop.) EXIF that is damaged is passed over and the picture left as it lies; only of AVIF does libavif
refuse a file whose EXIF block is none at all. Pillow is imported at the first picture, pillow-heif at the first HEIC.

What a picture may cost is bounded (docs/pictures.md): by its size in pixels and bytes, by what
`search.picture_limits` counts in it before a plugin sees it, and by large pictures taking turns.
"""

from __future__ import annotations

import io
import os
from importlib import import_module
from typing import TYPE_CHECKING, Any

from search.config import DecodeConfig
from search.errors import PictureError
from search.large_pictures import LARGE_PIXELS, alone
from search.picture_formats import PICTURE_SUFFIXES, Format, ends_early, header_size, looks_like, sniff
from search.picture_limits import MOST_EXIF_BYTES, structure_excess
from search.picture_source import check_bytes, is_array, is_pil_image, picture_name, read_file, read_stream
from search.plugin_warnings import quiet_plugins

if TYPE_CHECKING:
    from PIL.Image import Image
    from PIL.ImageFile import ImageFile

    from search.types import Picture

__all__ = ["PICTURE_SUFFIXES", "decode", "load_picture", "picture_name", "read_file"]

_DEFAULTS = DecodeConfig()

_PLUGINS: dict[Format, tuple[str, str]] = {
    # JpegImageFile, not Pillow's factory: an MPO is a JPEG with more pictures behind it, and the first is wanted.
    "JPEG": ("PIL.JpegImagePlugin", "JpegImageFile"),
    "PNG": ("PIL.PngImagePlugin", "PngImageFile"),
    "GIF": ("PIL.GifImagePlugin", "GifImageFile"),
    "WebP": ("PIL.WebPImagePlugin", "WebPImageFile"),
    "AVIF": ("PIL.AvifImagePlugin", "AvifImageFile"),
    "HEIF": ("pillow_heif", "HeifImageFile"),
    "TIFF": ("PIL.TiffImagePlugin", "TiffImageFile"),
    "BMP": ("PIL.BmpImagePlugin", "BmpImageFile"),
}

_COSTLY: frozenset[Format] = frozenset(("WebP", "AVIF", "HEIF"))

_ORIENTATION_TAG = 0x0112


def load_picture(source: Picture, *, target: int | None = None, config: DecodeConfig = _DEFAULTS) -> Image:
    """Read any picture as a new, upright RGB image; `info["full_size"]` is its upright size before any reduction.

    Args:
        source: a path; the bytes of a file; a binary file object, read from its present position to its end, put
            back there where it can seek, and left open; a PIL image, left unaltered; or an array as
            `search.pixel_modes.array_to_rgb` describes.
        target: side in pixels at which the picture will be used. A larger picture may then come back reduced, by a
            whole factor, so that its shorter side is at least `2 * target` and less than `4 * target`: enough that
            a resize to `target` gives very nearly what the full picture would have given. None: full size.
        config: limits on pixels and bytes.

    Raises:
        PictureError: whatever is wrong with the picture.
        ValueError: `target` is less than 1.
    """
    _check_target(target)
    name = picture_name(source)
    if isinstance(source, str | os.PathLike):
        return decode(read_file(source, config=config), name=name, target=target, config=config)
    if isinstance(source, bytes | bytearray | memoryview):
        return decode(bytes(source), name=name, target=target, config=config)
    if hasattr(source, "read"):
        return decode(read_stream(source, name, config), name=name, target=target, config=config)
    image = _image_in_memory(source, name, config)
    factor = _factor(image.size, target)
    return _finish(image.reduce(factor) if factor > 1 else image, 1, image.size)


def decode(data: bytes, *, name: str, target: int | None = None, config: DecodeConfig = _DEFAULTS) -> Image:
    """Decode the bytes of a file as `load_picture` does; `name` is what an error calls it.

    A JPEG is decoded at a half, a quarter or an eighth of its size where `target` allows, which is what makes
    a 24-megapixel photograph cheap; any other format is decoded whole and then reduced.

    Raises:
        PictureError: whatever is wrong with the picture.
        ValueError: `target` is less than 1.
    """
    _check_target(target)
    if not data:
        raise PictureError(name, "empty file (0 bytes)")
    check_bytes(name, len(data), config)
    kind = sniff(data)
    if kind is None:
        raise PictureError(name, f"not a picture: it is {looks_like(data)}")
    size = header_size(kind, data)
    if size is not None:
        _check_size(name, size, config, kind)
    excess = structure_excess(kind, data)
    if excess is not None:
        raise PictureError(name, excess)
    try:
        with quiet_plugins():
            return _decode_as(kind, data, name, target, config)
    except PictureError:
        raise
    # Plugins raise nearly anything on damaged input (SyntaxError, struct.error, KeyError, OverflowError, zlib.error,
    # MemoryError...), differently in each version: a list here would always lack one.
    except Exception as error:
        raise PictureError(name, _reason(error, kind, data)) from error


def _image_in_memory(source: Any, name: str, config: DecodeConfig) -> Image:
    """Turn a PIL image or an array into a new upright RGB image of full size."""
    if not (is_pil_image(source) or is_array(source)):
        raise PictureError(
            name, f"a picture is a path, bytes, an open file, a PIL image or an array, not {type(source).__name__}"
        )
    from search import pixel_modes

    try:
        if is_array(source):
            if source.ndim >= 2:
                _check_size(name, (source.shape[1], source.shape[0]), config)
            return pixel_modes.array_to_rgb(source)
        _check_size(name, source.size, config)
        with quiet_plugins():
            copy = source.copy()
            return _turned(pixel_modes.to_rgb(copy), _orientation(source))
    except PictureError:
        raise
    except Exception as error:  # an image opened lazily is decoded only now: see decode
        raise PictureError(name, str(error) or type(error).__name__) from error


def _decode_as(kind: Format, data: bytes, name: str, target: int | None, config: DecodeConfig) -> Image:
    from search import pixel_modes

    # The plugin's class itself, as Image.open would first compare the size with Pillow's own global limit, and warn.
    module, plugin = _PLUGINS[kind]
    image: ImageFile = getattr(import_module(module), plugin)(io.BytesIO(data))
    _check_size(name, image.size, config, kind)
    full_size = image.size
    if kind == "JPEG" and target is not None:
        image.draft(None, (2 * target, 2 * target))
    with alone(full_size[0] * full_size[1] > LARGE_PIXELS):
        image.load()
        _check_size(name, image.size, config, kind)  # a GIF's first frame may outgrow its canvas, and so on
        # libheif and, for TIFF, Pillow have turned the picture by now and say so; the others leave it to the caller.
        orientation = 1 if kind == "HEIF" else _orientation(image)
        rgb = _finish(pixel_modes.reduced_rgb(image, _factor(image.size, target)), orientation, full_size)
        return rgb.copy() if rgb is image else rgb  # a plain image, free of the plugin and the file behind it


def _factor(size: tuple[int, int], target: int | None) -> int:
    return 1 if target is None else max(1, min(size) // (2 * target))


def _finish(rgb: Image, orientation: int, full_size: tuple[int, int]) -> Image:
    """Turn, and leave nothing in `info` but the full size."""
    rgb = _turned(rgb, orientation)
    width, height = full_size
    rgb.info = {"full_size": (height, width) if orientation >= 5 else (width, height)}
    return rgb


def _orientation(image: Image) -> int:
    """EXIF orientation 1 to 8; 1 where there is none, or the EXIF block is damaged, which is no reason to refuse."""
    if len(image.info.get("exif", b"")) > MOST_EXIF_BYTES:
        return 1
    try:
        value = image.getexif().get(_ORIENTATION_TAG, 1)
    except Exception:
        return 1
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def _turned(image: Image, orientation: int) -> Image:
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


def _reason(error: Exception, kind: Format, data: bytes) -> str:
    if isinstance(error, MemoryError):
        return "not enough memory to decode it"
    detail = " ".join(str(error).split())
    if ends_early(kind, data) or (kind == "TIFF" and "truncated" in detail):
        return "truncated: the file ends before the picture does"
    if "decompression bomb" in detail:
        return "too many pixels for Pillow's limit on this format"
    return f"corrupt or unsupported {kind} data ({detail or type(error).__name__})"


def _check_size(name: str, size: tuple[int, int], config: DecodeConfig, kind: Format | None = None) -> None:
    width, height = size
    if width < 1 or height < 1:
        raise PictureError(name, f"no pixels: its size is {width} x {height}")
    if width * height > config.max_pixels:
        raise PictureError(name, f"too many pixels: {width} x {height}, the limit is {config.max_pixels:,} in all")
    if kind in _COSTLY and width * height > config.max_costly_pixels:
        limit = f"{config.max_costly_pixels:,} in all for {kind}"
        raise PictureError(name, f"too many pixels: {width} x {height}, the limit is {limit}")
    if max(width, height) > config.max_side:
        raise PictureError(name, f"too long a side: {width} x {height}, the limit is {config.max_side:,}")


def _check_target(target: int | None) -> None:
    if target is not None and target < 1:
        raise ValueError(f"target must be at least 1 pixel, not {target}")
