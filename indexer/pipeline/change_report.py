"""What a command changed in an index: one report for build, add, remove, sync and rebuild."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from search.pictures.decoder_revision import is_outdated

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from search.store.catalog import Catalog
    from search.store.records import SegmentRecord

NAMED = 1_000
"""Paths of each sort that a report names; it counts them all."""
MANY_SEGMENTS = 32
"""Segments from which a report says that a rebuild would make searching faster."""


@dataclass(frozen=True, slots=True)
class MissingFolder:
    """A folder whose pictures stay in the index though none of them is there."""

    folder: Path
    pictures: int
    reason: str

    @classmethod
    def of(cls, folder: Path, pictures: int) -> MissingFolder:
        """Look at the folder to say why."""
        if folder.is_symlink():
            reason = "is a link now, which a scan does not follow"
        elif not folder.is_dir():
            reason = "is missing"
        else:
            reason = "holds none of its pictures"
        return cls(folder, pictures, reason)


@dataclass(slots=True)
class ChangeReport:
    """What was done; `seconds` by stage, `skipped` as (path, reason)."""

    images: int
    """Pictures in the index now."""
    encoder: str
    added: int = 0
    changed: int = 0
    moved: int = 0
    removed: int = 0
    relabelled: int = 0
    """Pictures that only have another label than before."""
    unchanged: int = 0
    read_again: int = 0
    """How many of the unchanged were read to know it: their time or inode had changed."""
    returned: int = 0
    """How many of the added got back what a removed picture of the same content had."""
    excluded: int = 0
    """How many of the removed are left out now by a pattern."""
    embedded: int = 0
    """Contents that the encoder was asked for; all other vectors were known."""
    skipped: list[tuple[Path, str]] = field(default_factory=list)
    """Files that could not be read, and folders that could not be looked into, whose pictures stay; and why."""
    noted: list[tuple[Path, str]] = field(default_factory=list)
    """Files that were read although something is wrong with them, and what."""
    missing: list[MissingFolder] = field(default_factory=list)
    """Folders that are missing or empty, and whose pictures stay."""
    not_read: dict[str, int] = field(default_factory=dict)
    """Suffix -> files of a kind that is not read; "" for files without a suffix."""
    kind: str | None = None
    """Of the new segment; None where none was needed."""
    recall: float | None = None
    """Measured of the new segment; None for an exact one."""
    segments: int = 0
    """Segments in the index now."""
    seconds: dict[str, float] = field(default_factory=dict)
    paths: dict[str, list[Path]] = field(default_factory=dict)
    """`added`, `changed`, `moved` (where to), `relabelled` and `removed` -> the first 1,000 paths of them."""
    notes: list[str] = field(default_factory=list)
    """What else there is to know, a sentence each."""
    dry_run: bool = False
    """Nothing was changed: the report says what would have been."""

    @classmethod
    def of_rebuild(cls, catalog: Catalog, segment: SegmentRecord | None, seconds: dict[str, float]) -> ChangeReport:
        """What is to be said of every rebuild; `segment` is the one that took the place of all others."""
        report = cls(
            images=catalog.count(),
            encoder=catalog.settings()["encoder"],
            segments=len(catalog.segments()),
            seconds=seconds,
        )
        if segment is not None:
            report.kind, report.recall = segment.kind, segment.recall
        return report

    @property
    def kept(self) -> int:
        """Pictures of missing folders, which stay."""
        return sum(each.pictures for each in self.missing)

    def name(self, sort: str, paths: list[Path], *, count: int | None = None) -> None:
        """Count the paths of a sort, which may be the first of more, and name the first of them."""
        setattr(self, sort, len(paths) if count is None else count)
        if paths:
            self.paths[sort] = paths[:NAMED]

    def advise(self) -> None:
        """Note what makes searching faster, where the index has become slow."""
        if self.segments >= MANY_SEGMENTS:
            self.notes.append(
                f"{self.segments} segments are searched one after the other: twinlens rebuild makes them one"
            )

    def advise_reembedding(self, settings: Mapping[str, Any], folder: Path) -> None:
        """Note that pictures of an index were decoded by an earlier version, where that is so."""
        if self.images and is_outdated(settings):
            self.notes.append(
                "pictures indexed by an earlier version were decoded otherwise (docs/pictures.md, Versions): twinlens "
                f"rebuild --index {folder} --encoder {folder / str(settings['encoder_folder'])} embeds them again"
            )

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        plain: dict[str, Any] = {name: getattr(self, name) for name in self.__slots__}
        skipped = [{"path": str(path), "reason": reason} for path, reason in self.skipped]
        paths = {sort: list(map(str, named)) for sort, named in self.paths.items()}
        noted = [{"path": str(path), "note": note} for path, note in self.noted]
        missing = [{**asdict(each), "folder": str(each.folder)} for each in self.missing]
        return {**plain, "skipped": skipped, "noted": noted, "paths": paths, "missing": missing, "kept": self.kept}
