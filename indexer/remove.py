"""Remove pictures from an index; their files stay where they are."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from indexer.index_encoder import now
from indexer.writer import open_writer
from search.errors import QueryError
from search.where import condition_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from search.catalog import Catalog
    from search.where import Where

_AT_ONCE = 10_000
"""Records held at once."""
SHOWN = 20


@dataclass(frozen=True, slots=True)
class RemoveReport:
    """What was removed, or would be."""

    removed: int
    images: int
    """That the index has now."""
    shown: tuple[Path, ...]
    """The first of the removed."""
    dry_run: bool = False


def remove(index: str | os.PathLike[str], *, paths: Sequence[str | os.PathLike[str]] = (), ids: Sequence[int] = (),
           globs: Sequence[str] = (), where: Where | None = None, dry_run: bool = False) -> RemoveReport:  # fmt: skip
    """Remove pictures, all of what is named or, where one thing is not there, nothing; no search finds them again.

    Their rows are put under tombstones: a picture that comes back is not embedded again, until `rebuild` drops them.

    Args:
        index: the index folder.
        paths: pictures, or folders with all pictures below.
        ids: of pictures.
        globs: patterns with `*`, `?` and `[...]` of whole paths; a pattern that does not begin with `/` may match from
            any folder on.
        where: a filter, see `search.where`.
        dry_run: say what would be removed, and remove nothing.

    Raises:
        QueryError: nothing was named, or something that the index does not have.
        IndexFolderError: no index there.
        IndexLockedError: another process is writing it.
    """
    folder = Path(index).absolute()
    condition = condition_of(where)
    if not (paths or ids or globs or condition):
        raise QueryError("nothing to remove: name a path, an id, a glob or a filter")
    with open_writer(folder) as catalog:
        chosen: set[int] = set()
        for path in paths:
            chosen.update(_at(catalog, Path(os.path.normpath(Path(path).absolute()))))
        chosen.update(_known(catalog, ids))
        for pattern in globs:
            chosen.update(_some(catalog.ids_matching(_from_anywhere(pattern)), f"no picture matches {pattern!r}"))
        if condition is not None:
            chosen.update(_some(catalog.ids_where(condition), f"no picture meets {where!r}"))
        doomed = sorted(chosen)
        shown = tuple(record.path for record in catalog.pictures_of(doomed[:SHOWN]))
        if not dry_run:
            with catalog.transaction():
                for start in range(0, len(doomed), _AT_ONCE):
                    catalog.remove_pictures(catalog.pictures_of(doomed[start : start + _AT_ONCE]))
                catalog.set(updated=now())
        return RemoveReport(len(doomed), catalog.count(), shown, dry_run)


def _at(catalog: Catalog, path: Path) -> list[int]:
    own = list(catalog.ids_at([str(path)]).values())
    return _some(own or catalog.ids_below(str(path)), f"{path}: the index has no such picture, and none below it")


def _known(catalog: Catalog, ids: Sequence[int]) -> list[int]:
    found = catalog.ids_among(ids)
    missing = sorted(set(ids) - set(found))
    if missing:
        raise QueryError(f"no picture has the id {', '.join(map(str, missing[:SHOWN]))}; nothing was removed")
    return found


def _from_anywhere(pattern: str) -> str:
    return pattern if pattern.startswith("/") else f"*/{pattern}"


def _some(found: list[int], otherwise: str) -> list[int]:
    if not found:
        raise QueryError(f"{otherwise}; nothing was removed")
    return found
