"""Delete what nobody needs: files that a killed writer left, and those that only an older snapshot had."""

from __future__ import annotations

from typing import TYPE_CHECKING

from search.segments import SEGMENTS_FOLDER

if TYPE_CHECKING:
    from pathlib import Path

    from search.catalog import Catalog

ENCODERS_FOLDER = "encoders"


def sweep(catalog: Catalog) -> None:
    """Delete the files of an index folder that the catalog does not name, unless a reader may still need one.

    A reader that opened an older snapshot may load its encoder at any time. While there is one, everything stays until
    the next sweep: every writer sweeps when it begins and when it ends.
    """
    named = {record.name for record in catalog.files()}
    useless = [path for path in _everything(catalog.folder) if not _is_named(path, catalog.folder, named)]
    if not useless or catalog.has_older_readers():
        return
    for path in useless:
        if path.is_dir():
            path.rmdir()
        else:
            path.unlink()


def _everything(folder: Path) -> list[Path]:
    """Files and folders, what is inside before what it is in."""
    parts = (SEGMENTS_FOLDER, ENCODERS_FOLDER)
    return [path for part in parts for path in sorted((folder / part).rglob("*"), reverse=True)]


def _is_named(path: Path, folder: Path, named: set[str]) -> bool:
    """Whether the catalog names a file, or any file in a folder."""
    name = path.relative_to(folder).as_posix()
    return name in named or any(each.startswith(f"{name}/") for each in named)
