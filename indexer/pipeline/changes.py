"""What a command changes in an index: pictures that need a new row, move, get a new record, or are removed."""

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
    """Pictures that need a new row, that only need a new record (`moved`, `updated`), and that are removed.

    An added picture has the id 0 until the catalog gives it one; a changed picture keeps the id of its path.
    """

    added: list[PictureRecord] = field(default_factory=list)
    changed: list[PictureRecord] = field(default_factory=list)
    replaced: list[PictureRecord] = field(default_factory=list)
    """The old records of `changed`: their rows get tombstones."""
    moved: list[PictureRecord] = field(default_factory=list)
    crossed: list[PictureRecord] = field(default_factory=list)
    """The old records of those of `moved` whose old path another picture takes."""
    updated: list[PictureRecord] = field(default_factory=list)
    relabelled: list[Path] = field(default_factory=list)
    """Those of `updated` whose label changed."""
    unlabelled: int = 0
    """How many of the relabelled pictures have no label now."""
    removed: list[PictureRecord] = field(default_factory=list)
    broken: list[PictureRecord] = field(default_factory=list)
    """Those of `removed` whose file exists and cannot be read as a picture."""
    excluded: int = 0
    """How many of `removed` are now excluded by a pattern."""
    kept: list[tuple[PictureRecord, Path]] = field(default_factory=list)
    """Pictures that stay although their folder is missing, with that folder: see `indexer.pipeline.missing`."""
    left_behind: list[PictureRecord] = field(default_factory=list)
    """The old records of those of `moved` whose old folder may be on an unmounted disk, with the picture in it."""
    noted: list[PictureRecord] = field(default_factory=list)
    """Unchanged pictures whose inode is stored for the first time."""
    skipped: list[SkippedRecord] = field(default_factory=list)
    unchanged: int = 0
    read_again: int = 0
    """How many of `unchanged` were read again."""
    elsewhere: int = 0
    """Files that the index holds under another path to the same folder."""
    returned: int = 0
    """How many of `added` got back the metadata or label of a removed picture of the same content; set by `commit`."""
    exif: dict[str, PictureExif] = field(default_factory=dict)
    """Content hash -> EXIF, for the files that were read and have any."""

    def __bool__(self) -> bool:
        return any((self.added, self.changed, self.moved, self.updated, self.removed))

    def count_relabelled(self, record: PictureRecord, before: str | None) -> None:
        """Count a picture whose record is updated as relabelled, if its label changed."""
        if record.label != before:
            self.relabelled.append(record.path)
            self.unlabelled += record.label is None

    def label_kept(self, label: Labeller) -> None:
        """Relabel the pictures of missing folders too."""
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
