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
from indexer.pipeline.labelling import follow_named, follow_remembered, named_table
from indexer.pipeline.library import Library, known_roots
from indexer.pipeline.progress import Silent, Stages
from indexer.pipeline.scan import scan
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
    """Make an index that is there show exactly what a folder of pictures holds; pictures from elsewhere stay.

    What was in a folder that is now missing, or holds none of its pictures, stays and is reported, unless
    `config.allow_missing` says that it is gone.

    Args:
        pictures: the folder.
        index: the index folder.
        config: how what is new is embedded and indexed; the encoder is that of the index.
        progress: who is told.
        allow_empty: take a folder without any picture as it is, instead of refusing it: all its pictures are removed.

    Raises:
        DataError: no pictures there: an unmounted disk does not empty an index.
        EncoderError: another encoder than the index's was asked for.
        IndexFolderError: no index there.
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
    """A folder that was scanned, on its way into an index."""

    root: Path
    found: list[FoundFile]
    table: LabelTable | None
    """The CSV that was named as the source of labels."""
    config: BuildConfig
    stages: Stages
    unseen: list[tuple[Path, str]] = field(default_factory=list)
    recent: tuple[int, int] | None = None
    """See `FolderSurvey`."""
    excludes: Excludes | None = None
    not_read: Counter[str] = field(default_factory=Counter)
    encoder: Encoder | None = None
    """After `run`, if it was needed."""

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

        The folder is scanned by the path by which the index knows it.

        Raises:
            DataError: no pictures there.
        """
        library = Library.of(index)
        root = library.spelled(pictures)
        patterns = library.exclude if config.exclude is None else config.exclude
        excludes = Excludes(root, patterns)
        unseen: list[tuple[Path, str]] = []
        not_read: Counter[str] = Counter()
        with stages.stage("scan"):
            began = time.time_ns()
            found = scan(
                root,
                leave_out=index,
                excludes=excludes,
                not_read=not_read,
                unreadable=lambda path, error: unseen.append((path, unseen_reason(error))),
            )
            # To the end of the scan: what is written while it runs is not dated ahead of the clock.
            recent = (began - int(settle * 1e9), time.time_ns()) if settle else None
        if not found and not allow_empty:
            raise DataError(_nothing_there(pictures, unseen, patterns))
        if not found:
            config = replace(config, allow_missing=True)  # nothing is there, and that was said to be right
        top = root.parent if root.is_file() else root
        table = named_table(config.labels, [top], {file.path for file in found})
        return cls(root, found, table, config, stages, unseen, recent, excludes, not_read)

    def run(self, catalog: Catalog, encoder: Encoder | None = None) -> ChangeReport:
        """Bring an index up to date; `encoder` is the loaded one, if it was loaded."""
        if self.config.labels is None:
            labelling = follow_remembered(catalog, self.root, {file.path for file in self.found}, known_roots(catalog))
        else:
            labelling = follow_named(catalog, self.root, self.config.labels, self.table)
        update = Update(
            catalog,
            self.config,
            self.stages,
            labelling,
            encoder=encoder,
            root=self.root,
            unseen=self.unseen,
            not_read=self.not_read,
            exclude=self.config.exclude,
        )
        how = FolderSurvey(self.root, self.excludes, [path for path, _ in self.unseen], self.recent, self.config.rehash)
        report = update.run(lambda: survey_folder(catalog, self.found, labelling.label, how))
        self.encoder = update.encoder
        return report

    def has_recently_changed(self) -> bool:
        """Whether files were changed so lately that they may have been left for later."""
        return any(is_recently_changed(file, self.recent) for file in self.found)


def unseen_reason(error: OSError) -> str:
    """Why something could not be looked into, and what becomes of it."""
    return f"cannot be looked into ({error.strerror}){STAYS}"


def _nothing_there(pictures: str | os.PathLike[str], unseen: list[tuple[Path, str]], exclude: Sequence[str]) -> str:
    told = f"{os.fsdecode(pictures)}: no pictures below this folder"
    if unseen:
        path, reason = unseen[0]
        return f"{told} that can be seen. {path}: {reason}. Check its permissions"
    if any(exclude):
        told += f" that the patterns of --exclude leave in: {' '.join(map(repr, exclude))}. Check them, and the folder"
    return f"{told} (known suffixes: {' '.join(sorted(PICTURE_SUFFIXES))})"
