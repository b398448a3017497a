"""Write what an import brings as one segment, and make all of it visible by one commit."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from indexer.exchange.config import chunk_rows
from indexer.exchange.unit_vectors import unit_rows
from indexer.pipeline.committing import write_blocks
from indexer.pipeline.matrix import gathered
from search.chunks import chunks
from search.store.records import PictureRecord
from search.text import utc_now

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from indexer.exchange.config import ImportConfig
    from indexer.exchange.plan import Plan
    from indexer.exchange.rows import Row, Source
    from indexer.pipeline.progress import Stages
    from search.filters.columns import ColumnType
    from search.store.catalog import Catalog
    from search.store.records import FileRecord, SegmentRecord
    from search.types import Floats


def write_planned(
    catalog: Catalog, source: Source, plan: Plan, config: ImportConfig, stages: Stages
) -> tuple[SegmentRecord | None, list[FileRecord]]:
    """Write the segment aside; None where every row is in the index already.

    The source is read as a stream. Where pictures get another vector, the rows are put in order by a second matrix
    beside the first, both mapped where they are large.
    """
    dim, rows, build = source.dim, plan.rows, config.build_config()
    if not rows:
        return None, []
    with ExitStack() as room:
        blocks = _blocks(source, plan, normalize=config.normalize)
        if plan.replaced:
            with stages.stage("put in order"):
                blocks = _ordered(room.enter_context(gathered(catalog.folder, blocks, rows, dim)), plan)
        return write_blocks(catalog, blocks, rows, dim, build, stages)


def commit_planned(
    catalog: Catalog,
    source: Source,
    plan: Plan,
    segment: SegmentRecord,
    files: Sequence[FileRecord],
    columns: Mapping[str, ColumnType],
    *,
    first: Callable[[], None] | None,
    keep_ids: bool,
    stages: Stages,
) -> None:
    """Name the segment, its pictures and their metadata in one transaction.

    Args:
        catalog: of the index.
        source: read once more, for what it tells of the pictures.
        plan: which of them.
        segment: written, with its files.
        files: see there.
        columns: of metadata, that the index lacks.
        first: what else to say of an index that had no pictures.
        keep_ids: whether the pictures get the ids that the source tells.
        stages: told.
    """
    places = plan.places()
    with stages.stage("commit", source.count), catalog.transaction():
        moment = utc_now()
        if first is not None:
            first()
        catalog.metadata.add_columns(columns)
        catalog.files.add(files)
        catalog.segments.add(segment, moment)
        for chunk in source.chunks(chunk_rows(source.dim)):
            part = slice(chunk.first, chunk.first + len(chunk.rows))
            taken = [
                (row, old, place)
                for row, old, place in zip(chunk.rows, plan.old_ids[part].tolist(), places[part].tolist(), strict=True)
                if place >= 0
            ]
            for number, row in enumerate(chunk.rows, chunk.first):
                plan.files.fill(number, row)
            catalog.tombstones.put(catalog.pictures.of([old for _, old, _ in taken if old]))
            catalog.pictures.put(
                _record(row, old or (row.id if keep_ids else 0), segment.id, place) for row, old, place in taken
            )
            _put_metadata(catalog, source, [(row, old) for row, old, _ in taken])
            stages.progress.advance(len(chunk.rows))
        catalog.set(updated=moment)


def _blocks(source: Source, plan: Plan, *, normalize: bool) -> Iterator[Floats]:
    """The vectors that the segment needs, as the source has them."""
    for chunk in source.chunks(chunk_rows(source.dim)):
        needed = plan.needed[chunk.first : chunk.first + len(chunk.rows)]
        yield unit_rows(chunk.vectors, chunk.first, source.name, normalize=normalize)[0][needed]


def _ordered(vectors: Floats, plan: Plan) -> Iterator[Floats]:
    yield from (vectors[rows] for rows in chunks(plan.order(), chunk_rows(vectors.shape[1])))


def _record(row: Row, key: int, segment: int, place: int) -> PictureRecord:
    return PictureRecord(
        key, Path(row.path), row.content, row.bytes, row.mtime_ns, row.width, row.height, row.label, segment, place
    )


def _put_metadata(catalog: Catalog, source: Source, taken: Sequence[tuple[Row, int]]) -> None:
    """Store metadata: nulls too where a picture had other values before."""
    told = [row for row, old in taken if old or any(value is not None for value in row.metadata)]
    if source.columns and told:
        ids = catalog.pictures.ids_at([row.path for row in told])
        catalog.metadata.put(tuple(source.columns), [(ids[row.path], row.metadata) for row in told])
