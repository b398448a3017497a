"""What a service serves, and within which limits."""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from search.config import DecodeConfig, QueryConfig
from search.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from search.config import Device

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
"""Names of indexes, which are part of addresses."""
SETTINGS = "TWINLENS_SERVICE"
"""The environment variable by which worker processes get their configuration; it holds no keys."""


@dataclass(frozen=True, slots=True)
class Served:
    """One index of a service."""

    name: str
    folder: Path
    pictures: Path | None = None
    """The folder that jobs build from and sync with. Defaults to the one that the index follows."""
    uploads: Path | None = None
    """The folder that pictures are stored in which callers add or enroll. None: no caller can."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What one request, and all of them together, may cost."""

    body: int = 64 * 2**20
    """Bytes of a request."""
    bodies: int = 512 * 2**20
    """Bytes of all requests that are being received or answered."""
    pixels: int = DecodeConfig().max_pixels
    """Pixels of a picture."""
    pictures: int = 256
    """Pictures, vectors or ids of a request."""
    k: int = 1_000
    threads: int = 24
    """Requests that are answered at once: as many pictures can be embedded together."""
    queue: int = 256
    """Requests that wait for a thread."""
    seconds: float = 60.0
    """Time to answer a request, with the wait in the queue."""
    receive_seconds: float = 60.0
    """Time to receive a request."""
    listed: int = 10_000
    """Pictures in a list."""


@dataclass(frozen=True, slots=True)
class ServiceConfig:
    """Options of a service."""

    indexes: tuple[Served, ...]
    write: bool = False
    """Whether callers may change the indexes."""
    host: str = "127.0.0.1"
    allowed_hosts: tuple[str, ...] = ()
    """Further names of the service in the header `Host`; `*.example.com` is any name below."""
    origins: tuple[str, ...] = ()
    """Origins of web pages whose scripts may use the service."""
    keys: Path | None = None
    """The file of API keys."""
    device: Device = QueryConfig.device
    refresh_seconds: float = 1.0
    """Time between two looks for commits of other processes."""
    limits: Limits = field(default_factory=Limits)

    def __post_init__(self) -> None:
        """Check the names.

        Raises:
            DataError: there is no index, a name is invalid, or two indexes have the same.
        """
        if not self.indexes:
            raise DataError("nothing to serve: name at least one index")
        names = [each.name for each in self.indexes]
        for name in names:
            if not NAME.fullmatch(name):
                raise DataError(
                    f"{name!a:.80} cannot name an index in an address: use letters, digits and . _ -, at most 64, as in"
                    " --index photos=DIR"
                )
            if names.count(name) > 1:
                raise DataError(f"two indexes have the name {name}. Give names: --index NAME=DIR")

    def to_json(self) -> str:
        """The configuration for worker processes."""
        return json.dumps(asdict(self), default=str)

    @classmethod
    def of_json(cls, text: str) -> ServiceConfig:
        """Read what `to_json` gave."""
        plain = json.loads(text)
        indexes = tuple(
            Served(each["name"], Path(each["folder"]), _path(each["pictures"]), _path(each["uploads"]))
            for each in plain.pop("indexes")
        )
        plain["allowed_hosts"], plain["origins"] = tuple(plain["allowed_hosts"]), tuple(plain["origins"])
        plain["keys"], plain["limits"] = _path(plain["keys"]), Limits(**plain["limits"])
        return cls(indexes, **plain)


def _path(text: str | None) -> Path | None:
    return None if text is None else Path(text)


def named_folders(given: Sequence[str]) -> dict[str, Path]:
    """Read `DIR` or `NAME=DIR`, several times: name -> folder. The name of a plain DIR is that of its folder.

    Raises:
        DataError: a name is given twice.
    """
    folders: dict[str, Path] = {}
    for text in given:
        name, sign, place = text.partition("=")
        if not (sign and place and NAME.fullmatch(name)):
            place = text
            name = Path(text).absolute().name.removesuffix(".index") or "index"
        if name in folders:
            raise DataError(f"{text}: the name {name} is taken by {folders[name]}. Give another: NAME={place}")
        folders[name] = Path(place).absolute()
    return folders
