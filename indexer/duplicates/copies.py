"""Find which files of a group are copies of which. Each file is compared only with files to keep, the best first."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from indexer.duplicates.verify import NOT_A_COPY, File, why_no_copy

if TYPE_CHECKING:
    from collections.abc import Sequence

    from indexer.duplicates.report import Member

_MOST_COMPARISONS = 8
"""Largest number of comparisons per file, so that a thousand nearly equal frames of a film do not take days."""


@dataclass(frozen=True, slots=True)
class Copies:
    """The file to keep for each file, by id."""

    kept: dict[int, int]
    """Each file -> the file to keep that it is a copy of; a file to keep -> itself."""
    why: dict[int, str]
    """Each file to keep, except the best -> the reason why it is not a copy of the best."""


def find_copies(ranked: Sequence[Member]) -> Copies:
    """Choose the file to keep for each of some files, which must be unchanged since they were indexed.

    Args:
        ranked: the files, the preferred one to keep first.
    """
    of_content: dict[str, list[Member]] = defaultdict(list)
    for member in ranked:
        of_content[member.content or f"id {member.id}"].append(member)
    waiting = [(File(members[0]), members) for members in of_content.values()]
    kept: dict[int, int] = {}
    why: dict[int, str] = {}
    compared: dict[int, int] = defaultdict(int)
    while waiting:
        (best, mine), *waiting = waiting
        kept |= {member.id: best.member.id for member in mine}
        still = []
        for other, members in waiting:
            reason = _compared(best, other, compared)
            if reason is None:
                kept |= {member.id: best.member.id for member in members}
            else:
                why.setdefault(other.member.id, reason)
                still.append((other, members))
        best.release()
        waiting = still
    return Copies(kept, {each: reason for each, reason in why.items() if kept[each] == each})


def _compared(best: File, other: File, compared: dict[int, int]) -> str | None:
    number = other.member.id
    if compared[number] == _MOST_COMPARISONS:
        return f"near, a copy of none of the {_MOST_COMPARISONS} that it was compared with"
    reason = why_no_copy(best, other)
    compared[number] += reason == NOT_A_COPY
    return reason
