"""Which folders of a library are missing: an unmounted disk must not wipe what an index knows of it.

A folder is there if it holds, at any depth, a picture where the index knew it. A folder that holds none of its pictures
is missing, whether it is not there, empty, or holds a few others which came since: programs write into the empty folder
that an unmounted disk leaves. Only where at least as many others were found as are gone, the old ones were replaced.

The index remembers which folders are missing, so that what was written into one meanwhile does not count as its own
the next time, when the index knows it.
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
    """Which pictures of a missing folder the index knew before it was missing."""

    up_to: int
    """The greatest id of all pictures then."""
    moved: list[int] = field(default_factory=list)
    """Ids up to that of pictures which moved into the folder since."""

    def has(self, picture: int) -> bool:
        """Whether a picture was there before."""
        return picture <= self.up_to and picture not in self.moved


class Folders:
    """The folders below a root, and itself, by what a scan found in them; as text, which is faster than paths."""

    def __init__(self, root: Path, missing: Mapping[Path, PicturesBefore] | None = None) -> None:
        """Take the folders that are missing since an earlier scan."""
        self._root = str(root)
        self._missing = missing or {}
        self._there: set[str] = set()
        self._new: Counter[str] = Counter()
        """Pictures that the index did not know, by the folder that holds them."""

    def see(self, path: Path, record: PictureRecord | None) -> None:
        """Note that a picture was found, and what the index knows of it."""
        inside = _dirname(str(path))
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
        """Id -> the topmost missing folder around a picture that was not found, for those whose own one is missing."""
        if not gone:
            return {}
        inside = {record.id: _dirname(str(record.path)) for record in gone}
        lost, new = self._below(Counter(inside.values())), self._below(self._new)
        missing = {folder for folder, count in lost.items() if folder not in self._there and new[folder] < count}
        found: dict[int, Path] = {}
        for key, own in inside.items():
            around = list(takewhile(missing.__contains__, self._up(own)))
            if around:
                found[key] = Path(around[-1])
        return found

    def _below(self, inside: Counter[str]) -> Counter[str]:
        """Sum over each folder and all those below it."""
        total: Counter[str] = Counter()
        for folder, count in inside.items():
            total.update(dict.fromkeys(self._up(folder), count))
        return total

    def _up(self, folder: str) -> Iterator[str]:
        """A folder and those around it, up to the root."""
        while len(folder) >= len(self._root):
            yield folder
            if folder == self._root:
                return
            folder = _dirname(folder)


def stored_missing(catalog: Catalog) -> dict[Path, PicturesBefore]:
    """The folders that an index knows to be missing.

    Raises:
        IndexFolderError: what it says of them is damaged.
    """
    found = catalog.settings().get(_SETTING, {})
    if not isinstance(found, dict):
        raise _damaged()
    return {Path(folder): _known(each) for folder, each in found.items()}


def missing_after(catalog: Catalog, changes: Changes, root: Path | None) -> dict[str, dict[str, Any]]:
    """What the index is to know of missing folders after some changes, as a setting holds it.

    Args:
        catalog: as it was before them.
        changes: with what stays of missing folders.
        root: the folder that was surveyed as a whole; folders elsewhere stay as they were.
    """
    before = stored_missing(catalog)
    kept = {record.path.parent for record, _ in changes.kept}
    still = {
        folder: known
        for folder, known in before.items()
        if root is None or not folder.is_relative_to(root) or any(each.is_relative_to(folder) for each in kept)
    }
    up_to = catalog.greatest_id()
    for folder in {folder for _, folder in changes.kept} - still.keys():
        still[folder] = PicturesBefore(up_to)
    for folder, known in still.items():
        came = [each.id for each in changes.moved if each.path.is_relative_to(folder) and known.has(each.id)]
        if came:
            still[folder] = replace(known, moved=sorted({*known.moved, *came}))
    return {str(folder): asdict(still[folder]) for folder in sorted(still)}


def differs_from_stored(catalog: Catalog, missing: dict[str, dict[str, Any]]) -> bool:
    """Whether an index does not know this of missing folders."""
    return bool(missing != catalog.settings().get(_SETTING, {}))


def store_missing(catalog: Catalog, missing: dict[str, dict[str, Any]]) -> None:
    """Store it; in a transaction."""
    if differs_from_stored(catalog, missing):
        catalog.set(**{_SETTING: missing})


def _dirname(path: str) -> str:
    return path.rpartition("/")[0] or "/"


def _known(stored: object) -> PicturesBefore:
    if isinstance(stored, dict):
        up_to, moved = stored.get("up_to"), stored.get("moved")
        if isinstance(up_to, int) and isinstance(moved, list) and all(isinstance(each, int) for each in moved):
            return PicturesBefore(up_to, moved)
    raise _damaged()


def _damaged() -> IndexFolderError:
    return IndexFolderError(f"the setting {_SETTING} of the catalog is damaged. Restore a backup, or build again")
