"""Open the store at an address. A further kind of store is one more line here."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from search.store.folder import FolderStore

if TYPE_CHECKING:
    from search.config import Device
    from search.store.contract import Store


def open_store(address: Path | str, device: Device) -> Store:
    """Open an index folder by its path, or a Milvus collection by its URI.

    Raises:
        IndexFolderError: there is no index in the folder, or it is unfinished or damaged.
        StoreError: the collection does not exist, or its server cannot be reached.
        UnsupportedError: the device is not available, or the package of the store is missing.
    """
    if isinstance(address, Path):
        return FolderStore(address, device)
    from search.store.milvus.store import MilvusStore

    return MilvusStore(address, device)
