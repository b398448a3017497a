"""Remove pictures from an index, in a folder or in Milvus."""

from __future__ import annotations

import os
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from indexer.collection.remove import remove as remove_from_folder
from indexer.pipeline.change_report import NAMED, ChangeReport
from search.counts import picture_number
from search.errors import QueryError
from search.filters.conditions import And, Column, Comparison, Matches, Value
from search.filters.language import condition_of
from search.query.nearest_values import nearest_values
from search.store.address import is_uri
from search.store.milvus.store import MilvusStore
from search.store.milvus.writing import remove_entities

if TYPE_CHECKING:
    from collections.abc import Sequence

    from search.filters.conditions import Condition
    from search.filters.language import Where
    from search.store.milvus.records import MilvusRecords

_PATH = Column("path")
_SHOWN = 10


def remove(
    index: str | os.PathLike[str],
    *,
    paths: Sequence[str | os.PathLike[str]] = (),
    ids: Sequence[int] = (),
    globs: Sequence[str] = (),
    where: Where | None = None,
    dry_run: bool = False,
    purge: bool = False,
) -> ChangeReport:
    """Remove pictures from an index: see `indexer.collection.remove.remove`.

    Milvus retains nothing of a removed picture, so that `purge` makes no difference there.

    Raises:
        StoreError: there is no index in Milvus, or its server does not answer.
        (and as `indexer.collection.remove.remove`)
    """
    if not is_uri(index):
        return remove_from_folder(index, paths=paths, ids=ids, globs=globs, where=where, dry_run=dry_run, purge=purge)
    condition = condition_of(where)
    if not (paths or ids or globs or condition):
        raise QueryError("nothing to remove: name a path, an id, a glob or a filter")
    with closing(MilvusStore(str(index), "cpu")) as store:
        records = store.records
        chosen = _chosen(records, paths, ids, globs, condition)
        report = ChangeReport(images=records.count(), encoder=str(store.settings["encoder"]), dry_run=dry_run)
        report.list_paths("removed", [each.path for each in records.of(chosen[:NAMED])], count=len(chosen))
        if not dry_run:
            remove_entities(store, chosen)
            report.images = records.count()
        return report


def _chosen(
    records: MilvusRecords,
    paths: Sequence[str | os.PathLike[str]],
    ids: Sequence[int],
    globs: Sequence[str],
    condition: Condition | None,
) -> list[int]:
    """Ids of all matching pictures, ascending; raises QueryError if one of the arguments matches nothing."""
    chosen: set[int] = set()
    for given in paths:
        path = os.path.normpath(Path(given).absolute())
        found = records.ids(Comparison(_PATH, "=", Value(path))) or records.ids(_below(path))
        chosen.update(_not_empty(found, f"{path}: the index has no such picture, and none below it"))
    numbers = [picture_number(each) for each in ids]
    existing = {record.id for record in records.of(numbers)}
    if missing := sorted(set(numbers) - existing):
        raise QueryError(f"no picture has the id {', '.join(map(str, missing[:_SHOWN]))}; nothing was removed")
    chosen.update(existing)
    for pattern in globs:
        anywhere = pattern if pattern.startswith("/") else f"*/{pattern}"
        found = records.ids(Matches(_PATH, Value(anywhere)))
        chosen.update(_not_empty(found, f"no picture matches {pattern!r}"))
    if condition is not None:
        matching = records.ids(condition)
        hints = [] if matching else nearest_values(records, condition)
        chosen.update(_not_empty(matching, "; ".join(["no picture matches the filter", *hints])))
    return sorted(chosen)


def _below(folder: str) -> Condition:
    start = folder.rstrip("/")
    return And((Comparison(_PATH, ">=", Value(f"{start}/")), Comparison(_PATH, "<", Value(f"{start}0"))))  # 0 follows /


def _not_empty(ids: list[int], otherwise: str) -> list[int]:
    if not ids:
        raise QueryError(f"{otherwise}; nothing was removed")
    return ids
