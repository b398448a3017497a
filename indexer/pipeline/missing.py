"""Missing folders of a library: an unmounted disk must not remove its pictures from the index.

A folder is present if it holds, at any depth, a picture at its indexed path. A folder that holds none of its pictures
is missing, whether it does not exist, is empty, or holds a few new pictures: programs write into the empty folder that
an unmounted disk leaves. Only if there are at least as many new pictures as missing ones, the old ones were replaced.

The catalog stores which folders are missing, so that pictures written into such a folder meanwhile do not make it
present in the next scan, when they are in the index.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass, field, replace
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from search.errors import IndexFolderError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from indexer.pipeline.changes import Changes
    from search.store.catalog import Catalog
    from search.store.records import PictureRecord

_SETTING = "missing"


@dataclass(frozen=True, slots=True)
class PicturesBefore:
    """The pictures of a missing folder that were indexed before it was missing."""

    up_to: int
    """The greatest picture id at that time."""
    moved: list[int] = field(default_factory=list)
    """Ids up to `up_to` of pictures that moved into the folder since."""

    def has(self, picture: int) -> bool:
        """Whether a picture was in the folder before."""
        return picture <= self.up_to and picture not in self.moved


class ScannedFolders:
    """The root and the folders below it, with what a scan found in them; as text, which is faster than paths."""

    def __init__(self, root: Path, missing: Mapping[Path, PicturesBefore] | None = None) -> None:
        """Start with the folders that an earlier scan found missing."""
        self._root = str(root)
        self._missing = missing or {}
        self._there: set[str] = set()
        self._new: Counter[str] = Counter()
        """Number of new pictures in each folder."""

    def add_found(self, path: Path, record: PictureRecord | None) -> None:
        """Record that a file was found, with the picture of its path, if there is one."""
        inside = _parent(str(path))
        if record is None or not all(
            known.has(record.id) for folder, known in self._missing.items() if path.is_relative_to(folder)
        ):
            self._new[inside] += 1
            return
        for folder in self._up(inside):
            if folder in self._there:
                return
            self._there.add(folder)

    def missing(self, gone: Sequence[PictureRecord]) -> dict[int, Path]:
        """Id -> topmost missing folder, for the pictures in `gone` whose folder is missing."""
        if not gone:
            return {}
        inside = {record.id: _parent(str(record.path)) for record in gone}
        lost, new = self._below(Counter(inside.values())), self._below(self._new)
        missing = {folder for folder, count in lost.items() if folder not in self._there and new[folder] < count}
        topmost: dict[int, Path] = {}
        for key, own in inside.items():
            around = list(takewhile(missing.__contains__, self._up(own)))
            if around:
                topmost[key] = Path(around[-1])
        return topmost

    def _below(self, inside: Counter[str]) -> Counter[str]:
        """Sum the counts of each folder and all folders below it."""
        total: Counter[str] = Counter()
        for folder, count in inside.items():
            total.update(dict.fromkeys(self._up(folder), count))
        return total

    def _up(self, folder: str) -> Iterator[str]:
        """A folder and its parents, up to the root."""
        while len(folder) >= len(self._root):
            yield folder
            if folder == self._root:
                return
            folder = _parent(folder)


def stored_missing(catalog: Catalog) -> dict[Path, PicturesBefore]:
    """The missing folders that the catalog stores.

    Raises:
        IndexFolderError: the setting is damaged.
    """
    stored = catalog.settings().get(_SETTING, {})
    if not isinstance(stored, dict):
        raise _damaged()
    return {Path(folder): _decoded(each) for folder, each in stored.items()}


def missing_after(catalog: Catalog, changes: Changes, root: Path | None) -> dict[str, dict[str, Any]]:
    """The missing folders after some changes, in the form of the setting.

    Args:
        catalog: as it was before the changes.
        changes: with the pictures of missing folders that stay.
        root: the folder that was surveyed completely; folders outside it stay as they were.
    """
    before = stored_missing(catalog)
    kept = {record.path.parent for record, _ in changes.kept}
    still = {
        folder: known
        for folder, known in before.items()
        if root is None or not folder.is_relative_to(root) or any(each.is_relative_to(folder) for each in kept)
    }
    up_to = catalog.pictures.greatest_id()
    for folder in {folder for _, folder in changes.kept} - still.keys():
        still[folder] = PicturesBefore(up_to)
    for folder, known in still.items():
        came = [each.id for each in changes.moved if each.path.is_relative_to(folder) and known.has(each.id)]
        if came:
            still[folder] = replace(known, moved=sorted({*known.moved, *came}))
    return {str(folder): asdict(still[folder]) for folder in sorted(still)}


def differs_from_stored(catalog: Catalog, missing: dict[str, dict[str, Any]]) -> bool:
    """Whether the catalog stores other missing folders."""
    return bool(missing != catalog.settings().get(_SETTING, {}))


def store_missing(catalog: Catalog, missing: dict[str, dict[str, Any]]) -> None:
    """Store missing folders; in a transaction."""
    if differs_from_stored(catalog, missing):
        catalog.set(**{_SETTING: missing})


def _parent(path: str) -> str:
    return path.rpartition("/")[0] or "/"


def _decoded(stored: object) -> PicturesBefore:
    if isinstance(stored, dict):
        up_to, moved = stored.get("up_to"), stored.get("moved")
        if isinstance(up_to, int) and isinstance(moved, list) and all(isinstance(each, int) for each in moved):
            return PicturesBefore(up_to, moved)
    raise _damaged()


def _damaged() -> IndexFolderError:
    return IndexFolderError(f"the setting {_SETTING} of the catalog is damaged. Restore a backup, or build again")
