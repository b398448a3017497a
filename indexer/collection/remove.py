"""Remove pictures from an index; their files are not touched."""

from __future__ import annotations

import os
from contextlib import ExitStack, closing
from pathlib import Path
from typing import TYPE_CHECKING

from indexer.pipeline.change_report import NAMED, ChangeReport
from indexer.pipeline.library import Library
from indexer.pipeline.writer import open_writer
from search.chunks import chunks
from search.counts import picture_number, shown
from search.errors import QueryError
from search.filters.language import condition_of
from search.query.nearest_values import nearest_values
from search.store.catalog import Catalog
from search.store.catalog_records import CatalogRecords
from search.text import utc_now

if TYPE_CHECKING:
    from collections.abc import Sequence

    from search.filters.conditions import Condition
    from search.filters.language import Where

_AT_ONCE = 10_000
"""Records read at once."""
_SHOWN = 20
"""Most unknown ids that an error lists."""


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
    """Remove pictures from an index. If one of the arguments matches nothing, no picture is removed.

    Each argument names pictures to remove, in addition to those of the others.

    Their rows get tombstones: until `rebuild` drops the rows, a picture that is added again is not embedded again.
    Metadata and labels are retained for a while, and are restored if a picture with the same content is added.

    Args:
        index: the index folder.
        paths: pictures, or folders with all pictures below them.
        ids: ids of pictures.
        globs: patterns with `*`, `?` and `[...]` for whole paths; a pattern that does not begin with `/` may start at
            any folder.
        where: a filter, see `search.filters.language`.
        dry_run: report what would be removed, and remove nothing.
        purge: do not retain metadata and labels.

    Raises:
        QueryError: no argument is given, or one matches nothing in the index.
        IndexFolderError: there is no index.
        IndexLockedError: another process is writing it.
    """
    folder = Path(index).absolute()
    condition = condition_of(where)
    if not (paths or ids or globs or condition):
        raise QueryError("nothing to remove: name a path, an id, a glob or a filter")
    with ExitStack() as opened:
        reading = Catalog.read(folder) if dry_run else None
        catalog = opened.enter_context(open_writer(folder) if reading is None else closing(reading))
        chosen = _chosen(catalog, paths, ids, globs, condition)
        report = ChangeReport(
            images=catalog.pictures.count(), encoder=str(catalog.settings().get("encoder")), dry_run=dry_run
        )
        report.list_paths("removed", [record.path for record in catalog.pictures.of(chosen[:NAMED])], count=len(chosen))
        if not dry_run:
            with catalog.transaction():
                for chunk in chunks(chosen, _AT_ONCE):
                    removed = catalog.pictures.of(chunk)
                    catalog.pictures.remove(removed)
                    if purge:
                        catalog.retained.purge(removed)
                catalog.set(updated=utc_now())
            report.images = catalog.pictures.count()
        report.segments = len(catalog.segments.records())
        return report


def _chosen(
    catalog: Catalog,
    paths: Sequence[str | os.PathLike[str]],
    ids: Sequence[int],
    globs: Sequence[str],
    condition: Condition | None,
) -> list[int]:
    """Ids of all matching pictures, ascending; raises QueryError if one of the arguments matches nothing."""
    chosen: set[int] = set()
    for path in paths:
        chosen.update(_at(catalog, path))
    chosen.update(_existing(catalog, ids))
    for pattern in globs:
        chosen.update(
            _not_empty(catalog.pictures.ids_matching(_from_anywhere(pattern)), f"no picture matches {pattern!r}")
        )
    if condition is not None:
        matching = catalog.pictures.ids_where(condition)
        hints = [] if matching else nearest_values(CatalogRecords(catalog), condition)
        chosen.update(_not_empty(matching, "; ".join(["no picture matches the filter", *hints])))
    return sorted(chosen)


def _at(catalog: Catalog, named: str | os.PathLike[str]) -> list[int]:
    """Ids of the pictures at a path or below it, whichever path leads there."""
    path = Path(os.path.normpath(Path(named).absolute()))
    ids = _at_path(catalog, path) or _at_path(catalog, Library.of_catalog(catalog).indexed_path(path))
    return _not_empty(ids, f"{path}: the index has no such picture, and none below it")


def _at_path(catalog: Catalog, path: Path) -> list[int]:
    return list(catalog.pictures.ids_at([str(path)]).values()) or catalog.pictures.ids_below(str(path))


def _existing(catalog: Catalog, ids: Sequence[int]) -> list[int]:
    ids = [picture_number(each) for each in ids]
    existing = catalog.pictures.ids_among(ids)
    missing = sorted(set(ids) - set(existing))
    if missing:
        raise QueryError(f"no picture has the id {', '.join(map(shown, missing[:_SHOWN]))}; nothing was removed")
    return existing


def _from_anywhere(pattern: str) -> str:
    return pattern if pattern.startswith("/") else f"*/{pattern}"


def _not_empty(ids: list[int], otherwise: str) -> list[int]:
    if not ids:
        raise QueryError(f"{otherwise}; nothing was removed")
    return ids
