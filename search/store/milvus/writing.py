"""Write an index into Milvus: as a whole beside what is there, or by changes to single pictures.

A new index is written into collections of its own, and its alias is set when they are complete: no reader sees half of
it. Every entity is written by its id, so that a batch may be sent again after a failure, and a migration continues.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from search.errors import StoreError
from search.store.milvus.about import PROGRESS, About
from search.store.milvus.layout import VECTOR, about_name, add_fields, entity, metadata_fields
from search.text import utc_now

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from search.filters.columns import ColumnType, MetadataValue
    from search.store.milvus.connection import Connection
    from search.store.milvus.index_types import MilvusIndex
    from search.store.milvus.store import MilvusStore
    from search.store.records import PictureRecord, TemplateRecord
    from search.types import Floats

TAG = re.compile(r"[0-9a-f]{12}b?")
"""What identifies the collections of an index among each other, and among those of other programs."""
_BATCH_BYTES = 4 * 2**20
"""Size of the vectors that are sent at once: Milvus limits a message to 64 MB."""


class NewCollection:
    """A collection that is filled beside the present one of an index; `tag` is one of several for one index."""

    def __init__(self, connection: Connection, tag: str, columns: Mapping[str, ColumnType], dim: int) -> None:
        """Create the collection, or continue one that an earlier run of the same migration left."""
        self._connection = connection
        self.name = f"{connection.address.collection}__{tag}"
        self._fields = metadata_fields(columns)
        self.about = About(connection, self.name)
        if not connection.read("has_collection", self.name):
            schema = connection.new_schema
            add_fields(schema, columns, dim)
            connection.write("create_collection", self.name, schema=schema, consistency_level="Strong")
        self.about.create()
        self.about.load()

    def reached(self) -> int:
        """The greatest id of the pictures that are there for certain; 0 at the beginning."""
        return int(self.about.get(PROGRESS) or 0)

    def put(
        self, records: Sequence[PictureRecord], metadata: Mapping[int, Mapping[str, MetadataValue]], vectors: Floats
    ) -> None:
        """Write pictures, whose ids ascend from call to call.

        Raises:
            DataError: Milvus cannot hold a value of a picture.
        """
        put_entities(self._connection, self.name, self._fields, records, metadata, vectors)
        if records:
            self.about.put(PROGRESS, str(records[-1].id))

    def finish(
        self,
        settings: Mapping[str, Any],
        index: MilvusIndex,
        encoder: Sequence[Path],
        templates: Sequence[TemplateRecord],
        count: int,
    ) -> None:
        """Build the index, check that all pictures are there, and set the alias to this collection.

        Raises:
            StoreError: pictures are missing or there twice, as after two migrations at the same time.
        """
        connection, alias = self._connection, self._connection.address.collection
        self.about.put_files(encoder)
        self.about.put_templates(templates)
        connection.prepare("flush", self.name)
        connection.create_index(self.name, VECTOR, index.type, dict(index.build))
        connection.prepare("load_collection", self.name)
        found = connection.read("query", self.name, filter="", output_fields=["count(*)"])[0]["count(*)"]
        if found != count:
            self.drop()
            raise StoreError(
                f"{connection.address}: {found:,} of {count:,} pictures arrived. Another migration may have written"
                " the same; run it again"
            )
        self.about.put_settings(settings)
        exists = connection.read("has_collection", alias)
        connection.write("alter_alias" if exists else "create_alias", self.name, alias=alias)
        self._sweep()

    def drop(self) -> None:
        """Delete the collection and what belongs to it."""
        for name in (self.name, about_name(self.name)):
            if self._connection.read("has_collection", name):
                self._connection.write("drop_collection", name)

    def _sweep(self) -> None:
        """Delete the collection that was replaced, and those of migrations that were given up."""
        ours = re.compile(rf"{self._connection.address.collection}__{TAG.pattern}(__about)?")
        for name in self._connection.collections():
            if ours.fullmatch(name) and name not in (self.name, about_name(self.name)):
                self._connection.write("drop_collection", name)


def put_entities(
    connection: Connection,
    collection: str,
    fields: Mapping[str, Any],
    records: Sequence[PictureRecord],
    metadata: Mapping[int, Mapping[str, MetadataValue]],
    vectors: Floats,
) -> None:
    """Write pictures by their id, in batches; one that is there is replaced."""
    rows = max(1, _BATCH_BYTES // (4 * max(256, vectors.shape[1])))
    for start in range(0, len(records), rows):
        part = slice(start, start + rows)
        data = [
            entity(record, metadata.get(record.id, {}), fields, vector)
            for record, vector in zip(records[part], vectors[part], strict=True)
        ]
        connection.write("upsert", collection, data=data)


def remove_entities(store: MilvusStore, ids: Sequence[int]) -> None:
    """Delete pictures by their ids, and note the change."""
    for start in range(0, len(ids), 10_000):
        store.connection.write("delete", store.collection, ids=list(ids[start : start + 10_000]))
    note_change(store)


def note_change(store: MilvusStore, **settings: Any) -> None:
    """Count a change of the index, which readers learn as `stale`, with other settings that it changed."""
    present = store.about.settings()
    present |= {**settings, "updated": utc_now(), "generation": present["generation"] + 1}
    store.about.put_settings(present)
    store.settings.update(present)


def next_id(store: MilvusStore) -> int:
    """An id above all that pictures of the index ever had."""
    return int(store.about.settings().get("next_id", 1))
