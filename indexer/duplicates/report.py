"""Result of a search for duplicates: groups of copies, and how they were found."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
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
    """Euclidean distance to the group's representative, in [0, 2]."""
    width: int
    height: int
    bytes: int
    match: Match
    """`exact`: the file has the bytes of the representative; `near`: its vector is within the threshold."""
    content: str
    """Hash of the file's bytes: members with the same hash are exact copies of each other."""
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
    """Two or more pictures: the representative, then the others by distance to it, then by path."""

    members: tuple[Member, ...]

    @property
    def representative(self) -> Member:
        """The member that the distances of the others are measured from."""
        return self.members[0]

    @property
    def exact(self) -> bool:
        """Whether all members are files with the same bytes."""
        return all(member.match != "near" for member in self.members)


@dataclass(frozen=True, slots=True)
class RecallCheck:
    """Recall of an approximate search, measured by comparing a random sample of pictures with all others."""

    sampled: int
    """Number of pictures in the sample."""
    with_copy: int
    """Number of sampled pictures with a near copy."""
    found: int
    """Number of these that the approximate search found."""
    pairs: int = 0
    """Number of pairs of a sampled picture and another within the threshold."""
    pairs_found: int = 0
    """Number of these pairs that were found."""

    def to_dict(self) -> dict[str, int]:
        """Plain values, ready for JSON."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class DuplicateReport:
    """All groups of copies in an index, the largest first, then by the representative's path."""

    index: Path
    encoder: str
    pictures: int
    """Number of pictures compared, after the filter."""
    threshold: float | None
    """Euclidean distance up to which pictures are near copies; None for exact copies only."""
    source: Source | None
    """Where the threshold comes from."""
    exhaustive: bool
    """Whether every pair was compared; if not, candidates came from approximate search."""
    recall: RecallCheck | None
    """Recall of the approximate search; None for an exhaustive one."""
    groups: tuple[Group, ...]
    seconds: dict[str, float] = field(default_factory=dict)

    @property
    def members(self) -> int:
        """Number of pictures in groups."""
        return sum(len(group.members) for group in self.groups)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON, without the groups: see `indexer.duplicates.files`."""
        return {
            "index": str(self.index),
            "encoder": self.encoder,
            "pictures": self.pictures,
            "threshold": self.threshold,
            "threshold_source": self.source,
            "exhaustive": self.exhaustive,
            "recall_check": None if self.recall is None else self.recall.to_dict(),
            "group_count": len(self.groups),
            "member_count": self.members,
        }
