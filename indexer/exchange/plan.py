"""Plan an import before anything is written: which rows the index needs, and the content of their pictures."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from indexer.exchange.config import chunk_rows
from indexer.exchange.contents import KnownFiles
from indexer.exchange.unit_vectors import unit_rows
from indexer.pipeline.change_report import NAMED
from indexer.pipeline.content_hash import is_stamp, stamp
from indexer.pipeline.stored_vectors import StoredVectors
from search.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from indexer.exchange.config import ImportConfig
    from indexer.exchange.rows import Row, Source
    from indexer.pipeline.progress import Stages
    from search.store.catalog import Catalog
    from search.types import Floats, Rows


@dataclass(slots=True)
class Plan:
    """The plan for each row of a source, about 120 bytes per row."""

    old_ids: Rows
    """`(N,) int64`: id of the picture whose vector the row replaces, or 0."""
    needed: NDArray[np.bool_]
    """`(N,)`: whether the row is written to the new segment; the index already has the others."""
    files: KnownFiles
    hashed: int | None = None
    """Number of pictures that exist and were read; None without `hash_files`."""
    added: list[Path] = field(default_factory=list)
    """The first of the new pictures."""
    changed: list[Path] = field(default_factory=list)
    """The first of the pictures with a new vector."""

    @property
    def rows(self) -> int:
        """Number of rows in the new segment."""
        return int(np.count_nonzero(self.needed))

    @property
    def replaced(self) -> int:
        """Number of pictures with a new vector."""
        return int(np.count_nonzero(self.old_ids[self.needed]))

    def order(self) -> Rows:
        """Order of the needed rows in the segment, numbered without the others: replaced ones by id, then new ones.

        The rows of a segment then ascend with the ids of their pictures, so that ties by row are ties by id.
        """
        ids = self.old_ids[self.needed]
        return np.argsort(np.where(ids > 0, ids, np.iinfo(np.int64).max), kind="stable")

    def places(self) -> Rows:
        """`(N,) int64`: the row of the segment that each row of the source becomes, or -1."""
        places = np.full(len(self.needed), -1, dtype=np.int64)
        order = self.order()
        places[np.flatnonzero(self.needed)[order]] = np.arange(len(order))
        return places


def plan_import(catalog: Catalog, source: Source, config: ImportConfig, stages: Stages) -> Plan:
    """Compare every row of a source with the pictures of an index.

    Raises:
        DataError: a picture is in the index with another vector, and `config.replace` is false.
    """
    count = source.count
    plan = Plan(np.zeros(count, dtype=np.int64), np.ones(count, dtype=np.bool_), KnownFiles(count))
    plan.hashed = 0 if config.hash_files else None
    stored = StoredVectors(catalog, source.dim) if catalog.pictures.count() else None
    by_hash = source.manifest is not None  # in an export, equal content means an equal vector
    with stages.stage("compare", count):
        for chunk in source.chunks(chunk_rows(source.dim)):
            vectors, _ = unit_rows(chunk.vectors, chunk.first, source.name, normalize=config.normalize)
            for number, (row, vector) in enumerate(zip(chunk.rows, vectors, strict=True), chunk.first):
                if source.manifest is None or not row.content:
                    if plan.hashed is not None and plan.files.read(number, row):
                        plan.hashed += 1
                    else:
                        plan.files.put(number, row, stamp(row.path, vector))
            known = {} if stored is None else _known(catalog, stored, chunk.rows, vectors, by_hash=by_hash)
            for number, row in enumerate(chunk.rows, chunk.first):
                old = known.get(row.path)
                if old is None:
                    _name(plan.added, row.path)
                elif old.same:
                    plan.needed[number] = False
                elif config.replace:
                    plan.old_ids[number] = old.id
                    _name(plan.changed, row.path)
                else:
                    raise DataError(
                        f"{source.name}: {row.path} is in the index with another vector. Replace it with --replace, or"
                        " remove the picture first"
                    )
            stages.progress.advance(len(chunk.rows))
    return plan


class _Known(NamedTuple):
    id: int
    same: bool
    """Whether the index has the same vector."""


def _known(
    catalog: Catalog, stored: StoredVectors, rows: Sequence[Row], vectors: Floats, *, by_hash: bool
) -> dict[str, _Known]:
    """The pictures of the index at the paths of some rows. Vectors are compared if contents do not decide."""
    numbers = {row.path: number for number, row in enumerate(rows)}
    known: dict[str, _Known] = {}
    doubtful = []
    for each in catalog.pictures.at_paths(list(numbers)):
        path = str(each.path)
        same = each.content == rows[numbers[path]].content and (by_hash or is_stamp(each.content))
        known[path] = _Known(each.id, same)
        if not same:
            doubtful.append(each)
    own = stored.take([(each.segment, each.row) for each in doubtful])
    theirs = vectors[[numbers[str(each.path)] for each in doubtful]]
    for each, same in zip(doubtful, np.all(own == theirs, axis=1).tolist(), strict=True):
        known[str(each.path)] = _Known(each.id, same)
    return known


def _name(paths: list[Path], path: str) -> None:
    if len(paths) < NAMED:
        paths.append(Path(path))
