"""Choose which file of a group to keep, and which are spare copies of it. No file is deleted here.

A file is spare only if it is verified to be a copy of a file to keep: the same bytes, or the same pictures
(`indexer.duplicates.verify`). Both files are read again and must be unchanged since they were indexed. Files that are
merely near are kept. Files that are missing, that changed, or that are a link to the file to keep are never spare.
"""

from __future__ import annotations

import os
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from indexer.duplicates.copies import find_copies
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
"""Each worker holds two decoded pictures, and about 200 MB while it compares them."""


@dataclass(frozen=True, slots=True)
class Choice:
    """The decisions about the files of a group."""

    keep: Member | None
    """The best file; None if no file of the group is unchanged since it was indexed."""
    spare: tuple[Member, ...]
    """Files that can be deleted, in the order of the group: each is a copy of a file to keep."""
    left: tuple[tuple[Member, str], ...]
    """Files without a decision, such as near ones that are not verified copies, and the reason."""
    copy_of: dict[int, int] = field(default_factory=dict, hash=False)
    """Id of a spare file -> id of the file to keep that it is a copy of; usually, but not always, `keep`."""

    def word(self, member: Member) -> str:
        """`keep`, `spare`, or the reason for neither."""
        if (self.keep is not None and member.id == self.keep.id) or member.id in self.copy_of.values():
            return "keep"
        return next((reason for each, reason in self.left if each.id == member.id), "spare")


def choose_all(groups: Sequence[Group], rule: Keep, advance: Callable[[int], None] | None = None) -> list[Choice]:
    """Choose for each group, several in parallel; `advance` is called with the number of groups done."""
    choices = []
    with ThreadPoolExecutor(_WORKERS, thread_name_prefix="verify") as pool:
        for choice in pool.map(partial(choose, rule=rule), groups):
            choices.append(choice)
            if advance is not None:
                advance(1)
    return choices


def choose(group: Group, rule: Keep) -> Choice:
    """Choose by `best` (most pixels, then most bytes, sharpest, oldest, first by path) or `first` (smallest id).

    Every file is read again. A file that is not a copy of a better one is kept, and its copies are spare like those of
    the best file: from a group of two similar pictures with copies of each, two files are kept.
    """
    unchanged: list[Member] = []
    left: dict[int, str] = {}
    files: dict[int, tuple[int, int]] = {}
    for member in group.members:
        file = _file(member)
        if isinstance(file, str):
            left[member.id] = file
        else:
            unchanged.append(member)
            files[member.id] = file
    if len(unchanged) > 1:
        left |= {member.id: CHANGED for member in unchanged if member.content and not has_content(member)}
        unchanged = [member for member in unchanged if member.id not in left]
    if not unchanged:
        return Choice(None, (), _left(group, left))
    ranked = sorted(unchanged, key=lambda member: member.id) if rule == "first" else _best_first(unchanged)
    copies = find_copies(ranked)
    kept = {files[original] for original in copies.kept.values()}
    copy_of = {}
    for picture, original in copies.kept.items():
        if picture != original and files[picture] in kept:
            left[picture] = "the same file as the one that stays"
        elif picture != original:
            copy_of[picture] = original
    left |= {picture: why for picture, why in copies.why.items() if picture not in copy_of.values()}
    spare = tuple(member for member in group.members if member.id in copy_of)
    return Choice(ranked[0], spare, _left(group, left), copy_of)


def list_bytes(choices: Iterable[Choice], *, null: bool) -> tuple[bytes, list[Member]]:
    """List the spare files, one per line or each followed by a NUL byte; names byte for byte as in the file system.

    Returns:
        The list, and the spare files that it leaves out because a name with a line break does not fit on a line.
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
    """Device and inode of a file that is unchanged since it was indexed, or the reason why it is not."""
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
    # Ties are rare, so decoding these files costs little.
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
