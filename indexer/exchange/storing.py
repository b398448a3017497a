"""Write the rows of an import as one segment, and make them visible with one commit."""

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
    """Write the segment without naming it in the catalog; None if the index already has every row.

    The source is streamed. If vectors of pictures are replaced, the rows are sorted through a second matrix; large
    matrices are memory-mapped.
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
    """Name the segment, its pictures and their metadata in the catalog, in one transaction.

    Args:
        catalog: the catalog of the index.
        source: the source, which is read again for the pictures and their metadata.
        plan: the plan of the import.
        segment: the new segment.
        files: the files of the segment.
        columns: metadata columns that the index lacks.
        first: called first in the transaction; names the encoder of an index without pictures.
        keep_ids: whether pictures keep the ids of the source.
        stages: callback for progress updates.
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
    """The vectors of the needed rows, in the order of the source."""
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
    """Store metadata, including nulls for pictures that may have other values already."""
    rows = [row for row, old in taken if old or any(value is not None for value in row.metadata)]
    if source.columns and rows:
        ids = catalog.pictures.ids_at([row.path for row in rows])
        catalog.metadata.put(tuple(source.columns), [(ids[row.path], row.metadata) for row in rows])
