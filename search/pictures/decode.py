"""Decode a path, bytes, an open file, a PIL image or an array into an upright 8-bit RGB picture.

All decoding goes through this module. Files are recognised by content, not by extension: a PNG called `photo.jpg` is
read as a PNG. Only the plugins for JPEG (including the first picture of an MPO), PNG, GIF, WebP, AVIF, HEIF, TIFF, BMP
and PSD run; Pillow's other plugins (such as EPS, which starts Ghostscript) never see a file. The first frame of an
animation is read, the first page of a TIFF, and the preview of a raw photo if it is large enough
(`search.pictures.containers.raw_previews`). Decoded colours are sRGB; `search.pictures.colours.pixel_modes` describes
how each kind of pixel is converted.

Every failure is a `PictureError` with the picture's name and the reason. No setting of Pillow or of the process is
changed. (libtiff may print a line of its own to standard error about a damaged TIFF; Python cannot prevent that.)
Damaged EXIF or a damaged colour profile is ignored. The one exception is AVIF, where libavif rejects a file whose EXIF
block is invalid. Pillow is imported with the first picture, pillow-heif with the first HEIC.

The cost of a picture is bounded (docs/pictures.md): by its size in pixels and bytes, by the structural limits of
`search.pictures.limits`, which are checked before a plugin runs, and by decoding large pictures one at a time.
"""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from search.config import DecodeConfig
from search.errors import PictureError
from search.pictures.containers.jpeg_end import END, LACKS_ITS_END, with_its_end
from search.pictures.containers.photoshop import has_transparency
from search.pictures.containers.png_chunks import readable
from search.pictures.formats import PICTURE_SUFFIXES, Format, looks_like, open_picture, sniff
from search.pictures.headers import ends_early, header_size
from search.pictures.large_pictures import LARGE_PIXELS, alone
from search.pictures.limits import structure_excess
from search.pictures.orientation import orientation_of, upright
from search.pictures.plugin_warnings import quiet_plugins
from search.pictures.source import check_bytes, is_array, is_pil_image, picture_name, read_file, read_stream
from search.text import reason_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from PIL.Image import Image
    from PIL.ImageFile import ImageFile

    from search.pictures.containers.raw_previews import Preview, RawPhoto
    from search.types import Picture

__all__ = ["PICTURE_SUFFIXES", "decode", "load_picture", "picture_name", "read_file"]

_DEFAULTS = DecodeConfig()

_COSTLY: frozenset[Format] = frozenset(("WebP", "AVIF", "HEIF", "JPEG XL", "raw"))


def load_picture(source: Picture, *, target: int | None = None, config: DecodeConfig = _DEFAULTS) -> Image:
    """Read any picture as a new, upright RGB image; `info["full_size"]` is its upright size before any reduction.

    `info["note"]` is set if the file was read but has a defect worth reporting.

    Args:
        source: a path; the bytes of a file; a binary file object, which is read from its current position to its end,
            rewound to that position if it is seekable, and left open; a PIL image, which is not modified; or an array
            as described by `search.pictures.colours.pixel_modes.array_to_rgb`.
        target: side in pixels at which the picture will be used. A larger picture may be reduced by an integer factor
            so that its shorter side is at least `2 * target` and less than `4 * target`. A resize to `target` then
            gives nearly the same result as from the full picture. None: full size.
        config: limits on pixels and bytes.

    Raises:
        PictureError: the picture cannot be read.
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
    """Decode the bytes of a file as `load_picture` does; errors refer to it as `name`.

    A JPEG is decoded at a half, a quarter or an eighth of its size if `target` allows it, which makes a 24-megapixel
    photo cheap. Any other format is decoded at full size and then reduced.

    Raises:
        PictureError: the picture cannot be read.
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
    with quiet_plugins(), _named(name, kind, data):
        if kind == "raw":
            return _decode_raw(data, name, target, config)
        if kind == "JPEG XL":
            return _decode_jpeg_xl(data, name, target, config)
        return _decode_as(kind, data, name, target, config)


