"""What was found: groups of copies, and how they were looked for."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from search.filters.columns import json_value

if TYPE_CHECKING:
    from pathlib import Path

    from search.filters.columns import MetadataValue
    from search.query.copy_threshold import Source

Match = Literal["representative", "exact", "near"]


@dataclass(frozen=True, slots=True)
class Member:
    """One picture of a group."""

    id: int
    path: Path
    label: str | None
    distance: float
    """To the group's representative: Euclidean, in [0, 2]."""
    width: int
    height: int
    bytes: int
    match: Match
    """`exact`: the file has the bytes of the representative; `near`: it looks like it."""
    content: str
    """Hash of the file's bytes: members of one hash are exact copies of each other."""
    mtime_ns: int
    metadata: dict[str, MetadataValue] = field(default_factory=dict, hash=False)
    """Column -> value, without the columns in which this picture has none."""

    @property
    def pixels(self) -> int:
        """Width times height."""
        return self.width * self.height

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return {
            "id": self.id,
            "path": str(self.path),
            "label": self.label,
            "distance": self.distance,
            "width": self.width,
            "height": self.height,
            "bytes": self.bytes,
            "match": self.match,
            "content": self.content,
            "metadata": {name: json_value(value) for name, value in self.metadata.items()},
        }


@dataclass(frozen=True, slots=True)
class Group:
    """Two pictures or more; the representative first, then by distance to it, then by path."""

    members: tuple[Member, ...]

    @property
    def representative(self) -> Member:
        """The member that all others are measured from."""
        return self.members[0]

    @property
    def exact(self) -> bool:
        """Whether all members are files of the same bytes."""
        return all(member.match != "near" for member in self.members)


@dataclass(frozen=True, slots=True)
class RecallCheck:
    """How well an approximate search did: some pictures, drawn at random, were compared with all others."""

    sampled: int
    with_copy: int
    """Of those, pictures that have a near copy."""
    found: int
    """Of those, pictures that the search had found to have one."""


@dataclass(frozen=True, slots=True)
class DuplicateReport:
    """All groups of copies of an index: the largest first, then by the representative's path."""

    index: Path
    encoder: str
    pictures: int
    """That were compared: those that the filter left."""
    threshold: float | None
    """Euclidean distance up to which pictures are near copies; None where only exact copies were looked for."""
    source: Source | None
    """Who chose the threshold."""
    exhaustive: bool
    """Whether every pair was compared; otherwise an approximate structure proposed who may have a copy."""
    recall: RecallCheck | None
    """Of an approximate search."""
    groups: tuple[Group, ...]
    seconds: dict[str, float] = field(default_factory=dict)

    @property
    def members(self) -> int:
        """Pictures in groups."""
        return sum(len(group.members) for group in self.groups)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON; the groups are not among them: see `indexer.duplicates.files`."""
        return {
            "index": str(self.index),
            "encoder": self.encoder,
            "pictures": self.pictures,
            "threshold": self.threshold,
            "threshold_source": self.source,
            "exhaustive": self.exhaustive,
            "recall_check": None
            if self.recall is None
            else {"sampled": self.recall.sampled, "with_copy": self.recall.with_copy, "found": self.recall.found},
            "group_count": len(self.groups),
            "member_count": self.members,
        }
