"""Who is enrolled, and the reference pictures of each, with their embeddings."""

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
"""Version of the catalog that knows identities first."""


class IdentityTable:
    """The tables of identities and of their templates, which are the reference pictures."""

    def __init__(self, database: Database) -> None:
        """Take the database of the catalog."""
        self._there = database.version >= _WITH_IDENTITIES
        self._rows, self._many, self._values_named = database.rows, database.many, database.values_named

    def templates(self) -> list[TemplateRecord]:
        """Reference pictures of every identity, by the identity's name and then in the order of their enrolment."""
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
        """Add reference pictures, and the identities that are new with them."""
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
        """Keep exactly these reference pictures; an identity that has none any more is forgotten."""
        self._many("DELETE FROM templates", [()])
        self.add(templates)
        self._many("DELETE FROM identities WHERE id NOT IN (SELECT identity FROM templates)", [()])

    def remove(self, names: Iterable[str]) -> None:
        """Forget identities and their reference pictures, retained ones too."""
        doomed = [(as_text(name),) for name in names]
        self._many("DELETE FROM identities WHERE name = CAST(? AS TEXT)", doomed)
        self._many("DELETE FROM retained_templates WHERE identity = CAST(? AS TEXT)", doomed)