@contextmanager
def _named(name: str, kind: Format, data: bytes) -> Iterator[None]:
    """Turn any exception into a PictureError."""
    try:
        yield
    except PictureError:
        raise
    # Plugins raise nearly any exception on damaged input (SyntaxError, struct.error, KeyError, OverflowError,
    # zlib.error, MemoryError...), and each version raises others: no list would be complete.
    except Exception as error:
        raise PictureError(name, _reason(error, kind, data)) from error


def _image_in_memory(source: Any, name: str, config: DecodeConfig) -> Image:
    """Turn a PIL image or an array into a new upright RGB image at full size."""
    if not (is_pil_image(source) or is_array(source)):
        raise PictureError(
            name, f"a picture is a path, bytes, an open file, a PIL image or an array, not {type(source).__name__}"
        )
    from search.pictures.colours import pixel_modes
    from search.pictures.colours.declared import declared_profile

    try:
        if is_array(source):
            if source.ndim >= 2:
                _check_size(name, (source.shape[1], source.shape[0]), config)
            return pixel_modes.array_to_rgb(source)
        _check_size(name, source.size, config)
        with quiet_plugins():
            copy = source.copy()
            rgb = pixel_modes.reduced_rgb(copy, 1, declared_profile(source))
            return upright(rgb, orientation_of(source) or 1)
    except PictureError:
        raise
    except Exception as error:  # an image that was opened lazily is decoded here: see decode
        raise PictureError(name, str(error) or type(error).__name__) from error


def _decode_as(kind: Format, data: bytes, name: str, target: int | None, config: DecodeConfig) -> Image:
    """Decode with the plugin of a format; retry a JPEG that lacks only its end marker."""
    try:
        image = _decode_with_plugin(kind, data, name, target, config)
        if kind != "JPEG" or data.endswith(END) or not ends_early(kind, data) or with_its_end(data) is None:
            return image
    except PictureError:
        raise
    except Exception:
        completed = with_its_end(data) if kind == "JPEG" else None
        if completed is None:
            raise
        image = _decode_with_plugin(kind, completed, name, target, config)
    image.info["note"] = LACKS_ITS_END
    return image


def _decode_with_plugin(
    kind: Format,
    data: bytes,
    name: str,
    target: int | None,
    config: DecodeConfig,
    *,
    default_orientation: int = 1,
    full_size: tuple[int, int] | None = None,
) -> Image:
    """Decode with the plugin of a format.

    Args:
        kind, data, name, target, config: as for `decode`.
        unsaid: orientation to assume if the picture states none.
        full_size: size of the original if the picture is a preview of another.
    """
    from search.pictures.colours import pixel_modes
    from search.pictures.colours.declared import declared_profile
    from search.pictures.colours.deep import in_full_depth, raw_mode
    from search.pictures.colours.sample_depth import DECLARED, declared_top

    image = _open_by_format(kind, data)
    _check_size(name, image.size, config, kind)
    pixels = image.size[0] * image.size[1]
    full_size = full_size or image.size
    if kind == "JPEG" and target is not None:
        image.draft(None, (2 * target, 2 * target))
    with alone(pixels > LARGE_PIXELS):
        mode = raw_mode(image)
        image.load()
        _check_size(name, image.size, config, kind)  # loading can change the size: a GIF frame may exceed its canvas
        image.info[DECLARED] = declared_top(image, kind, data)
        shown = in_full_depth(image, mode, lambda: _open_by_format(kind, data))
        if kind == "PSD" and shown.mode == "RGBA" and not has_transparency(data):
            shown = shown.convert("RGB")
        profile = declared_profile(image, kind, data)
        rgb = pixel_modes.reduced_rgb(shown, _factor(image.size, target), profile)
        rgb = _finish(rgb, orientation_of(image, kind, data) or default_orientation, full_size)
        return rgb.copy() if rgb is image else rgb  # a plain image without references to the plugin and the file


