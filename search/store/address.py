"""The addresses of stores: the path of an index folder, or the URI of a Milvus collection.

    milvus://HOST[:PORT]/[DATABASE/]COLLECTION        a server
    milvus+tls://HOST[:PORT]/[DATABASE/]COLLECTION    the same, encrypted
    milvus:FILE.db/COLLECTION                         Milvus Lite, in a file on this machine

A URI holds no password: that of a server is read from `MILVUS_TOKEN`, as `USER:PASSWORD` or an API key.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from search.errors import StoreError, UnsupportedError

_SCHEME = re.compile(r"milvus(\+tls)?:")
_SERVER = re.compile(
    r"milvus(?P<tls>\+tls)?://(?P<host>[^/@:\[\]]+|\[[0-9A-Fa-f:.]+\])(:(?P<port>\d{1,5}))?"
    r"(/(?P<database>\w+))?/(?P<collection>\w+)/?",
    re.ASCII,
)
_FILE = re.compile(r"milvus:(?!//)(?P<file>.+\.db)/(?P<collection>\w+)/?", re.ASCII | re.DOTALL)
_LONGEST = 200
"""Longest name of a collection: Milvus allows 255 characters, and migrations append to it."""
FORMS = "milvus://HOST:19530/COLLECTION, or milvus:FILE.db/COLLECTION for a file of Milvus Lite"


@dataclass(frozen=True, slots=True)
class MilvusAddress:
    """A collection of Milvus; `server` is what pymilvus connects to."""

    text: str
    server: str
    collection: str
    database: str = ""
    file: Path | None = None
    """The file of Milvus Lite; None for a server."""

    def __str__(self) -> str:
        return self.text


def is_uri(given: object) -> bool:
    """Whether an address is a URI of a store, and not the path of a folder."""
    return isinstance(given, str) and _SCHEME.match(given) is not None


def store_address(given: str | os.PathLike[str]) -> Path | str:
    """The path of an index folder, or the URI of another store in its normal form; raises as `milvus_address`."""
    return milvus_address(given).text if isinstance(given, str) and is_uri(given) else Path(given)


def milvus_address(uri: str) -> MilvusAddress:
    """Parse the URI of a Milvus collection; the path of a file is made absolute.

    Raises:
        StoreError: the URI is invalid.
    """
    if found := _SERVER.fullmatch(uri):
        _check_name(uri, found["collection"])
        scheme = "https" if found["tls"] else "http"
        port = int(found["port"] or (443 if found["tls"] else 19530))
        if not 0 < port < 2**16:
            raise StoreError(f"{uri}: {port} is not a port")
        server = f"{scheme}://{found['host']}:{port}"
        return MilvusAddress(uri.rstrip("/"), server, found["collection"], found["database"] or "")
    if found := _FILE.fullmatch(uri):
        _check_name(uri, found["collection"])
        file = Path(os.path.abspath(found["file"]))  # noqa: PTH100  (not resolved: a link stays a link)
        return MilvusAddress(f"milvus:{file}/{found['collection']}", str(file), found["collection"], file=file)
    if "@" in uri:
        raise StoreError(
            "a URI of Milvus must not hold a user or a password, which messages and logs would show. Set the"
            " environment variable MILVUS_TOKEN to USER:PASSWORD, or to an API key"
        )
    raise StoreError(f"{uri}: is not the URI of a Milvus collection. Write {FORMS}")


def _check_name(uri: str, collection: str) -> None:
    if collection[0].isdigit() or "__" in collection or len(collection) > _LONGEST:
        raise StoreError(
            f"{uri}: the name of a collection begins with a letter, holds letters, digits and single underscores, and"
            f" has at most {_LONGEST} characters"
        )


def refuse_uri(folder: Path) -> None:
    """Refuse the URI of a store where only an index folder will do; a path made of a URI has lost a slash.

    Raises:
        UnsupportedError: the path was made of a URI.
    """
    for number, part in enumerate(folder.parts):
        if _SCHEME.match(part):
            raise UnsupportedError(
                f"{'/'.join(folder.parts[number:])}: this works on index folders only, and was given the URI of a"
                " Milvus collection. Copy it into a folder first: twinlens migrate URI FOLDER"
            )
