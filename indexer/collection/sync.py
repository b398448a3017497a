"""Bring an index up to date with a folder: what was added, changed, moved and removed there."""

from __future__ import annotations

import os
import time
from collections import Counter
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from indexer.collection.update import Update, check_device
from indexer.pipeline.comparing import STAYS
from indexer.pipeline.excludes import Excludes
from indexer.pipeline.labelling import follow_named, follow_own, follow_remembered, named_table
from indexer.pipeline.library import Library, known_roots
from indexer.pipeline.listing import Source, list_pictures
from indexer.pipeline.progress import Silent, Stages
from indexer.pipeline.survey import FolderSurvey, is_recently_changed, survey_folder
from indexer.pipeline.writer import open_writer
from search.config import BuildConfig
from search.errors import DataError
from search.pictures.decode import PICTURE_SUFFIXES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from indexer.labels import LabelTable
    from indexer.pipeline.change_report import ChangeReport
    from indexer.pipeline.progress import Progress
    from indexer.pipeline.scan import FoundFile
    from search.encoders.base import Encoder
    from search.store.catalog import Catalog


def sync(
    pictures: str | os.PathLike[str],
    index: str | os.PathLike[str],
    config: BuildConfig | None = None,
    *,
    progress: Progress | None = None,
    allow_empty: bool = False,
) -> ChangeReport:
    """Make an existing index contain exactly the pictures of a folder; pictures from other folders stay.

    Pictures of a folder that is missing, or holds none of its pictures, stay and are reported, unless
    `config.allow_missing` is set.

    Args:
        pictures: the folder.
        index: the index folder.
        config: how new pictures are embedded and indexed; the encoder is that of the index.
        progress: callback for progress updates.
        allow_empty: accept a folder without any picture, and remove all its pictures, instead of raising DataError.

    Raises:
        DataError: the folder does not exist, cannot be read, or holds no pictures, as if its disk is not mounted.
        EncoderError: the configured encoder is not that of the index.
        IndexFolderError: there is no index.
        IndexLockedError: another process is writing it.
    """
    config = config or BuildConfig()
    folder = Path(index).absolute()
    stages = Stages(progress or Silent())
    check_device(config)
    update = FolderUpdate.scan(pictures, folder, config, stages, allow_empty=allow_empty)
    with open_writer(folder) as catalog:
        return update.run(catalog)


@dataclass(slots=True)
class FolderUpdate:
    """A scanned folder, and how it updates an index."""

    root: Path
    files: list[FoundFile]
    table: LabelTable | None
    """The CSV of labels, if one is configured."""
    config: BuildConfig
    stages: Stages
    unreadable: list[tuple[Path, str]] = field(default_factory=list)
    recent: tuple[int, int] | None = None
    """See `FolderSurvey`."""
    excludes: Excludes | None = None
    not_read: Counter[str] = field(default_factory=Counter)
    source: Source | None = None
    """None for a plain folder."""
    encoder: Encoder | None = None
    """Set by `run`, if it was needed."""

    @classmethod
    def scan(
        cls,
        pictures: str | os.PathLike[str],
        index: Path,
        config: BuildConfig,
        stages: Stages,
        *,
        allow_empty: bool = False,
        settle: float = 0.0,
    ) -> FolderUpdate:
        """Scan a folder, leaving out the index; files changed less than `settle` seconds ago are left for later.

        The folder is scanned under the path that the index uses for it.

        Raises:
            DataError: the folder does not exist, cannot be read, or holds no pictures.
        """
        library = Library.of(index)
        source = Source.of(Path(pictures))
        root = library.indexed_path(pictures) if source is None else source.root
        patterns = library.exclude if config.exclude is None else config.exclude
        excludes = Excludes(root, patterns)
        unreadable: list[tuple[Path, str]] = []
        not_read: Counter[str] = Counter()
        with stages.stage("scan"):
            began = time.time_ns()
            files = list_pictures(
                root,
                source,
                leave_out=index,
                excludes=excludes,
                not_read=not_read,
                unreadable=lambda path, error: unreadable.append((path, unreadable_reason(error))),
            )
            # Up to the end of the scan, to include files that are written during it.
            recent = (began - int(settle * 1e9), time.time_ns()) if settle else None
        if not files and not allow_empty:
            raise DataError(_nothing_there(pictures, unreadable, patterns))
        if not files:
            config = replace(config, allow_missing=True)  # the caller accepts an empty folder
        top = root.parent if source is None and root.is_file() else root
        table = named_table(config.labels, [top], {file.path for file in files})
        return cls(root, files, table, config, stages, unreadable, recent, excludes, not_read, source)

    def run(self, catalog: Catalog, encoder: Encoder | None = None) -> ChangeReport:
        """Bring an index up to date; `encoder` is that of the index, if it is loaded already."""
        if self.source is not None and self.source.tars and self.config.labels is None:
            labelling = follow_own(catalog, self.root, self.source.label)
        elif self.config.labels is None:
            labelling = follow_remembered(catalog, self.root, {file.path for file in self.files}, known_roots(catalog))
        else:
            labelling = follow_named(catalog, self.root, self.config.labels, self.table)
        update = Update(
            catalog,
            self.config,
            self.stages,
            labelling,
            encoder=encoder,
            root=self.root,
            unreadable=self.unreadable,
            not_read=self.not_read,
            exclude=self.config.exclude,
        )
        how = FolderSurvey(
            self.root, self.excludes, [path for path, _ in self.unreadable], self.recent, self.config.rehash
        )
        report = update.run(lambda: survey_folder(catalog, self.files, labelling.label, how))
        self.encoder = update.encoder
        return report

    def has_recently_changed(self) -> bool:
        """Whether files were modified so recently that they may have been left for a later scan."""
        return any(is_recently_changed(file, self.recent) for file in self.files)


def unreadable_reason(error: OSError) -> str:
    """Why a file or folder could not be read, and what happens to its pictures."""
    return f"cannot be read ({error.strerror}){STAYS}"


def _nothing_there(pictures: str | os.PathLike[str], unreadable: list[tuple[Path, str]], exclude: Sequence[str]) -> str:
    message = f"{os.fsdecode(pictures)}: no pictures below this folder"
    if unreadable:
        path, reason = unreadable[0]
        return f"{message} that can be read. {path}: {reason}. Check its permissions"
    if any(exclude):
        message += (
            f" that the patterns of --exclude do not match: {' '.join(map(repr, exclude))}. Check them, and the folder"
        )
    return f"{message} (known suffixes: {' '.join(sorted(PICTURE_SUFFIXES))})"