def _open_by_format(kind: Format, data: bytes) -> ImageFile:
    return open_picture(kind, readable(data) if kind == "PNG" else data)


def _decode_jpeg_xl(data: bytes, name: str, target: int | None, config: DecodeConfig) -> Image:
    from search.pictures.colours import pixel_modes
    from search.pictures.colours.declared import declared_profile
    from search.pictures.containers import jpeg_xl

    header = jpeg_xl.header(data)
    if header is None:
        raise PictureError(name, "corrupt or unsupported JPEG XL data (no codestream)")
    if not jpeg_xl.is_supported():
        raise PictureError(name, jpeg_xl.MISSING)
    (width, height), turn = header
    with alone(width * height > LARGE_PIXELS):
        image = jpeg_xl.decoded(data)
        if isinstance(image, bytes):
            return decode(image, name=name, target=target, config=config)
        _check_size(name, image.size, config, "JPEG XL")
        full_size, factor = image.size, _factor(image.size, target)
        rgb = pixel_modes.reduced_rgb(image, factor, declared_profile(image))
        return _finish(rgb, (orientation_of(image) or 1) if turn == 1 else 1, full_size)


def _decode_raw(data: bytes, name: str, target: int | None, config: DecodeConfig) -> Image:
    """Decode a raw photo: its preview if that is large, else the developed photo if possible, else any preview."""
    from search.pictures.containers import raw_development, raw_previews

    photo = raw_previews.read_raw(data)
    if all(photo.size):
        _check_size(name, photo.size, config)
    failure: Exception | None = None
    if not photo.has_large_preview and raw_development.is_supported():
        try:
            with alone(True):
                image, full_size = raw_development.develop(data, lambda size: _check_size(name, size, config, "raw"))
                factor = _factor(image.size, target)
                return _finish(image.reduce(factor) if factor > 1 else image, 1, full_size)
        except Exception as error:  # too large, damaged, or unknown to LibRaw: a preview may still be usable
            failure = error
    for preview in photo.previews:
        try:
            return _preview(preview, photo, data, name, target, config)
        except PictureError as error:
            failure = failure or error
    if failure is not None:
        raise failure
    raise PictureError(name, raw_development.MISSING)


def _preview(
    preview: Preview, photo: RawPhoto, data: bytes, name: str, target: int | None, config: DecodeConfig
) -> Image:
    """Decode a preview in its own orientation if it states one, else in that of the photo."""
    file = preview.file(data)
    excess = structure_excess(preview.kind, file)
    if excess is not None:
        raise PictureError(name, excess)
    full_size = photo.size if all(photo.size) else preview.size
    default_orientation = photo.orientation
    if preview.turns_itself:  # Pillow turns it when it is loaded
        full_size, default_orientation = full_size[::-1] if photo.orientation >= 5 else full_size, 1
    with _named(name, preview.kind, file):
        return _decode_with_plugin(
            preview.kind, file, name, target, config, default_orientation=default_orientation, full_size=full_size
        )


def _factor(size: tuple[int, int], target: int | None) -> int:
    return 1 if target is None else max(1, min(size) // (2 * target))


def _finish(rgb: Image, orientation: int, full_size: tuple[int, int]) -> Image:
    """Turn the picture upright, and keep only the full size in `info`."""
    rgb = upright(rgb, orientation)
    width, height = full_size
    rgb.info = {"full_size": (height, width) if orientation >= 5 else (width, height)}
    return rgb


def _reason(error: Exception, kind: Format, data: bytes) -> str:
    if isinstance(error, MemoryError):
        return "not enough memory to decode it"
    detail = reason_of(error)
    if ends_early(kind, data) or (kind == "TIFF" and "truncated" in detail):
        return "truncated: the file ends before the picture does"
    if "decompression bomb" in detail:
        return "too many pixels for Pillow's limit on this format"
    return f"corrupt or unsupported {kind} data ({detail})"


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
