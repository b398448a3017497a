"""Remove pictures from an index: by path, id, pattern or filter. The files themselves stay."""

from __future__ import annotations

import os
import re
from contextlib import ExitStack, closing
from fnmatch import translate
from pathlib import Path
from typing import TYPE_CHECKING

from indexer.change_report import NAMED, ChangeReport
from indexer.progress import Silent, Stages
from indexer.writer import now, open_writer
from search.catalog import Catalog
from search.errors import QueryError
from search.where import condition_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from indexer.progress import Progress
    from search.where import Where


def remove(index: str | os.PathLike[str], *, paths: Sequence[str | os.PathLike[str]] = (), ids: Sequence[int] = (),
           globs: Sequence[str] = (), where: Where | None = None, dry_run: bool = False,
           progress: Progress | None = None) -> ChangeReport:  # fmt: skip
    """Remove every picture that is named in any of the four ways, all of them or, where one name fits none, nothing.

    Their vectors stay under tombstones until the next rebuild: a picture that comes back is not embedded again.

    Args:
        index: the index folder.
        paths: pictures, and folders: all pictures below them. The files need not be there any more.
        ids: as `SearchEngine.pictures` and hits tell them.
        globs: patterns of `*`, `?` and `[...]`, where `*` crosses folders. One without a slash is for the names of
            files; any other one is for whole paths, and starts at the current folder unless it begins with / or *.
        where: a filter, as for queries.
        dry_run: only say what would be removed.
        progress: who is told.

    Raises:
        QueryError: nothing is named, a name fits no picture, or the filter cannot be read.
        IndexFolderError: no index there.
        IndexLockedError: another process is writing it.
    """
    if not (paths or ids or globs) and where is None:
        raise QueryError("nothing to remove: name paths, ids, a pattern or a filter")
    folder, stages = Path(index).absolute(), Stages(progress or Silent())
    with ExitStack() as opened:
        if dry_run:
            catalog = opened.enter_context(closing(Catalog.read(folder)))
        else:
            catalog = opened.enter_context(open_writer(folder)).catalog
        with stages.stage("look up"):
            chosen = chosen_ids(catalog, paths, ids, globs, where)
            gone = catalog.find.paths_of(chosen[:NAMED])
        if not dry_run:
            with stages.stage("commit"), catalog.transaction():
                catalog.remove_pictures(chosen)
                catalog.set(updated=now())
        return ChangeReport(
            images=catalog.count(), removed=len(chosen), paths={"removed": gone}, dry_run=dry_run,
            encoder=catalog.settings().get("encoder", ""), segments=len(catalog.segments()), seconds=stages.seconds,
        )  # fmt: skip


def chosen_ids(catalog: Catalog, paths: Sequence[str | os.PathLike[str]], ids: Sequence[int], globs: Sequence[str],
               where: Where | None) -> list[int]:  # fmt: skip
    """Ids of all pictures that are named, ascending.

    Raises:
        QueryError: a name fits no picture.
    """
    chosen: set[int] = set()
    for path in paths:
        full = Path(os.path.normpath(Path(path).absolute()))
        chosen.update(_some(catalog.find.ids_below(full), f"no picture of it is at or below {full}", catalog))
    known = set(catalog.ids_among(ids))
    for key in ids:
        _some([key] if key in known else [], f"no picture has the id {key}", catalog)
    chosen |= known
    for pattern in globs:
        chosen.update(_some(list(_matching(catalog, pattern)), f"no path of a picture matches {pattern!r}", catalog))
    if where is not None:
        found = catalog.ids_where(condition_of(where))
        chosen.update(_some(found, f"no picture meets the filter {where!r}", catalog))
    return sorted(chosen)


def _some(found: list[int], otherwise: str, catalog: Catalog) -> list[int]:
    if not found:
        raise QueryError(f"{catalog.folder}: {otherwise}. Nothing was removed")
    return found


def _matching(catalog: Catalog, pattern: str) -> Iterator[int]:
    whole = "/" in pattern
    if whole and not pattern.startswith(("/", "*")):
        pattern = os.path.join(os.getcwd(), os.path.normpath(pattern))  # noqa: PTH109, PTH118  (it is no path)
    matches = re.compile(translate(pattern)).match
    for key, path in catalog.find.paths():
        if matches(path if whole else path.rpartition("/")[2]):
            yield key
