"""Make one segment of all: what `rebuild` does to the vectors that an index has."""

from __future__ import annotations

from typing import TYPE_CHECKING

from indexer.pipeline.change_report import ChangeReport
from indexer.pipeline.committing import write_blocks
from indexer.pipeline.stored_vectors import StoredVectors
from search.text import utc_now

if TYPE_CHECKING:
    from indexer.pipeline.progress import Stages
    from search.config import BuildConfig
    from search.store.catalog import Catalog
    from search.store.records import SegmentRecord


def merge(catalog: Catalog, config: BuildConfig, stages: Stages) -> ChangeReport:
    """Make one segment of all rows that have a picture, by the pictures' ids; none where there are no pictures."""
    dim = int(catalog.settings()["dim"])
    stored = StoredVectors(catalog, dim)
    blocks = (stored.take(places) for places in catalog.places())
    segment, files = write_blocks(catalog, blocks, catalog.count(), dim, config, stages)
    with stages.stage("commit"), catalog.transaction():
        catalog.add_files(files)
        catalog.replace_segments(segment, utc_now())
        catalog.set(updated=utc_now())
    report = rebuilt(catalog, segment, stages)
    report.unchanged = report.images
    return report


def rebuilt(catalog: Catalog, segment: SegmentRecord | None, stages: Stages) -> ChangeReport:
    """Begin the report of a rebuild."""
    report = ChangeReport(
        images=catalog.count(),
        encoder=catalog.settings()["encoder"],
        segments=len(catalog.segments()),
        seconds=stages.seconds,
    )
    if segment is not None:
        report.kind, report.recall = segment.kind, segment.recall
    return report
