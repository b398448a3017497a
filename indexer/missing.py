"""Which folders of a library are missing: an unmounted disk must not wipe what an index knows of it.

A folder is there if it holds, at any depth, a picture where the index knew it. A folder that holds none of its pictures
is missing, whether it is not there, empty, or holds a few others which came since: programs write into the empty folder
that an unmounted disk leaves. Only where at least as many others were found as are gone, the old ones were replaced.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from search.records import PictureRecord


class Folders:
    """The folders below a root, and itself, by what a scan found in them."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._there: set[Path] = set()
        self._new: Counter[Path] = Counter()
        """Pictures that the index did not know, by the folder that holds them."""

    def see(self, path: Path, *, known: bool) -> None:
        """Note that a picture was found, and whether the index knew it there."""
        if not known:
            self._new[path.parent] += 1
            return
        for folder in self._around(path):
            if folder in self._there:
                return
            self._there.add(folder)

    def missing(self, gone: Sequence[PictureRecord]) -> dict[int, Path]:
        """Id -> the topmost missing folder around a picture that was not found, for those whose own one is missing."""
        if not gone:
            return {}
        lost = self._below(Counter(record.path.parent for record in gone))
        new = self._below(self._new)
        missing = {folder for folder, count in lost.items() if folder not in self._there and new[folder] < count}
        found: dict[int, Path] = {}
        for record in gone:
            for folder in self._around(record.path):
                if folder not in missing:
                    break
                found[record.id] = folder
        return found

    def _below(self, inside: Counter[Path]) -> Counter[Path]:
        """Sum over each folder and all those below it."""
        total: Counter[Path] = Counter()
        for folder, count in inside.items():
            total.update(dict.fromkeys((folder, *self._up(folder.parents)), count))
        return total

    def _around(self, path: Path) -> Iterator[Path]:
        """The folders that a path lies in, the innermost first, up to the root."""
        return self._up(path.parents)

    def _up(self, folders: Iterable[Path]) -> Iterator[Path]:
        for folder in folders:
            if not folder.is_relative_to(self._root):
                return
            yield folder
