"""Convert pixels from a colour profile to sRGB with Little CMS.

Transforms are cached by profile, because most collections have only a few. A transform that changes nothing, such as
that of sRGB itself, is detected on a lattice of colours, whatever the profile's name, and is never applied.
"""

from __future__ import annotations

import hashlib
import io
import threading
from collections import OrderedDict
from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np
from PIL import Image, ImageCms

if TYPE_CHECKING:
    from collections.abc import Callable

    Transform: TypeAlias = Callable[[Image.Image], Image.Image]

Space: TypeAlias = Literal["RGB", "L", "CMYK"]

MOST_PROFILE_BYTES = 16 << 20
"""Size above which a profile is ignored; those of printing presses have up to ten megabytes."""

_SPACES: dict[bytes, Space] = {b"RGB ": "RGB", b"GRAY": "L", b"CMYK": "CMYK"}
_CLASSES = frozenset((b"mntr", b"scnr", b"prtr", b"spac"))
_GREY_MODES = frozenset(("1", "L", "LA", "La", "I", "F", "I;16", "I;16B", "I;16L", "I;16N"))
_RGB_MODES = frozenset(("RGB", "RGBA", "RGBa", "RGBX", "P", "PA"))
_SAME = 3
"""Largest change, in levels of 255, of a transform that counts as changing nothing."""
_KEPT = 32

_kept: OrderedDict[bytes, Transform | None] = OrderedDict()
_lock = threading.Lock()


def profile_space(profile: bytes) -> Space | None:
    """The kind of pixels that a profile describes; None if it is not a profile or describes no pixels."""
    if not 128 < len(profile) <= MOST_PROFILE_BYTES or profile[36:40] != b"acsp":
        return None
    return _SPACES.get(profile[16:20]) if profile[12:16] in _CLASSES else None


def fits(profile: bytes, mode: str) -> bool:
    """Whether pixels of a Pillow mode can have this profile."""
    modes = {"RGB": _RGB_MODES, "L": _GREY_MODES, "CMYK": {"CMYK"}, None: ()}[profile_space(profile)]
    return mode in modes


def to_srgb(profile: bytes) -> Transform | None:
    """Build the function that converts pixels of a profile to sRGB.

    It takes an `RGB` image, or a `CMYK` image for a CMYK profile, and returns an `RGB` image.

    Returns:
        The function; None if the profile is damaged or changes nothing.
    """
    key = hashlib.blake2b(profile, digest_size=16).digest()
    with _lock:
        if key in _kept:
            _kept.move_to_end(key)
            return _kept[key]
    made = _made(profile)
    with _lock:
        _kept[key] = made
        while len(_kept) > _KEPT:
            _kept.popitem(last=False)
    return made


def _made(profile: bytes) -> Transform | None:
    space = profile_space(profile)
    if space is None:
        return None
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        transform = ImageCms.buildTransform(
            source,
            ImageCms.createProfile("sRGB"),
            space,
            "RGB",
            ImageCms.Intent.RELATIVE_COLORIMETRIC,
            ImageCms.Flags.BLACKPOINTCOMPENSATION,
        )
    except Exception:  # a damaged profile, which Little CMS and Pillow report in several ways
        return None

    def apply(image: Image.Image) -> Image.Image:
        return transform.apply(image.getchannel(0) if space == "L" else image)

    return apply if space == "CMYK" or _alters(apply, space) else None


def _alters(apply: Transform, space: Space) -> bool:
    steps = np.linspace(0, 255, 9).astype(np.uint8)
    lattice = np.stack(np.meshgrid(steps, steps, steps), axis=-1).reshape(27, 27, 3)
    greys = np.repeat(np.arange(256, dtype=np.uint8)[None, :, None], 3, axis=2)
    for levels in (greys,) if space == "L" else (greys, lattice):
        after = np.asarray(apply(Image.fromarray(levels)))
        if int(np.abs(after.astype(int) - levels).max()) > _SAME:
            return True
    return False
