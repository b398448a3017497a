"""What an index in Milvus holds apart from its pictures: settings, columns, identities, and the files of its encoder.

They are texts by key in a collection of their own, cut into pieces that fit a text field of Milvus. A piece has a
vector as well, which Milvus demands of every collection.
"""

from __future__ import annotations

import base64
import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from search.errors import StoreError
from search.store.json_values import checked_settings, decoded
from search.store.milvus.layout import LAYOUT, LONGEST_TEXT, VECTOR, about_name
from search.store.records import TemplateRecord

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from search.store.milvus.connection import Connection

SETTINGS, TEMPLATES, FILES, PROGRESS = "settings", "templates", "files", "progress"
_FILE = "file/"
_PIECE = 60_000
"""Characters of a piece, all of them ASCII."""
_AT_ONCE = 64
_LONGEST_KEY = 512
_DIM = 2
"""Least number of dimensions of a vector of Milvus."""


class About:
    """Reads and writes the texts beside one collection of pictures."""

    def __init__(self, connection: Connection, pictures: str) -> None:
        """`pictures` is the collection of the pictures."""
        self._connection = connection
        self._name = about_name(pictures)

    def create(self) -> None:
        """Make the collection, unless there is one."""
        from pymilvus import DataType

        if not self._connection.read("has_collection", self._name):
            schema = self._connection.new_schema
            schema.add_field("key", DataType.VARCHAR, is_primary=True, max_length=_LONGEST_KEY)
            schema.add_field("text", DataType.VARCHAR, max_length=LONGEST_TEXT)
            schema.add_field(VECTOR, DataType.FLOAT_VECTOR, dim=_DIM)
            self._connection.write("create_collection", self._name, schema=schema, consistency_level="Strong")
        self._connection.create_index(self._name, VECTOR, "FLAT", {})

    def load(self) -> None:
        """Make it readable."""
        self._connection.prepare("load_collection", self._name)

    def put(self, key: str, text: str) -> None:
        """Store a text in ASCII under a key; a reader sees the old text or the new one."""
        digest = hashlib.sha256(text.encode()).hexdigest()
        pieces = [text[start : start + _PIECE] for start in range(0, len(text), _PIECE)]
        named = [(_piece_key(key, digest, number), piece) for number, piece in enumerate(pieces)]
        old = self._head(key)
        for start in range(0, len(named), _AT_ONCE):
            self._upsert(named[start : start + _AT_ONCE])
        self._upsert([(key, json.dumps({"pieces": len(pieces), "sha256": digest}))])
        if old is not None and old["sha256"] != digest:
            gone = [_piece_key(key, old["sha256"], number) for number in range(old["pieces"])]
            self._connection.write("delete", self._name, ids=gone)

    def get(self, key: str) -> str | None:
        """The text under a key; None if there is none.

        Raises:
            StoreError: a piece is missing or was changed.
        """
        if (head := self._head(key)) is None:
            return None
        keys = [_piece_key(key, head["sha256"], number) for number in range(head["pieces"])]
        pieces: dict[str, str] = {}
        for start in range(0, len(keys), _AT_ONCE):
            pieces |= self._texts(keys[start : start + _AT_ONCE])
        text = "".join(pieces.get(each, "") for each in keys)
        if hashlib.sha256(text.encode()).hexdigest() != head["sha256"]:
            raise self._damaged(key)
        return text

    def settings(self) -> dict[str, Any]:
        """The settings; raises StoreError if there are none, or if a newer Twinlens wrote them."""
        text = self.get(SETTINGS)
        stored = None if text is None else decoded(text)
        if not isinstance(stored, dict):
            raise StoreError(f"{self._connection.address}: holds no index of Twinlens, or an unfinished one")
        try:
            settings = checked_settings({key: json.dumps(value) for key, value in stored.items()})
        except ValueError as error:
            raise StoreError(f"{self._connection.address}: {error}. Migrate the index again") from error
        if settings.get("layout") != LAYOUT:
            raise StoreError(
                f"{self._connection.address}: has the layout {settings.get('layout')!r}, and this version reads"
                f" {LAYOUT}: use the version of Twinlens that wrote it"
            )
        return settings

    def put_settings(self, settings: Mapping[str, Any]) -> None:
        """Store the settings."""
        self.put(SETTINGS, json.dumps({**settings, "layout": LAYOUT}))

    def templates(self) -> list[TemplateRecord]:
        """Reference pictures of the enrolled identities."""
        text = self.get(TEMPLATES)
        try:
            return [
                TemplateRecord(**{**each, "path": Path(each["path"]), "vector": base64.b64decode(each["vector"])})
                for each in (() if text is None else decoded(text))
            ]
        except (ValueError, TypeError, KeyError) as error:
            raise self._damaged(TEMPLATES) from error

    def put_templates(self, templates: Iterable[TemplateRecord]) -> None:
        """Store the reference pictures."""
        plain = [
            {
                "identity": each.identity,
                "content": each.content,
                "path": str(each.path),
                "vector": base64.b64encode(each.vector).decode(),
                "quality": each.quality,
                "created": each.created,
            }
            for each in templates
        ]
        self.put(TEMPLATES, json.dumps(plain))

    def file_names(self) -> list[str]:
        """Names of the files of the encoder."""
        text = self.get(FILES)
        return [] if text is None else [str(each) for each in decoded(text)]

    def file(self, name: str) -> bytes:
        """The bytes of a file of the encoder; raises StoreError if it is missing."""
        if (text := self.get(_FILE + name)) is None:
            raise StoreError(f"{self._connection.address}: the file {name} of its encoder is missing")
        return base64.b64decode(text)

    def put_files(self, files: Sequence[Path]) -> None:
        """Store the files of an encoder."""
        for file in files:
            self.put(_FILE + file.name, base64.b64encode(file.read_bytes()).decode())
        self.put(FILES, json.dumps([file.name for file in files]))

    def _head(self, key: str) -> dict[str, Any] | None:
        if (text := self._texts([key]).get(key)) is None:
            return None
        try:
            head = decoded(text)
            return {"pieces": int(head["pieces"]), "sha256": str(head["sha256"])}
        except (ValueError, TypeError, KeyError) as error:
            raise self._damaged(key) from error

    def _damaged(self, key: str) -> StoreError:
        return StoreError(f"{self._connection.address}: its {key} cannot be read. Migrate the index again")

    def _texts(self, keys: Sequence[str]) -> dict[str, str]:
        rows = self._connection.read("get", self._name, ids=list(keys), output_fields=["key", "text"])
        return {row["key"]: row["text"] for row in rows}

    def _upsert(self, texts: Iterable[tuple[str, str]]) -> None:
        data = [{"key": key, "text": text, VECTOR: [0.0] * _DIM} for key, text in texts]
        self._connection.write("upsert", self._name, data=data)


def _piece_key(key: str, digest: str, number: int) -> str:
    return f"{key}/{digest[:16]}/{number:06d}"
