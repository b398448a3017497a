"""From files that were found to one commit: what building, adding and following a folder have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING

from indexer.change_report import ChangeReport, counts
from indexer.changes import compare, is_same
from indexer.committing import commit, gather
from indexer.embed import embed_files
from indexer.known_contents import KnownContents
from indexer.staging import Staging

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from indexer.progress import Stages
    from indexer.scan import FoundFile
    from search.catalog import Catalog
    from search.config import BuildConfig
    from search.encoders.base import Encoder
    from search.records import PictureRecord


def update(catalog: Catalog, encoder: Encoder, found: list[FoundFile], before: list[PictureRecord], root: Path | None,
           label: Callable[[Path], str | None], config: BuildConfig, stages: Stages) -> ChangeReport:  # fmt: skip
    """Embed what is new among found files, and commit what they change.

    Args:
        catalog: open for writing.
        encoder: of the index, or of the index to be.
        found: every file that is to be in the index afterwards, as it is now.
        before: the pictures of the index: all of them where a folder is followed, else those at the found paths.
        root: the folder that is followed: pictures below it that were not found are removed. None: nothing is, but a
            picture that is gone from its place and was found at another one has moved.
        label: path -> label.
        config: how.
        stages: who is told.
    """
    staging = Staging(catalog.folder, encoder.fingerprint)
    try:
        known = KnownContents(catalog, staging.sizes())
        old, staged = {record.path: record for record in before}, staging.looked_at()
        todo = [f for f in found if not is_same(old.get(f.path), f) and not is_same(staged.get(f.path), f)]
        with stages.stage("embed", len(todo)):
            embedded = embed_files(todo, encoder, staging, known, batch_size=config.batch_size,
                                   workers=config.workers, stages=stages)  # fmt: skip
        looked = staging.looked_at()
        if root is None:
            here = [looked[f.path].content for f in found if f.path in looked]
            before = [*before, *(r for r in catalog.pictures_of_contents(here) if r.path not in old)]
        changes = compare(found, looked, before, root, label, known)
        changes.exif = staging.exif()
        segment = commit(catalog, encoder, changes, gather(catalog, staging, changes, encoder.dim), config, stages)
    except BaseException:
        staging.close()
        raise
    staging.discard()
    return ChangeReport(
        images=catalog.count(),
        encoder=encoder.name,
        embedded=embedded,
        kind=None if segment is None else segment.kind,
        recall=None if segment is None else segment.recall,
        seconds=stages.seconds,
        **counts(changes),
    )
