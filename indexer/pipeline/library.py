"""Settings and root folders of an index, and the paths by which it stores them.

One folder can be reached by several paths: through a link, a bind mount, or another spelling on a file system that
ignores case. Its pictures have one path in the index: the first one that was used.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from search.errors import IndexFolderError
from search.pictures.remote import is_remote
from search.store.catalog import Catalog, has_catalog

if TYPE_CHECKING:
    from collections.abc import Iterable

Identity: TypeAlias = "tuple[int, int]"


@dataclass(frozen=True, slots=True)
class Library:
    """The settings of an index that decide how it is scanned, and the paths of its folders."""

    folders: tuple[Path, ...] = ()
    """Folders that were indexed completely, and other folders that hold pictures of the index."""
    exclude: tuple[str, ...] = ()
    """Stored patterns."""

    @classmethod
    def of(cls, index: Path) -> Library:
        """Read it from an index folder; empty if there is no index or it cannot be read, which the writer reports."""
        try:
            if not has_catalog(index):
                return cls()
            catalog = Catalog.read(index, verify=False)  # the writer verifies it
        except IndexFolderError:
            return cls()
        try:
            return cls.of_catalog(catalog)
        finally:
            catalog.close()

    @classmethod
    def of_catalog(cls, catalog: Catalog) -> Library:
        """Read it from an open catalog."""
        roots = known_roots(catalog)
        return cls((*roots, *catalog.pictures.folders(roots)), known_exclude(catalog))

    def indexed_path(self, place: str | os.PathLike[str]) -> Path:
        """The absolute path under which the index stores a file or folder, whatever path leads to it.

        A remote address is returned as it is.
        """
        if is_remote(place):
            return Path(place)
        given = Path(os.path.normpath(Path(place).absolute()))
        real = Path(os.path.realpath(given))
        if os.path.isfile(given):  # noqa: PTH113  # a link to a file is a picture of its own
            real = Path(os.path.realpath(given.parent), given.name)
        if any(_is_plainly_below(given, real, folder) for folder in self.folders):
            return given
        known = {
            identity: folder for folder in reversed(self.folders) if (identity := folder_identity(folder)) is not None
        }
        for folder in (real, *real.parents):
            identity = folder_identity(folder)
            if identity in known:
                return known[identity] / real.relative_to(folder)
        return _above(known.values(), real) or given


def is_same_folder(one: Path, other: Path) -> bool:
    """Whether two paths lead to the same folder."""
    identity = folder_identity(one)
    return identity is not None and identity == folder_identity(other)


def _is_plainly_below(given: Path, real: Path, folder: Path) -> bool:
    """Whether a path is a folder or below it, with no link in between."""
    return given.is_relative_to(folder) and Path(os.path.realpath(folder), given.relative_to(folder)) == real


def _above(folders: Iterable[Path], real: Path) -> Path | None:
    """The spelling of a folder as a parent of known folders; None if it contains none of them."""
    own = folder_identity(real)
    checked: set[Path] = set()
    for folder in folders:
        for each in folder.parents:
            if each in checked:
                break
            checked.add(each)
            if own is not None and folder_identity(each) == own:
                return each
    return None


def folder_identity(folder: Path) -> Identity | None:
    """Device and inode of a folder; None if it does not exist or the file system has no inode numbers."""
    try:
        status = folder.stat()
    except OSError:
        return None
    return (status.st_dev, status.st_ino) if status.st_ino else None


def known_exclude(catalog: Catalog) -> tuple[str, ...]:
    """Patterns that an index stores.

    Raises:
        IndexFolderError: they are damaged.
    """
    patterns = catalog.settings().get("exclude", [])
    if not isinstance(patterns, list) or not all(isinstance(each, str) for each in patterns):
        raise IndexFolderError("the setting exclude of the catalog is not a list of patterns")
    return tuple(patterns)


def store_root(catalog: Catalog, root: Path) -> None:
    """Store a folder that was indexed completely: pictures added below it later are labelled relative to it."""
    roots = known_roots(catalog)
    if not any(root.is_relative_to(each) for each in roots):
        catalog.set(roots=sorted([str(each) for each in roots if not each.is_relative_to(root)] + [str(root)]))


def known_roots(catalog: Catalog) -> list[Path]:
    """Folders that were indexed completely, none of them inside another."""
    return [Path(each) for each in catalog.settings().get("roots", [])]
