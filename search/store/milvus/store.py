"""A Milvus collection as a store. Unlike an index folder it is not a snapshot: queries see changes as they are made."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from search.errors import StoreError
from search.filters.columns import TYPE_NAMES, ColumnInfo
from search.pictures.decoder_revision import decoder_of
from search.store.address import milvus_address
from search.store.contract import no_picture
from search.store.milvus.about import About
from search.store.milvus.connection import Connection
from search.store.milvus.encoder_cache import EncoderCache
from search.store.milvus.index_types import milvus_index
from search.store.milvus.layout import RECORD_FIELDS, VECTOR, record_of, vectors_of
from search.store.milvus.records import AT_ONCE, MilvusRecords
from search.store.milvus.searching import MilvusSelection, SearchedCollection
from search.types import IndexInfo

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from search.config import Device
    from search.filters.conditions import Condition
    from search.store.records import PictureRecord, TemplateRecord
    from search.types import Floats

_NEEDED = ("encoder", "fingerprint", "dim", "created", "updated", "columns", "index", "generation")


class MilvusStore:
    """An index in Milvus: see `search.store.contract.Store`."""

    def __init__(self, address: str, device: Device = "auto") -> None:
        """Open the collection at a URI.

        Raises:
            StoreError: there is no index, it is unfinished or of a newer version, or the server does not answer.
            UnsupportedError: a package is missing.
        """
        where = milvus_address(address)
        self.address: Path | str = where.text
        self.device: Device = device
        with ExitStack() as opened:
            self.connection = Connection(where)
            opened.callback(self.connection.close)
            self.collection = collection_of(self.connection)
            self.about = About(self.connection, self.collection)
            self.about.load()
            self.settings: dict[str, Any] = self.about.settings()
            if missing := [each for each in _NEEDED if each not in self.settings]:
                raise StoreError(f"{self.address}: is damaged, its setting {missing[0]} is missing. Migrate it again")
            columns = {str(name): kind for name, kind in self.settings["columns"] if kind in TYPE_NAMES}
            self._records = MilvusRecords(self.connection, self.collection, columns)
            index = self.settings["index"]
            chosen = milvus_index(index["type"], index["build"] | index["search"], lite=where.file is not None)
            self.connection.prepare("load_collection", self.collection)
            self.shown = SearchedCollection(
                self.connection, self.collection, self._records, chosen, int(self.settings["dim"])
            )
            opened.pop_all()
        self._encoder = EncoderCache(self.about, self.settings, self.address)

    @property
    def records(self) -> MilvusRecords:
        """The pictures and their metadata."""
        self.connection.require_open()
        return self._records

    @property
    def stale(self) -> bool:
        """Whether the settings changed or the index was replaced; its pictures are always the present ones."""
        changed = collection_of(self.connection) != self.collection
        return changed or bool(self.about.settings()["generation"] != self.settings["generation"])

    def newest(self) -> Self:
        """Open the index again, with its present settings."""
        return type(self)(str(self.address), self.device)

    def require_open(self) -> None:
        """Raise IndexClosedError after `close`."""
        self.connection.require_open()

    def close(self) -> None:
        """Disconnect."""
        self.connection.close()

    def selection(self, condition: Condition | None, without: Sequence[int] = ()) -> MilvusSelection:
        """The pictures that match a condition, without those of some ids."""
        parts = [f"({self.records.expression(condition)})"] if condition is not None else []
        if without:
            parts.append(f"id not in [{', '.join(map(str, without))}]")
        return MilvusSelection(self.shown, " and ".join(parts), filtered=condition is not None)

    def require(self, ids: Sequence[int]) -> None:
        """Raise QueryError unless there is a picture for each id."""
        known = {row["id"] for row in self.records.rows_of(ids, [])}
        if unknown := [each for each in ids if each not in known]:
            raise no_picture(unknown[0], self.address)

    def vectors_of(self, ids: Sequence[int]) -> Floats:
        """Stored embeddings `(N, dim) float32` in the order of the ids."""
        rows = {row["id"]: row for row in self.records.rows_of(ids, [VECTOR])}
        if unknown := [each for each in ids if each not in rows]:
            raise no_picture(unknown[0], self.address)
        return vectors_of([rows[each] for each in ids], self.shown.dim)

    def vectors(self) -> tuple[list[PictureRecord], Floats]:
        """Every picture by ascending id, and their embeddings."""
        records: list[PictureRecord] = []
        parts = [np.empty((0, self.shown.dim), dtype=np.float32)]
        for page in self.connection.pages(self.collection, "", [*RECORD_FIELDS, VECTOR], AT_ONCE):
            records += map(record_of, page)
            parts.append(vectors_of(page, self.shown.dim))
        return records, np.concatenate(parts)

    def with_contents(self, contents: Sequence[str]) -> list[PictureRecord]:
        """All pictures with one of the given content hashes."""
        if not contents:
            return []
        listed = ", ".join(f'"{each}"' for each in contents if each.isalnum())
        pages = self.connection.pages(self.collection, f"content in [{listed}]", RECORD_FIELDS, AT_ONCE)
        return [record_of(row) for page in pages for row in page]

    def one_of_each_label(self) -> list[int]:
        """The id of one picture of each label."""
        pages = self.connection.pages(self.collection, "label is not null", ["label"], AT_ONCE)
        return list({row["label"]: int(row["id"]) for page in pages for row in page}.values())

    def templates(self) -> list[TemplateRecord]:
        """Reference pictures of the enrolled identities."""
        return self.about.templates()

    def card_folder(self) -> Path:
        """A folder of the cache with the `encoder.json` of the encoder."""
        return self._encoder.card_folder()

    def encoder_folder(self) -> Path:
        """A folder of the cache with the files of the encoder."""
        return self._encoder.encoder_folder()

    def info(self) -> IndexInfo:
        """Size, encoder, index type and columns; their values are not summarised, which would read all of them."""
        settings, records = self.settings, self.records
        columns = tuple(
            ColumnInfo(name, kind, records.count_expression(f"{records.fields[name].name} is not null"))
            for name, kind in records.columns().items()
        )
        return IndexInfo(
            path=self.address,
            images=records.count(),
            labels=len(records.labels()),
            dim=int(settings["dim"]),
            encoder=settings["encoder"],
            fingerprint=settings["fingerprint"],
            kind=f"milvus {self.shown.index.type}",
            segments=(),
            size=0,
            created=settings["created"],
            updated=settings["updated"],
            columns=columns,
            decoder=decoder_of(settings),
        )


def collection_of(connection: Connection) -> str:
    """The collection behind the alias of an index.

    Raises:
        StoreError: there is no such index.
    """
    alias = connection.address.collection
    if not connection.read("has_collection", alias):
        raise StoreError(f"{connection.address}: no index here. Make one: twinlens migrate INDEX {connection.address}")
    found = str(connection.read("describe_collection", alias)["collection_name"])
    if found == alias:
        raise StoreError(
            f"{connection.address}: is a collection that Twinlens did not make. Choose another name for the index"
        )
    return found
