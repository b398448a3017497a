"""Add pictures to an index, wherever they lie: a new segment, searched at once."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from indexer.build import first_encoder
from indexer.index_encoder import choose_encoder
from indexer.progress import Silent, Stages
from indexer.scan import labeller, scan
from indexer.update import update
from indexer.writer import open_writer
from search.catalog import has_catalog
from search.config import BuildConfig
from search.errors import DataError
from search.images import PICTURE_SUFFIXES

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from indexer.change_report import ChangeReport
    from indexer.progress import Progress
    from indexer.scan import FoundFile
    from search.catalog import Catalog
    from search.records import PictureRecord


def add(index: str | os.PathLike[str], pictures: Sequence[str | os.PathLike[str]], config: BuildConfig | None = None, *,
        progress: Progress | None = None) -> ChangeReport:  # fmt: skip
    """Add files and folders of pictures to an index, or look at them again; nothing is removed.

    A picture whose content the index ever saw is not embedded again. One that is gone from the place where the index
    knew it has moved. An index that is not there yet is made.

    Labels: below a folder as `build` gives them. A file that is named itself has the name of its folder for a label
    where the index has such a label, else none. A known picture keeps its label unless it gets another one.

    Args:
        index: the index folder.
        pictures: files and folders.
        config: as of `build`.
        progress: who is told.

    Raises:
        DataError: no such file or folder, or no pictures there.
        EncoderError: the encoder is unknown, or is not the one of the index.
        IndexFolderError: the index folder cannot be made, or is a file.
        IndexLockedError: another process is writing this index.
        DiskError: the disk failed, is full, or refused.
    """
    config = config or BuildConfig()
    folder, stages = Path(index).absolute(), Stages(progress or Silent())
    roots = [Path(os.path.normpath(Path(each).absolute())) for each in pictures]
    with stages.stage("scan"):
        found = _scan_all(roots, folder)
    if not found:
        raise DataError(
            f"{', '.join(map(str, pictures)) or 'nothing named'}: no pictures there (known suffixes: "
            f"{' '.join(sorted(PICTURE_SUFFIXES))})"
        )
    new = first_encoder(folder, config, stages)
    with open_writer(folder, create=not has_catalog(folder)) as catalog:
        with stages.stage("load encoder"):
            encoder = choose_encoder(catalog, config, new)
        before = catalog.pictures_at_paths([str(file.path) for file in found])
        label = _labeller(catalog, roots, before, config.labels)
        return update(catalog, encoder, found, before, None, label, config, stages)


def _scan_all(roots: Sequence[Path], index: Path) -> list[FoundFile]:
    """Files below all roots, each once, by path."""
    files: dict[Path, FoundFile] = {}
    for root in roots:
        if not root.exists():
            raise DataError(f"{root}: no such file or folder")
        files.update((file.path, file) for file in scan(root, leave_out=index))
    return sorted(files.values(), key=lambda file: os.fsencode(file.path))


def _labeller(catalog: Catalog, roots: Sequence[Path], before: Sequence[PictureRecord],
              labels: str) -> Callable[[Path], str | None]:  # fmt: skip
    """The label of a path by the deepest of the roots that it lies below."""
    known = {record.path: record.label for record in before}
    in_use = catalog.label_counts()
    rules = {root: labeller(labels, root) for root in roots}

    def label(path: Path) -> str | None:
        root = next(place for place in (path, *path.parents) if place in rules)
        found = rules[root](path)
        if found is None and labels == "folder" and root == path and path.parent.name in in_use:
            found = path.parent.name
        return known.get(path) if found is None else found

    return label
