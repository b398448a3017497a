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
    from search.tuned import Tuning

NAMED = 1_000
"""Most paths of each sort that a report lists; all of them are counted."""
MANY_SEGMENTS = 32
"""Number of segments from which a report advises a rebuild."""


@dataclass(frozen=True, slots=True)
class MissingFolder:
    """A folder whose pictures stay in the index although none of their files exists."""

    folder: Path
    pictures: int
    reason: str

    @classmethod
    def of(cls, folder: Path, pictures: int) -> MissingFolder:
        """Check the folder for the reason."""
        if folder.is_symlink():
            reason = "is a link now, which a scan does not follow"
        elif not folder.is_dir():
            reason = "is missing"
        else:
            reason = "holds none of its pictures"
        return cls(folder, pictures, reason)


@dataclass(slots=True)
class ChangeReport:
    """What a command did; `seconds` by stage, `skipped` as (path, reason)."""

    images: int
    """Pictures in the index now."""
    encoder: str
    added: int = 0
    changed: int = 0
    moved: int = 0
    removed: int = 0
    relabelled: int = 0
    """Pictures of which only the label changed."""
    unchanged: int = 0
    read_again: int = 0
    """How many of the unchanged files were read again, because their time or inode had changed."""
    returned: int = 0
    """How many of the added pictures got back the metadata or label of a removed picture of the same content."""
    excluded: int = 0
    """How many of the removed pictures are now excluded by a pattern."""
    embedded: int = 0
    """Contents that the encoder embedded; all other vectors were stored already."""
    skipped: list[tuple[Path, str]] = field(default_factory=list)
    """Files and folders that could not be read, with the reason; pictures in such folders stay in the index."""
    noted: list[tuple[Path, str]] = field(default_factory=list)
    """Files that were read although something is wrong with them, with the problem."""
    missing: list[MissingFolder] = field(default_factory=list)
    """Missing or empty folders whose pictures stay in the index."""
    not_read: dict[str, int] = field(default_factory=dict)
    """Suffix -> files of a kind that is not read; "" for files without a suffix."""
    kind: str | None = None
    """Kind of the new segment; None if none was needed."""
    recall: float | None = None
    """Recall measured for the new segment; None for an exact kind."""
    tuning: Tuning | None = None
    """How its structure was chosen and tuned, and what was measured of it."""
    segments: int = 0
    """Segments in the index now."""
    seconds: dict[str, float] = field(default_factory=dict)
    paths: dict[str, list[Path]] = field(default_factory=dict)
    """`added`, `changed`, `moved` (where to), `relabelled` and `removed` -> the first 1,000 paths of them."""
    notes: list[str] = field(default_factory=list)
    """Further notes, one sentence each."""
    dry_run: bool = False
    """Whether nothing was changed: the report lists what would be."""

    @classmethod
    def of_rebuild(cls, catalog: Catalog, segment: SegmentRecord | None, seconds: dict[str, float]) -> ChangeReport:
        """Report a rebuild; `segment` replaced all others, and is None if no pictures are left."""
        report = cls(
            images=catalog.pictures.count(),
            encoder=catalog.settings()["encoder"],
            segments=len(catalog.segments.records()),
            seconds=seconds,
        )
        report.describe(segment)
        return report

    def describe(self, segment: SegmentRecord | None) -> None:
        """Report the structure of a new segment, if there is one."""
        if segment is not None:
            self.kind, self.recall, self.tuning = segment.kind, segment.recall, segment.tuning

    @property
    def kept(self) -> int:
        """Pictures of missing folders, which stay in the index."""
        return sum(each.pictures for each in self.missing)

    def list_paths(self, sort: str, paths: list[Path], *, count: int | None = None) -> None:
        """Set the count of a sort of change and list its first paths; `count` defaults to the number of `paths`."""
        setattr(self, sort, len(paths) if count is None else count)
        if paths:
            self.paths[sort] = paths[:NAMED]

    def advise(self) -> None:
        """Note that a rebuild would make searching faster, if the index has many segments."""
        if self.segments >= MANY_SEGMENTS:
            self.notes.append(
                f"{self.segments} segments are searched one after the other: twinlens rebuild merges them into one"
            )

    def advise_reembedding(self, settings: Mapping[str, Any], folder: Path) -> None:
        """Note that pictures were decoded by an earlier version, if they were."""
        if self.images and is_outdated(settings):
            self.notes.append(
                "an earlier version decoded the pictures differently (docs/pictures.md, Versions): twinlens "
                f"rebuild --index {folder} --encoder {folder / str(settings['encoder_folder'])} embeds them again"
            )

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        plain: dict[str, Any] = {name: getattr(self, name) for name in self.__slots__}
        plain["tuning"] = None if self.tuning is None else self.tuning.to_dict()
        skipped = [{"path": str(path), "reason": reason} for path, reason in self.skipped]
        paths = {sort: list(map(str, named)) for sort, named in self.paths.items()}
        noted = [{"path": str(path), "note": note} for path, note in self.noted]
        missing = [{**asdict(each), "folder": str(each.folder)} for each in self.missing]
        return {**plain, "skipped": skipped, "noted": noted, "paths": paths, "missing": missing, "kept": self.kept}
