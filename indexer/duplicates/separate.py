"""Groups without those that only seem alike: pages of print, whose embeddings lie near whatever is printed on them.

Every file of a group is looked at. Those that share no detail with the group's representative leave it, and form
groups among themselves, each around the best of them; files that cannot be read stay where their vectors put them.
"""

from __future__ import annotations

from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from indexer.duplicates.report import Group, Member
from search.chunks import chunks
from search.comparison.looks import Look, look_at
from search.config import BuildConfig
from search.distance import distances, within

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray

    from search.types import Floats

_AT_ONCE = 64
_MOST_LOOKED_INTO = 8
"""Groups, the nearest ones, in which a picture is looked for."""
_MOST_HEADS = 2_000
"""Groups that may form out of one: each has a sketch of up to 128 kB in memory."""


@dataclass(slots=True)
class _Head:
    """What a group forms around."""

    first: Member
    look: Look | None
    members: list[Member]


def separate(group: Group, threshold: float, vectors_of: Callable[[Sequence[int]], Floats]) -> list[Group]:
    """Take a group apart; the first of those given back has the same representative, if it still has others.

    Args:
        group: members, the representative first.
        threshold: Euclidean distance within which members lie of the representative.
        vectors_of: stored vectors `(N, D)` of pictures by id.

    Returns:
        Groups of two or more. None has a member that was not in the group.
    """
    if group.exact:
        return [group]
    of_content: dict[str, list[Member]] = defaultdict(list)
    for member in group.members:
        of_content[member.content or f"id {member.id}"].append(member)
    heads = _Heads(threshold, vectors_of)
    for members, look in _looks(list(of_content.values())):
        heads.add(members, look)
    return heads.groups() if len(heads.all) > 1 else [group]


class _Heads:
    """Groups as they form."""

    def __init__(self, threshold: float, vectors_of: Callable[[Sequence[int]], Floats]) -> None:
        self.all: list[_Head] = []
        self._threshold, self._vectors_of = threshold, vectors_of
        self._vectors: Floats | None = None
        """`(_MOST_HEADS, D)`, of those but the first; only where there are more."""

    def add(self, members: list[Member], look: Look | None) -> None:
        """Put files of the same bytes to the group that they belong to, else let one form around them."""
        if not self.all:
            self.all.append(_Head(members[0], look, members))
            return
        first = self.all[0]
        if look is None or first.look is None or look.may_show(first.look):
            first.members += members
            return
        vector = self._vectors_of([members[0].id])[0]
        near, apart = self._near(vector)
        for place, distance in zip(near.tolist(), apart.tolist(), strict=True):
            head = self.all[place]
            if head.look is not None and look.may_show(head.look):
                head.members += [replace(member, distance=distance) for member in members]
                return
        if len(self.all) < _MOST_HEADS:
            if self._vectors is None:
                self._vectors = np.zeros((_MOST_HEADS, len(vector)), dtype=np.float32)
            self._vectors[len(self.all)] = vector
            self.all.append(_Head(members[0], look, members))
        elif len(members) > 1:
            self.all.append(_Head(members[0], None, members))

    def groups(self) -> list[Group]:
        """Those of two or more."""
        return [_group(head) for head in self.all if len(head.members) > 1]

    def _near(self, vector: Floats) -> tuple[NDArray[np.int64], Floats]:
        """Places of the nearest heads but the first, and how far they are."""
        if self._vectors is None:
            return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.float32)
        apart = distances(self._vectors[1 : min(len(self.all), _MOST_HEADS)], vector)
        nearest = np.argsort(apart, kind="stable")[:_MOST_LOOKED_INTO]
        nearest = nearest[within(apart[nearest], self._threshold)]
        return nearest + 1, apart[nearest]


def _group(head: _Head) -> Group:
    """A group of its own; where the representative is another than before, matches and distances are those to it."""
    members = []
    for member in head.members:
        if member.id == head.first.id:
            members.append(replace(member, match="representative", distance=0.0))
        elif member.content and member.content == head.first.content:
            members.append(replace(member, match="exact", distance=0.0))
        else:
            members.append(replace(member, match="near"))
    rank = {"representative": 0, "exact": 1, "near": 2}
    return Group(tuple(sorted(members, key=lambda m: (m.distance, rank[m.match], str(m.path)))))


def _looks(sets: Sequence[list[Member]]) -> Iterator[tuple[list[Member], Look | None]]:
    """Look at the first of each, in order; few looks are held at a time."""
    with ThreadPoolExecutor(min(4, BuildConfig.workers), thread_name_prefix="look") as pool:
        for some in chunks(sets, _AT_ONCE):
            yield from zip(some, pool.map(look_at, [members[0].path for members in some]), strict=True)
