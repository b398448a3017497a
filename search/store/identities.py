"""The tables of enrolled identities and their reference pictures (templates), with the embeddings."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

from search.store.database import as_text
from search.store.json_values import checked_quality
from search.store.records import TemplateRecord
from search.store.values import kinds

if TYPE_CHECKING:
    from collections.abc import Iterable

    from search.store.database import Database

_WITH_IDENTITIES = 2
"""First version of the catalog that has identities."""


class IdentityTable:
    """Reads and writes identities and templates."""

    def __init__(self, database: Database) -> None:
        """Use the database of a catalog."""
        self._there = database.version >= _WITH_IDENTITIES
        self._rows, self._many, self._values_named = database.rows, database.many, database.values_named

    def templates(self) -> list[TemplateRecord]:
        """All reference pictures, sorted by the name of the identity and then by the order of enrolment."""
        if not self._there:
            return []
        rows = self._rows(
            "SELECT name, content, path, vector, quality, templates.created FROM templates"
            " JOIN identities ON identities.id = identity ORDER BY name, templates.id",
            letters="t" + kinds("templates", "content", "path", "vector", "quality", "created"),
        )
        with self._values_named():
            return [TemplateRecord(r[0], r[1], Path(r[2]), r[3], checked_quality(r[4]), r[5]) for r in rows]

    def add(self, templates: Iterable[TemplateRecord]) -> None:
        """Add reference pictures, and their identities if they are new."""
        for each in templates:
            name = as_text(each.identity)
            self._many(
                "INSERT OR IGNORE INTO identities (name, created) VALUES (CAST(? AS TEXT), ?)", [(name, each.created)]
            )
            self._many(
                "INSERT INTO templates (identity, content, path, vector, quality, created)"
                " VALUES ((SELECT id FROM identities WHERE name = CAST(? AS TEXT)), ?, CAST(? AS TEXT), ?, ?, ?)",
                [(name, each.content, os.fsencode(each.path), each.vector, json.dumps(each.quality), each.created)],
            )

    def replace(self, templates: Iterable[TemplateRecord]) -> None:
        """Keep exactly these reference pictures, and delete identities that have none left."""
        self._many("DELETE FROM templates", [()])
        self.add(templates)
        self._many("DELETE FROM identities WHERE id NOT IN (SELECT identity FROM templates)", [()])

    def remove(self, names: Iterable[str]) -> None:
        """Delete identities and their reference pictures, including retained ones."""
        removed = [(as_text(name),) for name in names]
        self._many("DELETE FROM identities WHERE name = CAST(? AS TEXT)", removed)
        self._many("DELETE FROM retained_templates WHERE identity = CAST(? AS TEXT)", removed)
