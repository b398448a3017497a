"""Which files of a group are copies of which: each is compared with files that stay only, the best of them first."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from indexer.duplicates.verify import NOT_A_COPY, File, why_no_copy

if TYPE_CHECKING:
    from collections.abc import Sequence

    from indexer.duplicates.report import Member

_MOST_COMPARISONS = 8
"""Files with which each is compared: a thousand nearly equal frames of a film must not take days."""


@dataclass(frozen=True, slots=True)
class StandIns:
    """Who stays for whom, by id."""

    of: dict[int, int]
    """Each file -> the file that stays and holds the same; one that stays -> itself."""
    why: dict[int, str]
    """Each that stays, but for the best -> why it is no copy of the best."""


def stand_ins(ranked: Sequence[Member]) -> StandIns:
    """Find them among files that were just read and are as they were indexed.

    Args:
        ranked: the file that would rather stay first.
    """
    of_content: dict[str, list[Member]] = defaultdict(list)
    for member in ranked:
        of_content[member.content or f"id {member.id}"].append(member)
    waiting = [(File(members[0]), members) for members in of_content.values()]
    stays: dict[int, int] = {}
    why: dict[int, str] = {}
    compared: dict[int, int] = defaultdict(int)
    while waiting:
        (best, mine), *waiting = waiting
        stays |= {member.id: best.member.id for member in mine}
        still = []
        for other, members in waiting:
            reason = _compared(best, other, compared)
            if reason is None:
                stays |= {member.id: best.member.id for member in members}
            else:
                why.setdefault(other.member.id, reason)
                still.append((other, members))
        best.release()
        waiting = still
    return StandIns(stays, {each: reason for each, reason in why.items() if stays[each] == each})


def _compared(best: File, other: File, compared: dict[int, int]) -> str | None:
    number = other.member.id
    if compared[number] == _MOST_COMPARISONS:
        return f"near, a copy of none of the {_MOST_COMPARISONS} that it was compared with"
    reason = why_no_copy(best, other)
    compared[number] += reason == NOT_A_COPY
    return reason
