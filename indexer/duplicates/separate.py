"""Split groups whose pictures only look similar, such as pages of text with similar embeddings but other words.

Every file of a group is decoded. Files that share no detail with the group's representative leave it, and form groups
of their own, each around the best of them. Unreadable files stay in the group of their vectors.
"""

from __future__ import annotations

from collections import defaultdict
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from indexer.duplicates.report import Group, Member
from search.chunks import chunks
from search.comparison.file_sketches import FileSketch, sketch_file
from search.config import BuildConfig
from search.distance import distances, within

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from search.types import Floats

_AT_ONCE = 64
_MOST_LOOKED_INTO = 8
"""Number of nearest groups that a picture is compared with."""
_MOST_HEADS = 2_000
"""Largest number of groups that one group is split into: each has a sketch of up to 128 kB in memory."""


@dataclass(slots=True)
class _Head:
    """A new group and the picture that represents it."""

    first: Member
    sketch: FileSketch | None
    members: list[Member]


def separate(
    group: Group, threshold: float, vectors_of: Callable[[Sequence[int]], Floats], pool: Executor
) -> list[Group]:
    """Split a group by the content of its pictures.

    Args:
        group: the group, with its representative first.
        threshold: largest Euclidean distance between a member and the representative.
        vectors_of: function that returns the stored vectors `(N, D)` of pictures by id.
        pool: reads and sketches the files, see `sketching`.

    Returns:
        Groups of two or more members of the group. The first has the same representative, if it still has others.
    """
    if group.exact:
        return [group]
    of_content: dict[str, list[Member]] = defaultdict(list)
    for member in group.members:
        of_content[member.content or f"id {member.id}"].append(member)
    heads = _Heads(threshold, vectors_of)
    for members, sketch in _sketches(list(of_content.values()), pool):
        heads.add(members, sketch)
    return heads.groups() if len(heads.all) > 1 else [group]


class _Heads:
    """The groups that form while a group is split."""

    def __init__(self, threshold: float, vectors_of: Callable[[Sequence[int]], Floats]) -> None:
        self.all: list[_Head] = []
        self._threshold, self._vectors_of = threshold, vectors_of
        self._vectors: Floats | None = None
        """`(_MOST_HEADS, D)`, vectors of all heads but the first; None while there is only one."""

    def add(self, members: list[Member], sketch: FileSketch | None) -> None:
        """Add files with the same bytes to the group that shares their content, or start a new group."""
        if not self.all:
            self.all.append(_Head(members[0], sketch, members))
            return
        first = self.all[0]
        if sketch is None or first.sketch is None or sketch.may_show_same(first.sketch):
            first.members += members
            return
        vector = self._vectors_of([members[0].id])[0]
        for number, distance in self._nearest(vector):
            head = self.all[number]
            if head.sketch is not None and sketch.may_show_same(head.sketch):
                head.members += [replace(member, distance=distance) for member in members]
                return
        if len(self.all) < _MOST_HEADS:
            if self._vectors is None:
                self._vectors = np.zeros((_MOST_HEADS, len(vector)), dtype=np.float32)
            self._vectors[len(self.all)] = vector
            self.all.append(_Head(members[0], sketch, members))
        elif len(members) > 1:
            self.all.append(_Head(members[0], None, members))

    def groups(self) -> list[Group]:
        """The groups with two or more members."""
        return [_group(head) for head in self.all if len(head.members) > 1]

    def _nearest(self, vector: Floats) -> list[tuple[int, float]]:
        """Numbers and distances of the nearest heads within the threshold, except the first head."""
        if self._vectors is None:
            return []
        apart = distances(self._vectors[1 : min(len(self.all), _MOST_HEADS)], vector)
        nearest = np.argsort(apart, kind="stable")[:_MOST_LOOKED_INTO]
        nearest = nearest[within(apart[nearest], self._threshold)]
        return list(zip((nearest + 1).tolist(), apart[nearest].tolist(), strict=True))


def _group(head: _Head) -> Group:
    """The group of a head, with matches and distances relative to its representative."""
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


def sketching() -> Executor:
    """Threads for `separate`, which all groups share."""
    return ThreadPoolExecutor(min(4, BuildConfig.workers), thread_name_prefix="sketch")


def _sketches(sets: Sequence[list[Member]], pool: Executor) -> Iterator[tuple[list[Member], FileSketch | None]]:
    """Sketch the first file of each set, in order, with a bounded number in memory."""
    for some in chunks(sets, _AT_ONCE):
        yield from zip(some, pool.map(sketch_file, [members[0].path for members in some]), strict=True)
