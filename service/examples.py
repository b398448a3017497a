"""From the body of a request to the arguments of the engine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from search.config import DecodeConfig
from search.crop import Crop
from search.pictures.formats import open_picture, sniff
from search.pictures.headers import header_size
from search.pictures.limits import structure_excess
from search.types import Text
from service.bodies import NamedBytes
from service.problems import ProblemError, invalid_request

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from search.types import Example
    from service.config import Limits
    from service.models import ExampleIn

PICTURE, TEXT, ID, VECTOR = "picture", "text", "id", "vector"


def invalid(at: str, problem: str) -> ProblemError:
    """A request whose members do not fit together."""
    return invalid_request([{"loc": ("body", at), "msg": problem}])


def check_k(k: int, limits: Limits) -> int:
    """Return k; raises ProblemError above the limit."""
    if k > limits.k:
        raise ProblemError("limit", f"k is at most {limits.k:,} in this service")
    return k


def check_number(number: int, limits: Limits) -> None:
    """Raise ProblemError if a request has more pictures, vectors or ids than it may."""
    if number > limits.pictures:
        raise ProblemError(
            "limit", f"a request has at most {limits.pictures:,} pictures, vectors or ids, not {number:,}"
        )


def check_ids(ids: Sequence[int], limits: Limits) -> Sequence[int]:
    """Return ids to look up; raises ProblemError above the limit."""
    if len(ids) > limits.listed:
        raise ProblemError("limit", f"a request looks up at most {limits.listed:,} ids, not {len(ids):,}")
    return ids


def picture_of(data: bytes, name: str, limits: Limits) -> NamedBytes:
    """A picture of a request, which errors call by `name`.

    Raises:
        ProblemError: it has too many pixels, where the limit of the service is below that of the decoder.
    """
    if limits.pixels < DecodeConfig().max_pixels and (size := _size(data)) is not None:
        pixels = size[0] * size[1]
        if pixels > limits.pixels:
            raise ProblemError(
                "picture-too-large", f"{name}: {pixels:,} pixels are more than the limit of {limits.pixels:,}"
            )
    return NamedBytes(data, name)


def _size(data: bytes) -> tuple[int, int] | None:
    """Width and height of a picture, without decoding it; None for a file that the decoder refuses anyway."""
    kind = sniff(data)
    if kind is None or structure_excess(kind, data) is not None:
        return None
    if kind in ("raw", "JPEG XL") or (size := header_size(kind, data)) is not None:
        return header_size(kind, data) if kind != "raw" else None
    try:
        with open_picture(kind, data) as image:
            return image.size
    except Exception:  # whatever a plugin makes of a damaged file: the decoder reports it
        return size


def example_of(given: ExampleIn, name: str, limits: Limits) -> Example:
    """A picture or text of a request.

    Raises:
        ProblemError: it is an id or a vector, which cannot be blended.
    """
    if given.text is not None:
        return Text(given.text)
    if given.picture is None:
        raise invalid(name, f"a blend is made of pictures and texts, not of an {given.kind}: search with it alone")
    return picture_of(given.picture, name, limits)


def crop_of(ends: Sequence[float] | None) -> Crop | None:
    """The part of a picture that is given by its ends."""
    if ends is None:
        return None
    if len(ends) != 4:
        raise invalid("crop", f"a part of a picture is left, top, right and bottom, not {len(ends)} numbers")
    return Crop(*ends)


def vectors_of(rows: Sequence[Sequence[float]]) -> NDArray[Any]:
    """Vectors of a request `(Q, D) float32`."""
    if len({len(row) for row in rows}) > 1:
        raise invalid("vector", "the vectors have different lengths")
    with np.errstate(over="ignore"):  # a number beyond float32 is no part of a unit vector, which the engine reports
        return np.array(rows, dtype=np.float32).reshape(len(rows), -1)
