"""Keep the pictures that callers add or enroll, in the folder that the operator named.

A picture is stored under the checksum of its bytes, so that sending it again changes nothing. The pictures of queries
are never stored.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from indexer.pipeline.content_hash import content_hash
from search.errors import DataError, DiskError
from search.files.writing import make_folder, write_file
from search.pictures.formats import sniff
from search.text import printable
from service.problems import ProblemError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from search.pictures.formats import Format
    from service.config import Served

PICTURES, PEOPLE = "pictures", "people"
_LONGEST_PART, _MOST_PARTS = 80, 8
_SUFFIXES: dict[Format, str] = {
    "JPEG": ".jpg",
    "PNG": ".png",
    "GIF": ".gif",
    "WebP": ".webp",
    "AVIF": ".avif",
    "HEIF": ".heic",
    "TIFF": ".tif",
    "BMP": ".bmp",
    "PSD": ".psd",
    "JPEG XL": ".jxl",
    "raw": ".dng",
}


class Uploads:
    """Pictures of one request that are stored."""

    def __init__(self, served: Served, kind: str) -> None:
        """Store below the folder of an index; `kind` is `PICTURES` or `PEOPLE`.

        Raises:
            ProblemError: the operator named no folder.
        """
        if served.uploads is None:
            raise ProblemError(
                "no-folder",
                f"pictures that are sent need a folder: start the service with --uploads {served.name}=DIR",
            )
        self._folder = served.uploads / kind
        self._new: list[Path] = []

    def store(self, data: bytes, name: str, label: str | None = None) -> Path:
        """Store one picture in a folder of its own, below which its label is the path of further folders.

        Raises:
            DataError: the label cannot be the path of a folder.
            DiskError: it cannot be written.
        """
        kind = sniff(data)
        if kind is None:
            raise DataError(f"{name}: not a picture")
        folder = self._folder / content_hash(data)
        path = folder.joinpath(*label_parts(label)) / f"picture{_SUFFIXES[kind]}"
        if not path.exists():
            try:
                make_folder(path.parent)
                write_file(path, data)
            except OSError as error:
                raise DiskError(f"{path}: cannot be written ({error.strerror or error})") from error
            self._new.append(path)
        return path

    def top(self, path: Path) -> Path:
        """The folder of a stored picture from which its label starts."""
        return self._folder / path.relative_to(self._folder).parts[0]

    def drop(self, kept: Sequence[Path] = ()) -> None:
        """Delete what this request stored, except pictures that are kept, with the folders that become empty."""
        for path in self._new:
            if path in kept:
                continue
            with suppress(OSError):
                path.unlink()
                for folder in path.parents:
                    if folder == self._folder:
                        break
                    folder.rmdir()


def label_parts(label: str | None) -> tuple[str, ...]:
    """The names of the folders of a label.

    Raises:
        DataError: one cannot name a folder.
    """
    if label is None:
        return ()
    parts = tuple(label.split("/"))
    usable = all(
        part == part.strip()
        and part
        and not part.startswith((".", "@", "#"))
        and part.isprintable()
        and "\\" not in part
        and len(part.encode("utf-8", "replace")) <= _LONGEST_PART
        for part in parts
    )
    if not usable or len(parts) > _MOST_PARTS:
        raise DataError(
            f"the label {printable(label)!r:.100} cannot be stored: use 1 to {_MOST_PARTS} names of at most"
            f" {_LONGEST_PART} bytes, separated by /, that do not begin with . @ or #"
        )
    return parts
