"""Pictures and texts of a caller as a service takes them; files are read here, never by the service."""

from __future__ import annotations

import base64
import io
import os
from typing import TYPE_CHECKING, Any

from search.config import DecodeConfig
from search.counts import picture_number
from search.pictures.source import picture_name, read_file, read_stream
from search.types import Text

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from search.types import Example, Picture


MOST_AT_ONCE = 64
"""Pictures, or vectors, of one request."""
MOST_IDS = 1_000
"""Ids of one request."""
MOST_BYTES = 24 * 2**20
"""Bytes of the pictures of one request, if it has more than one."""


class Sent:
    """The pictures of one request: their names of the caller, by their places in the request."""

    def __init__(self) -> None:
        self.names: dict[str, str] = {}

    def picture(self, picture: Picture, place: str) -> str:
        """The bytes of a picture in base64.

        Raises:
            PictureError: the file cannot be read.
        """
        self.names[place] = picture_name(picture)
        return base64.b64encode(_bytes_of(picture)).decode("ascii")

    def example(self, example: Example, place: str) -> dict[str, Any]:
        """A picture or text."""
        if isinstance(example, Text):
            return {"text": example.text}
        return {"picture": self.picture(example, place)}


def pages(pictures: Sequence[Picture], name: str) -> Iterator[tuple[list[str], Sent]]:
    """Pictures in base64, as many as one request may have, and their names; one page without any if there are none.

    Raises:
        PictureError: a file cannot be read.
    """
    sent, size = Sent(), 0
    page: list[str] = []
    for picture in pictures:
        text = sent.picture(picture, f"{name}[{len(page)}]")
        if page and (len(page) == MOST_AT_ONCE or size + len(text) > MOST_BYTES):
            sent.names.pop(f"{name}[{len(page)}]")
            yield page, sent
            sent, page, size = Sent(), [], 0
            sent.names[f"{name}[0]"] = picture_name(picture)
        page.append(text)
        size += len(text)
    yield page, sent


def id_pages(ids: Sequence[int]) -> list[list[int]]:
    """Ids, as many as one request may have; one page without any if there are none."""
    numbers = [picture_number(each) for each in ids]
    return [numbers[start : start + MOST_IDS] for start in range(0, max(1, len(numbers)), MOST_IDS)]


def _bytes_of(picture: Picture) -> bytes:
    """The bytes of a file; an image or array is written as PNG, which loses nothing."""
    if isinstance(picture, str | os.PathLike):
        return read_file(picture)
    if isinstance(picture, bytes | bytearray | memoryview):
        return bytes(picture)
    if hasattr(picture, "read"):
        return read_stream(picture, picture_name(picture), DecodeConfig())
    from search.pictures.decode import load_picture  # Pillow, which files do without

    stream = io.BytesIO()
    load_picture(picture).save(stream, "PNG", compress_level=1)
    return stream.getvalue()
