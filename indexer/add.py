"""Add pictures to an index that is there, and leave everything else in it alone."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from indexer.commit import known_roots
from indexer.progress import Silent, Stages
from indexer.scan import FoundFile, labeller, scan
from indexer.survey import survey_files
from indexer.update import Update, check_device
from indexer.writer import open_writer
from search.config import BuildConfig
from search.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from indexer.change_report import ChangeReport
    from indexer.progress import Progress
    from indexer.survey import Labeller
    from search.catalog import Catalog


def add(index: str | os.PathLike[str], pictures: Sequence[str | os.PathLike[str]], config: BuildConfig | None = None, *,
        progress: Progress | None = None) -> ChangeReport:  # fmt: skip
    """Add pictures, and look again at those of them that the index has.

    What is not named stays as it is, and so does the label of a picture that the index has, unless a CSV of labels is
    given. A new picture is labelled by its folder, counted from the folder that was indexed as a whole, if it lies
    below one, else from the one that is named here. A picture of the index whose file is gone, and which is among
    these, was moved.

    Args:
        index: the index folder.
        pictures: files and folders.
        config: how what is new is embedded and indexed; the encoder is that of the index.
        progress: who is told.

    Raises:
        DataError: nothing is named, or what is named is not there or holds no pictures.
        EncoderError: another encoder than the index's was asked for.
        IndexFolderError: no index there.
        IndexLockedError: another process is writing it.
    """
    config = config or BuildConfig()
    folder = Path(index).absolute()
    stages = Stages(progress or Silent())
    check_device(config)
    if not pictures:
        raise DataError("nothing to add: name at least one picture or folder")
    unseen: list[tuple[Path, str]] = []
    found: dict[Path, tuple[FoundFile, Path]] = {}
    with stages.stage("scan"):
        for each in pictures:
            top = Path(os.path.normpath(Path(each).absolute()))
            files = scan(top, leave_out=folder, unreadable=lambda path, error: unseen.append((path, str(error))))
            if not files:
                raise DataError(f"{os.fsdecode(each)}: no pictures below this folder")
            for file in files:
                found.setdefault(file.path, (file, top))
    files = [found[path][0] for path in sorted(found, key=os.fsencode)]
    with open_writer(folder) as writer:
        label = _labeller(writer.catalog, config, {path: top for path, (_, top) in found.items()})
        keep = config.labels in ("folder", "none")
        update = Update(writer, config, stages, label, keep_labels=keep, unseen=unseen)
        return update.run(lambda: survey_files(writer.catalog, files, label, keep_labels=keep))


def _labeller(catalog: Catalog, config: BuildConfig, tops: dict[Path, Path]) -> Labeller:
    """Label by the known root that a picture lies below, or else by the folder that was named."""
    roots = known_roots(catalog)
    made: dict[Path, Labeller] = {}

    def label(path: Path) -> str | None:
        root = next((each for each in roots if path.is_relative_to(each)), tops[path])
        if root not in made:
            made[root] = labeller(config.labels, root)
        return made[root](path)

    return label
