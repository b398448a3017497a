"""Which picture of a group stays, and which files are copies of it. Nothing here removes anything.

A file is only said to be spare if it is known to be a copy of a file that stays: the same bytes, or the same pictures
(`indexer.duplicates.verify`), both read again and as they were indexed. All that is merely near stays. Files that are
gone, that changed since, or that are the very file that stays under another name (a link) are never said to be spare.
"""

from __future__ import annotations

import os
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from indexer.duplicates.stand_ins import stand_ins
from indexer.duplicates.verify import CHANGED, has_content
from search.config import BuildConfig
from search.errors import PictureError
from search.pictures.decode import load_picture
from search.pictures.quality import quality_of
from search.pictures.source import file_version

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from indexer.duplicates.report import Group, Member
    from search.config import Keep

_SHARPNESS_SIDE = 64
_WORKERS = min(3, BuildConfig.workers)
"""Each holds two decoded pictures, and some 200 MB while it compares them."""


@dataclass(frozen=True, slots=True)
class Choice:
    """What is to become of a group's pictures."""

    keep: Member | None
    """The best of all; None where no file of the group is as it was indexed."""
    spare: tuple[Member, ...]
    """Files that can be deleted, in the order of the group: each is a copy of one that stays."""
    left: tuple[tuple[Member, str], ...]
    """Files about which nothing is said, and why: near ones that are not known to be copies among them."""
    copy_of: dict[int, int] = field(default_factory=dict, hash=False)
    """Id of a spare file -> id of the file that stays and that it is a copy of: mostly `keep`, but not always."""

    def word(self, member: Member) -> str:
        """`keep`, `spare`, or why neither."""
        if (self.keep is not None and member.id == self.keep.id) or member.id in self.copy_of.values():
            return "keep"
        return next((reason for each, reason in self.left if each.id == member.id), "spare")


def choose_all(groups: Sequence[Group], rule: Keep, advance: Callable[[int], None] | None = None) -> list[Choice]:
    """Choose for each group, several at a time; `advance` is called with the number of groups done."""
    choices = []
    with ThreadPoolExecutor(_WORKERS, thread_name_prefix="verify") as pool:
        for choice in pool.map(partial(choose, rule=rule), groups):
            choices.append(choice)
            if advance is not None:
                advance(1)
    return choices


def choose(group: Group, rule: Keep) -> Choice:
    """Choose by `best` (most pixels, then most bytes, sharpest, oldest, first by path) or `first` (smallest id).

    Every file is read again. A file that is a copy of none better stays; a copy of it is spare, as the copies of the
    best are: a group of two pictures that look alike, each with its copies, keeps two.
    """
    whole: list[Member] = []
    left: dict[int, str] = {}
    files: dict[int, tuple[int, int]] = {}
    for member in group.members:
        found = _file(member)
        if isinstance(found, str):
            left[member.id] = found
        else:
            whole.append(member)
            files[member.id] = found
    if len(whole) > 1:
        left |= {member.id: CHANGED for member in whole if member.content and not has_content(member)}
        whole = [member for member in whole if member.id not in left]
    if not whole:
        return Choice(None, (), _left(group, left))
    ranked = sorted(whole, key=lambda member: member.id) if rule == "first" else _best_first(whole)
    stand = stand_ins(ranked)
    kept = {files[stays] for stays in stand.of.values()}
    copy_of = {}
    for picture, stays in stand.of.items():
        if picture != stays and files[picture] in kept:
            left[picture] = "the same file as the one that stays"
        elif picture != stays:
            copy_of[picture] = stays
    left |= {picture: why for picture, why in stand.why.items() if picture not in copy_of.values()}
    spare = tuple(member for member in group.members if member.id in copy_of)
    return Choice(ranked[0], spare, _left(group, left), copy_of)


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


def _left(group: Group, reasons: dict[int, str]) -> tuple[tuple[Member, str], ...]:
    return tuple((member, reasons[member.id]) for member in group.members if member.id in reasons)


def _file(member: Member) -> tuple[int, int] | str:
    """Device and inode of a file that is as it was indexed, or what became of it."""
    try:
        status = member.path.stat()
    except (OSError, ValueError):
        return "gone"
    if file_version(status) != (member.bytes, member.mtime_ns):
        return CHANGED
    return status.st_dev, status.st_ino


def _best_first(members: Sequence[Member]) -> list[Member]:
    alike: dict[tuple[int, int], set[str]] = defaultdict(set)
    for member in members:
        alike[member.pixels, member.bytes].add(member.content)
    # Rare, so that decoding them costs little.
    unclear = {content for contents in alike.values() if len(contents) > 1 for content in contents}
    sharpness = {member.content: _sharpness(member) for member in members if member.content in unclear}

    def rank(member: Member) -> tuple[int, int, float, int, str]:
        sharp = sharpness.get(member.content, 0.0)
        return -member.pixels, -member.bytes, -sharp, member.mtime_ns, str(member.path)

    return sorted(members, key=rank)


def _sharpness(member: Member) -> float:
    try:
        return quality_of(load_picture(member.path, target=_SHARPNESS_SIDE)).sharpness
    except PictureError:
        return -1.0
