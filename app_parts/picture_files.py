"""The file of a picture: on this machine, or on that of a service, whose paths are names only and never opened here."""

from __future__ import annotations

import io
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from search.client import Client
    from search.types import Picture


@dataclass(frozen=True)
class ServicePicture:
    """A picture of a service, which sends its bytes."""

    client: Client
    snapshot: str
    """Identifies the service, the index and its snapshot: the picture with an id stays the same in one."""
    id: int
    path: Path
    """Its path on the machine of the service."""

    @property
    def version(self) -> tuple[object, ...]:
        """What identifies it in caches."""
        return self.snapshot, self.id

    def small(self, side: int) -> bytes:
        """A JPEG of at most `side` pixels."""
        return self.client.thumbnail(self.id, side)

    def whole(self) -> bytes:
        """Its file."""
        return self.client.image(self.id)


@dataclass(frozen=True)
class ServiceReference:
    """A reference picture of an identity, of which a service sends a small JPEG."""

    client: Client
    snapshot: str
    """As of `ServicePicture`."""
    name: str
    number: int
    """Counted from 0."""
    path: Path
    """Its path on the machine of the service."""

    @property
    def version(self) -> tuple[object, ...]:
        """What identifies it in caches."""
        return self.snapshot, self.name, self.number

    def small(self, side: int) -> bytes:
        """A JPEG of at most `side` pixels."""
        return self.client.reference(self.name, self.number, side)

    def whole(self) -> bytes:
        """The largest that a service sends."""
        return self.small(_LARGEST_SENT)


PictureFile: TypeAlias = Path | ServicePicture | ServiceReference
_LARGEST_SENT = 2_048


class _Sent(io.BytesIO):
    """The bytes of a file, with the name that errors use for it."""

    def __init__(self, data: bytes, name: str) -> None:
        super().__init__(data)
        self.name = name


def path_of(file: PictureFile) -> Path:
    """The path of a picture, to be shown."""
    return file if isinstance(file, Path) else file.path


def version_of(file: PictureFile) -> tuple[object, ...]:
    """What identifies a picture in caches, and changes with it.

    Raises:
        OSError: the file does not exist.
        ValueError: no file can have such a name.
    """
    if not isinstance(file, Path):
        return file.version
    status = file.stat()
    return os.fsencode(file), status.st_mtime_ns, status.st_size, status.st_ino


def small_of(file: PictureFile, side: int) -> Picture:
    """What to make a thumbnail of at most `side` pixels from.

    Raises:
        TwinlensError: a service does not send it.
    """
    return file if isinstance(file, Path) else _Sent(file.small(side), str(file.path))


def whole_of(file: PictureFile | io.BytesIO) -> Picture:
    """A picture, or one that was uploaded, as the engine takes it; raises as `small_of`."""
    return file if isinstance(file, Path | io.BytesIO) else _Sent(file.whole(), str(file.path))


def content_of(file: PictureFile, most: int) -> bytes | None:
    """The bytes of a file; None if they are more than `most`.

    Raises:
        OSError, ValueError: as `version_of`, or it cannot be read.
        TwinlensError: a service does not send it.
    """
    if not isinstance(file, Path):
        content = file.whole()
    else:
        with file.open("rb") as stream:
            content = stream.read(most + 1)
    return content if len(content) <= most else None
