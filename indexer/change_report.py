"""What a command changed in an index."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

    from indexer.changes import Changes


@dataclass(frozen=True, slots=True)
class ChangeReport:
    """Pictures by what became of them; `images` is how many the index has now."""

    images: int
    encoder: str
    added: int = 0
    changed: int = 0
    moved: int = 0
    removed: int = 0
    unchanged: int = 0
    embedded: int = 0
    """Contents that the encoder was asked for; all other vectors were known."""
    skipped: list[tuple[Path, str]] = field(default_factory=list)
    """Files that could not be read, and why."""
    kind: str | None = None
    """Of the segment that was written; None where none was."""
    recall: float | None = None
    """Recall@10 measured of it; None for an exact kind."""
    seconds: dict[str, float] = field(default_factory=dict)
    """By stage."""
    notes: list[str] = field(default_factory=list)
    """What else to know, a sentence each."""

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        plain = {name: getattr(self, name) for name in self.__slots__}
        return {**plain, "skipped": [{"path": str(path), "reason": reason} for path, reason in self.skipped]}


def counts(changes: Changes) -> dict[str, Any]:
    """The fields of a report that tell what became of pictures."""
    return {
        "added": len(changes.added),
        "changed": len(changes.changed),
        "moved": len(changes.moved),
        "removed": len(changes.removed),
        "unchanged": changes.unchanged,
        "skipped": [(each.path, each.reason) for each in changes.skipped],
    }
