"""Which picture of a group stays, and which files could go. Nothing here removes anything.

A file is only said to be spare while the one that stays is on the disk as it was indexed. Files that are gone, that
changed since, or that are the very file that stays under another name (a link) are never said to be spare.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from search.errors import PictureError
from search.images import load_picture
from search.quality import quality_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from indexer.duplicates.report import Group, Member
    from search.config import Keep

_SHARPNESS_SIDE = 64


@dataclass(frozen=True, slots=True)
class Choice:
    """What is to become of a group's pictures."""

    keep: Member | None
    """None where no file of the group is as it was indexed."""
    spare: tuple[Member, ...]
    """Files that could go, in the order of the group."""
    left: tuple[tuple[Member, str], ...]
    """Files about which nothing is said, and why."""

    def word(self, member: Member) -> str:
        """`keep`, `spare`, or why neither."""
        if self.keep is not None and member.id == self.keep.id:
            return "keep"
        return next((reason for each, reason in self.left if each.id == member.id), "spare")


def choose(group: Group, rule: Keep) -> Choice:
    """Choose by `best` (most pixels, then most bytes, sharpest, oldest, first by path) or `first` (smallest id)."""
    whole: list[Member] = []
    left: list[tuple[Member, str]] = []
    files: dict[int, tuple[int, int]] = {}
    for member in group.members:
        found = _file(member)
        if isinstance(found, str):
            left.append((member, found))
        else:
            whole.append(member)
            files[member.id] = found
    if not whole:
        return Choice(None, (), tuple(left))
    kept = min(whole, key=lambda member: member.id) if rule == "first" else _best(whole)
    spare = []
    for member in whole:
        if member.id != kept.id and files[member.id] == files[kept.id]:
            left.append((member, "the same file as the one that stays"))
        elif member.id != kept.id:
            spare.append(member)
    return Choice(kept, tuple(spare), tuple(left))


def list_bytes(choices: Iterable[Choice], *, null: bool) -> tuple[bytes, list[Member]]:
    """The spare files, one a line, or each ended by a NUL byte; names as the file system has them, byte for byte.

    Returns:
        The list, and the spare files that it leaves out: a name that holds a line break cannot stand on a line.
    """
    named, unnamed = [], []
    for member in (member for choice in choices for member in choice.spare):
        name = os.fsencode(member.path)
        if not null and (b"\n" in name or b"\r" in name):
            unnamed.append(member)
        else:
            named.append(name)
    end = b"\0" if null else b"\n"
    return b"".join(name + end for name in named), unnamed


def _file(member: Member) -> tuple[int, int] | str:
    """Device and inode of a file that is as it was indexed, or what became of it."""
    try:
        status = member.path.stat()
    except (OSError, ValueError):
        return "gone"
    if (status.st_size, status.st_mtime_ns) != (member.bytes, member.mtime_ns):
        return "changed since it was indexed"
    return status.st_dev, status.st_ino


def _best(members: Sequence[Member]) -> Member:
    size = max((member.pixels, member.bytes) for member in members)
    largest = [member for member in members if (member.pixels, member.bytes) == size]
    if len({member.content for member in largest}) > 1:  # rare, so that decoding them costs little
        sharpness = {member.content: _sharpness(member) for member in largest}
        sharpest = max(sharpness.values())
        largest = [member for member in largest if sharpness[member.content] == sharpest]
    return min(largest, key=lambda member: (member.mtime_ns, str(member.path)))


def _sharpness(member: Member) -> float:
    try:
        return quality_of(load_picture(member.path, target=_SHARPNESS_SIDE)).sharpness
    except PictureError:
        return -1.0
