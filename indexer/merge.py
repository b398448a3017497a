"""Make one segment of all: what `rebuild` does to the vectors that an index has."""

from __future__ import annotations

from typing import TYPE_CHECKING

from indexer.change_report import ChangeReport
from indexer.commit import make_segment, name_segment
from indexer.known import StoredVectors
from indexer.writer import now

if TYPE_CHECKING:
    from indexer.commit import NewSegment
    from indexer.progress import Stages
    from search.catalog import Catalog
    from search.config import BuildConfig


def merge(catalog: Catalog, config: BuildConfig, stages: Stages) -> ChangeReport:
    """Make one segment of all rows that have a picture, by the pictures' ids; none where there are no pictures."""
    count, segment = catalog.count(), None
    if count:
        stored = StoredVectors(catalog)
        blocks = (stored.take(rows) for rows in catalog.find.rows())
        segment = make_segment(catalog, blocks, count, int(catalog.settings()["dim"]), config, stages)
    with stages.stage("commit"), catalog.transaction():
        put_only_segment(catalog, segment)
    report = rebuilt(catalog, segment, stages)
    report.unchanged = report.images
    return report


def put_only_segment(catalog: Catalog, segment: NewSegment | None) -> None:
    """Give every picture its row of one new segment and forget the others; within a transaction."""
    moment = now()
    if segment is not None:
        name_segment(catalog, segment, moment)
    catalog.merge_segments(0 if segment is None else segment.record.id)
    catalog.set(updated=moment)


def rebuilt(catalog: Catalog, segment: NewSegment | None, stages: Stages) -> ChangeReport:
    """Begin the report of a rebuild."""
    report = ChangeReport(
        images=catalog.count(), encoder=catalog.settings()["encoder"], segments=len(catalog.segments()),
        seconds=stages.seconds,
    )  # fmt: skip
    if segment is not None:
        report.kind, report.recall = segment.record.kind, segment.record.recall
    return report
