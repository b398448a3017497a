"""Add pictures from any place to an index, as a new segment."""

from __future__ import annotations

import os
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from indexer.collection.build import first_encoder
from indexer.collection.sync import unreadable_reason
from indexer.collection.update import Update, check_device
from indexer.pipeline.excludes import Excludes
from indexer.pipeline.index_place import check_place
from indexer.pipeline.labelling import add_named, add_remembered, named_table
from indexer.pipeline.library import Library, known_roots
from indexer.pipeline.progress import Silent, Stages
from indexer.pipeline.scan import scan
from indexer.pipeline.survey import survey_files
from indexer.pipeline.writer import open_writer
from search.config import BuildConfig
from search.errors import DataError
from search.pictures.decode import PICTURE_SUFFIXES
from search.store.catalog import Catalog, has_catalog

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from indexer.pipeline.change_report import ChangeReport
    from indexer.pipeline.progress import Progress
    from indexer.pipeline.scan import FoundFile


def add(
    index: str | os.PathLike[str],
    pictures: Sequence[str | os.PathLike[str]],
    config: BuildConfig | None = None,
    *,
    progress: Progress | None = None,
) -> ChangeReport:
    """Add files and folders of pictures to an index, or read them again; other pictures are not changed.

    A content that was embedded before is not embedded again. A picture whose old file is gone counts as moved. A new
    index is made if there is none.

    A picture of the index keeps its label unless a CSV gives it another one. A new picture below a folder that `build`
    or `sync` followed is labelled as they would label it, otherwise relative to the folder given here. A file given
    here that is in no followed folder gets the longest end of its folder's path that is a label of the index, if any.

    Args:
        index: the index folder.
        pictures: files and folders.
        config: see `build`.
        progress: callback for progress updates.

    Raises:
        DataError: no path is given, or a path does not exist or holds no pictures.
        EncoderError: the encoder is unknown, or is not the one of the index.
        IndexFolderError: the index folder cannot be made, is a file, or holds other files and no index.
        IndexLockedError: another process is writing this index.
        DiskError: the disk failed, is full, or refused.
    """
    config = config or BuildConfig()
    folder = Path(index).absolute()
    stages = Stages(progress or Silent())
    check_device(config)
    check_place(folder)
    if not pictures:
        raise DataError("nothing to add: name at least one picture or folder")
    finder = PictureFinder(folder, config.exclude or ())
    with stages.stage("scan"):
        files, tops = finder.all_of(pictures)
    table = named_table(config.labels, [*_roots(folder), *_folders(tops.values())], {file.path for file in files})
    encoder = first_encoder(folder, config, stages)
    with open_writer(folder, create=True) as catalog:
        if table is None:
            paths = [file.path for file in files]
            labelling = add_remembered(catalog, config.labels, tops, known_roots(catalog), paths)
        else:
            labelling = add_named(catalog, table)
        update = Update(
            catalog, config, stages, labelling, encoder=encoder, unreadable=finder.unreadable, not_read=finder.not_read
        )
        return update.run(lambda: survey_files(catalog, files, labelling.label, rehash=config.rehash))


class PictureFinder:
    """Finds the pictures to add, under the paths that the index uses for their folders."""

    def __init__(self, index: Path, exclude: Sequence[str]) -> None:
        """Apply the stored patterns and, this time, also `exclude`."""
        self._index = index
        self._library = Library.of(index)
        self._exclude = (*self._library.exclude, *exclude)
        self.unreadable: list[tuple[Path, str]] = []
        self.not_read: Counter[str] = Counter()

    def all_of(self, pictures: Sequence[str | os.PathLike[str]]) -> tuple[list[FoundFile], dict[Path, Path]]:
        """The files, each once, sorted by path; and path -> the argument that it belongs to."""
        by_path: dict[Path, FoundFile] = {}
        tops: dict[Path, Path] = {}
        for each in pictures:
            top = self._library.indexed_path(each)
            if not top.exists():
                raise DataError(f"{top}: no such file or folder")
            files = scan(
                top,
                leave_out=self._index,
                excludes=Excludes(top, self._exclude),
                not_read=self.not_read,
                unreadable=lambda path, error: self.unreadable.append((path, unreadable_reason(error))),
            )
            if not files:
                raise DataError(f"{top}: no pictures there (known suffixes: {' '.join(sorted(PICTURE_SUFFIXES))})")
            for file in files:
                by_path.setdefault(file.path, file)
                tops.setdefault(file.path, top)
        return [by_path[path] for path in sorted(by_path, key=os.fsencode)], tops


def _roots(folder: Path) -> list[Path]:
    """Folders that an index follows; empty if there is no index yet."""
    if not has_catalog(folder):
        return []
    with closing(Catalog.read(folder)) as catalog:
        return known_roots(catalog)


def _folders(tops: Iterable[Path]) -> list[Path]:
    """The given folders, and the folders of the given files."""
    return list(dict.fromkeys(top.parent if top.is_file() else top for top in tops))
