"""What a command changes in an index: which pictures need a row, move, get another record, or go."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from search.store.records import PictureRecord, SkippedRecord

if TYPE_CHECKING:
    from pathlib import Path

    from indexer.pipeline.labelling import Labeller
    from search.pictures.exif import PictureExif


@dataclass(slots=True)
class Changes:
    """Pictures that need a row, that only need their record rewritten (`moved`, `updated`), and that are gone.

    An added picture has the id 0 until the catalog gives it one; a changed picture keeps the id of its path.
    """

    added: list[PictureRecord] = field(default_factory=list)
    changed: list[PictureRecord] = field(default_factory=list)
    replaced: list[PictureRecord] = field(default_factory=list)
    """The old records of `changed`: their rows are buried."""
    moved: list[PictureRecord] = field(default_factory=list)
    crossed: list[PictureRecord] = field(default_factory=list)
    """The old records of those of `moved` to whose path another picture comes."""
    updated: list[PictureRecord] = field(default_factory=list)
    relabelled: list[Path] = field(default_factory=list)
    """Those of `updated` that have another label than before."""
    unlabelled: int = 0
    """How many of the relabelled have none any more."""
    removed: list[PictureRecord] = field(default_factory=list)
    broken: list[PictureRecord] = field(default_factory=list)
    """Those of `removed` whose file is there and cannot be read as a picture."""
    excluded: int = 0
    """How many of `removed` are left out now."""
    kept: list[tuple[PictureRecord, Path]] = field(default_factory=list)
    """Pictures that stay although their whole folder is gone, and that folder: see `indexer.pipeline.missing`."""
    left_behind: list[PictureRecord] = field(default_factory=list)
    """The old records of those of `moved` whose folder may be on a disk that comes back, with the picture in it."""
    noted: list[PictureRecord] = field(default_factory=list)
    """Unchanged pictures of which the inode is noted now."""
    skipped: list[SkippedRecord] = field(default_factory=list)
    unchanged: int = 0
    read_again: int = 0
    """How many of `unchanged` were read to know it."""
    elsewhere: int = 0
    """Files that are in the index by another path to their folder."""
    returned: int = 0
    """How many of `added` got back what a removed picture of the same content had; known after the commit."""
    exif: dict[str, PictureExif] = field(default_factory=dict)
    """Content hash -> what the EXIF says, of the files looked at whose EXIF says anything."""

    def __bool__(self) -> bool:
        return any((self.added, self.changed, self.moved, self.updated, self.removed))

    def count_relabelled(self, record: PictureRecord, before: str | None) -> None:
        """Count a picture whose record is updated as relabelled, if it is."""
        if record.label != before:
            self.relabelled.append(record.path)
            self.unlabelled += record.label is None

    def label_kept(self, label: Labeller) -> None:
        """Relabel pictures of missing folders, too."""
        for record, _ in self.kept:
            own = label(record.path, record)
            if own != record.label:
                self.updated.append(replace(record, label=own))
                self.count_relabelled(self.updated[-1], record.label)

    @property
    def need_rows(self) -> list[PictureRecord]:
        """The pictures that need a row, in the order of their rows: changed ones first, then added ones.

        Rows of a segment then ascend with the ids of their pictures, so that ties by row are ties by id.
        """
        return sorted(self.changed, key=lambda picture: picture.id) + self.added
