"""Verify that a file is a copy of another, by its bytes or by every picture in both.

Near vectors mean that two pictures look similar, not that one of them can be deleted. A file counts as a copy only if
both files are read again, are unchanged since they were indexed, and have the same content: every frame and page,
with transparency.
"""

from __future__ import annotations

import hashlib
from functools import cached_property
from itertools import zip_longest
from typing import TYPE_CHECKING

from search.comparison.same_pixels import is_copy, same_proportions
from search.errors import PictureError
from search.pictures.contents import Contents, read_contents
from search.pictures.exif import read_exposure
from search.pictures.frames import Frame, TooManyFramesError, frames
from search.pictures.source import read_file

if TYPE_CHECKING:
    from collections.abc import Iterator

    from indexer.duplicates.report import Member

NOT_A_COPY = "near, not a copy"
CHANGED = "changed since it was indexed"
_TARGET = 768
"""A picture with a shorter side of 3,072 pixels or more may be decoded at half size, and is compared at three
megapixels."""
_MILLISECONDS = 15.0
"""Tolerance for the duration of a frame: GIF stores hundredths of a second."""
_CHUNK = 1 << 20


def has_content(member: Member) -> bool:
    """Whether a file still has the bytes that were indexed; reads all of them."""
    digest = hashlib.blake2b(digest_size=20)  # as indexer.pipeline.embed
    try:
        with member.path.open("rb") as file:
            while chunk := file.read(_CHUNK):
                digest.update(chunk)
    except OSError:
        return False
    return digest.hexdigest() == member.content


class File:
    """A file to compare with others; it is read when first needed."""

    def __init__(self, member: Member) -> None:
        self.member = member
        self._held: tuple[Frame, ...] | None = None

    @cached_property
    def facts(self) -> tuple[Contents, tuple[str, str]]:
        """The kinds of content in the file, and when the picture was taken."""
        try:
            data = read_file(self.member.path)
        except PictureError:
            return Contents(None, unlike="unreadable"), ("", "")
        return read_contents(data), read_exposure(data)

    def hold(self) -> None:
        """Keep the pixels of a file with a single picture in memory, for several comparisons."""
        if self._held is None and not self.facts[0].several:
            self._held = tuple(self.frames())

    def release(self) -> None:
        """Free the pixels."""
        self._held = None

    def frames(self) -> Iterator[Frame]:
        """Decode frame by frame, or page by page; raises PictureError."""
        if self._held is not None:
            return iter(self._held)
        path = self.member.path
        return frames(read_file(path), self.facts[0], name=str(path), target=_TARGET)


def why_no_copy(kept: File, other: File) -> str | None:
    """The reason why a file is not a verified copy of the file to keep; None if it is one."""
    (of_kept, kept_taken), (of_other, other_taken) = kept.facts, other.facts
    for unlike in (of_other.unlike, of_kept.unlike):
        if unlike is not None:
            return f"near, not compared: {unlike}"
    if of_kept.several != of_other.several:
        return "near, not compared: one is an animation or has several pages"
    if not same_proportions(*((each.member.width, each.member.height) for each in (kept, other))):
        return "near, not a copy: other proportions, or much smaller"
    if of_kept.colours != of_other.colours:
        return "near, not compared: another colour profile"
    if any(a and b and a != b for a, b in zip(kept_taken, other_taken, strict=True)):
        return "near, taken at another time"
    try:
        kept.hold()
        pairs = zip_longest(kept.frames(), other.frames())  # decoded in turn, up to the first difference
        return None if all(a and b and _same_frame(a, b) for a, b in pairs) else NOT_A_COPY
    except TooManyFramesError as error:
        return f"near, not compared: {error.reason}"
    except PictureError:
        return "near, not compared: unreadable"


def _same_frame(a: Frame, b: Frame) -> bool:
    if abs(a.milliseconds - b.milliseconds) > _MILLISECONDS:
        return False
    count = max(len(a.grounds), len(b.grounds))
    grounds = [each.grounds * (count if len(each.grounds) < count else 1) for each in (a, b)]
    return all(is_copy(first, second) for first, second in zip(*grounds, strict=True))
