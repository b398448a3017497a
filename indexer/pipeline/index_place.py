"""Which folder can become an index: a new folder, an empty one, or an existing index."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from indexer.pipeline.lock import HOLDER_NAME, LOCK_NAME
from search.errors import IndexFolderError
from search.files.writing import ASIDE_NAME, is_regular, read_own
from search.store.address import refuse_uri
from search.store.catalog import CATALOG_NAME, holds_index
from search.store.seal import SEAL_NAME

if TYPE_CHECKING:
    from pathlib import Path

_NAMED = 3
"""Most other files that an error lists."""
_BEGUN = re.compile(
    r"catalog\.sqlite(-wal|-shm|-journal)?|catalog\.seal(\.part)?|writer\.(lock|json)"
    rf"|{ASIDE_NAME.pattern}|\.(nfs|fuse_hidden)[0-9a-f]+"
)
"""Files that a first build makes before its catalog is marked, and the names that network file systems give them when
they are deleted while open."""
_HEADS = {
    HOLDER_NAME: (b'{"process": ',),
    LOCK_NAME: (b"",),
    f"{SEAL_NAME}.part": (b'{"',),
    f"{CATALOG_NAME}-wal": (b"\x37\x7f\x06\x82", b"\x37\x7f\x06\x83"),
    f"{CATALOG_NAME}-journal": (b"\xd9\xd5\x05\xf9", b"\0\0\0\0"),
}
"""How these files begin, complete, partly written or empty. Other files of these names belong to the user."""
_LONGEST_HEAD = 12


def check_place(folder: Path) -> None:
    """Refuse a folder that holds other files and no index.

    Raises:
        IndexFolderError: the folder holds other files, is a file, is a broken link, or cannot be read.
        UnsupportedError: it is the URI of a store.
    """
    refuse_uri(folder)
    try:
        names = sorted(os.listdir(folder))  # noqa: PTH208 - names that are not valid text sort too
    except FileNotFoundError:
        if folder.is_symlink():
            raise IndexFolderError(f"{folder}: is a broken link. Create its target, or name a folder") from None
        return
    except OSError as error:
        raise IndexFolderError(f"{folder}: cannot be an index folder ({error.strerror}). Name another") from error
    others = [name for name in names if not (_BEGUN.fullmatch(name) and _is_begun(folder / name))]
    if holds_index(folder) or not others or _lost_its_catalog(names):
        return
    listed = ", ".join(others[:_NAMED]) + (f" and {len(others) - _NAMED} more" if len(others) > _NAMED else "")
    raise IndexFolderError(
        f"{folder}: is not an index and holds other files ({listed}), and an index needs a folder of its own. Name a"
        f" new folder, such as --index {folder / 'photos.index'}"
    )


def _is_begun(file: Path) -> bool:
    """Whether a file holds what a first build writes under its name; links are refused later, by the writer."""
    heads = _HEADS.get(file.name)
    if heads is None or not is_regular(file):
        return True
    if file.name == HOLDER_NAME and _is_lock(file.with_name(LOCK_NAME)):
        return True  # a damaged note beside its lock
    try:
        begins = read_own(file, _LONGEST_HEAD)
    except OSError:
        return True
    return not begins or any(head and (begins.startswith(head) or head.startswith(begins)) for head in heads)


def _is_lock(file: Path) -> bool:
    """Whether this is a lock file of Twinlens: an empty regular file."""
    return is_regular(file) and file.stat().st_size == 0


def _lost_its_catalog(names: list[str]) -> bool:
    """Whether the folder has the seal of a missing catalog: the writer reports it, with what to do."""
    return SEAL_NAME in names and CATALOG_NAME not in names
