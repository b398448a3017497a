"""Files of the collection as a ZIP, with a table of them: made in memory, and therefore bounded."""

from __future__ import annotations

import io
import zipfile
from typing import TYPE_CHECKING

from app_parts.picture_files import content_of, path_of
from app_parts.tiles import plain
from search import PictureError, TwinlensError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from app_parts.picture_files import PictureFile

MOST_BYTES = 200 * 2**20
"""Bytes of pictures in one archive."""
LONGEST_NAME = 120


def zip_of(files: Iterable[tuple[str, PictureFile]], table_name: str, table: bytes) -> bytes:
    """Pack files, each with the number that its name begins with; those that are missing or too large are listed."""
    data, left, skipped = io.BytesIO(), MOST_BYTES, []
    with zipfile.ZipFile(data, "w", zipfile.ZIP_STORED) as archive:  # pictures are compressed already
        archive.writestr(table_name, table)
        for number, file in files:
            path = path_of(file)
            try:
                content = content_of(file, left)
            except PictureError as error:
                skipped.append(f"{plain(path)}: {plain(error.reason)}")
                continue
            except (OSError, ValueError, TwinlensError) as error:  # ValueError: no file can have such a name
                skipped.append(f"{plain(path)}: {getattr(error, 'strerror', None) or error}")
                continue
            if content is None:
                skipped.append(f"{plain(path)}: more than {MOST_BYTES // 2**20} MiB in all")
                continue
            left -= len(content)
            archive.writestr(f"{number}-{_portable(path.name)}", content)
        if skipped:
            archive.writestr("skipped.txt", "\n".join(skipped) + "\n")
    return data.getvalue()


def _portable(name: str) -> str:
    """A name that any system can extract: no folder, and none of the characters that Windows refuses."""
    return "".join("_" if c in '\\/:*?"<>|' else c for c in plain(name))[-LONGEST_NAME:]
