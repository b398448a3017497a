"""Retain metadata, labels and enrolments of removed pictures for a while, and restore them with the content.

There is one row per removed picture, with its content hash and its path. It is restored to the next picture with that
content, and then deleted. A row that is older than the retention period is never restored, and the next commit deletes
it.
"""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from search.chunks import chunks
from search.config import RetainConfig
from search.errors import IndexFolderError
from search.filters.columns import EXIF_COLUMNS
from search.store.json_values import MOST_DAYS
from search.store.records import TemplateRecord
from search.text import utc_now, utc_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from search.store.database import Database
    from search.store.records import PictureRecord

Key: TypeAlias = "tuple[str, str]"
"""Content hash and path."""
Values: TypeAlias = "tuple[str | None, dict[str, Any]]"
"""Label, and id of a column -> value."""
_WITH_RETAINED = 7
"""First version of the catalog that has these tables."""
DAYS_SETTING = "retain_days"


class RetainedTable:
    """Reads and writes the tables `retained` and `retained_templates`."""

    def __init__(self, database: Database) -> None:
        """Use the database of a catalog."""
        self._there = database.version >= _WITH_RETAINED
        self._rows, self._many = database.rows, database.many

    def days(self) -> int:
        """The retention period of the index, in days.

        Raises:
            IndexFolderError: the setting is damaged.
        """
        rows = self._rows("SELECT value FROM settings WHERE key = ?", (DAYS_SETTING,), "t")
        if not rows:
            return RetainConfig.days
        try:
            days = json.loads(rows[0][0])
        except (ValueError, TypeError, RecursionError):
            days = None
        if not isinstance(days, int) or isinstance(days, bool) or not 0 <= days <= MOST_DAYS:
            raise IndexFolderError(f"the setting {DAYS_SETTING} of the catalog is not a number of days")
        return days

    def count(self) -> int:
        """Number of removed pictures with retained values."""
        return int(self._rows("SELECT count(*) FROM retained", (), "")[0][0]) if self._there else 0

    # Retain ------------------------------------------------------------------------------------------------------

    def keep(self, pictures: Sequence[PictureRecord]) -> None:
        """Retain metadata and labels of pictures; in a transaction, before the pictures are removed."""
        if not pictures or not self.days():
            return
        moment = utc_now()
        for chunk in chunks(pictures):
            known = self._metadata([picture.id for picture in chunk])
            retained = [(picture, _own_label(picture), known.get(picture.id, {})) for picture in chunk]
            self._many(
                "INSERT OR REPLACE INTO retained VALUES (?, CAST(? AS TEXT), CAST(? AS TEXT), ?, ?, 0)",
                (
                    (p.content, os.fsencode(p.path), label and _as_bytes(label), json.dumps(values), moment)
                    for p, label, values in retained
                    if label is not None or values
                ),
            )

    def keep_for_path(self, pictures: Iterable[PictureRecord]) -> None:
        """Restore the values of these pictures to the next picture at the same path too; in a transaction.

        Their files exist and could not be read, perhaps because they were only partly copied.
        """
        self._many(
            "UPDATE retained SET broken = 1 WHERE content = ? AND path = CAST(? AS TEXT)",
            ((picture.content, os.fsencode(picture.path)) for picture in pictures),
        )

    def keep_templates(self, templates: Iterable[TemplateRecord]) -> None:
        """Retain reference pictures that are about to be removed; in a transaction."""
        if not self.days():
            return
        moment = utc_now()
        self._many(
            "INSERT OR REPLACE INTO retained_templates VALUES (?, CAST(? AS TEXT), CAST(? AS TEXT), ?, ?, ?)",
            (
                (t.content, _as_bytes(t.identity), os.fsencode(t.path), json.dumps(t.quality), t.created, moment)
                for t in templates
            ),
        )

    def _metadata(self, ids: Sequence[int]) -> dict[int, dict[str, Any]]:
        """Id of a picture -> id of a column -> value, without empty values."""
        keys = self._column_ids()
        names = ", ".join(f"c{key}" for key in keys)
        marks = ",".join("?" * len(ids))
        rows = self._rows(f"SELECT picture, {names} FROM metadata WHERE picture IN ({marks})", ids, "")
        return {
            picture: {str(key): v for key, v in zip(keys, values, strict=True) if isinstance(v, str | int | float)}
            for picture, *values in rows
        }

    def _column_ids(self) -> list[int]:
        return [int(key) for (key,) in self._rows("SELECT id FROM columns ORDER BY id", (), "k")]

    def _exif_ids(self) -> set[str]:
        rows = self._rows("SELECT id, name FROM columns", (), "kt")
        return {str(key) for key, name in rows if name in EXIF_COLUMNS}

    # Restore -----------------------------------------------------------------------------------------------------

    def restore(self, pictures: Sequence[PictureRecord], *, labels: bool, over_folders: bool) -> int:
        """Restore to new pictures what is retained of their content; in a transaction, after they are stored.

        The values of a removed picture at the same path are preferred. A picture at another path only gets values if no
        other picture of the index has the content: a copy of a present picture is not a returned one.

        Args:
            pictures: the new pictures, as stored in the catalog, with their ids.
            labels: whether pictures without a label get their old label back.
            over_folders: whether pictures labelled by their folder do, too.

        Returns:
            How many pictures got metadata or a label back.
        """
        new = {picture.id for picture in pictures}
        returned = 0
        for chunk in chunks(pictures):
            taken = list(self._matched(chunk, new))
            for picture, key, (label, values) in taken:
                if key[0] != picture.content:  # EXIF values belong to the old content
                    values = {key: value for key, value in values.items() if key not in self._exif_ids()}
                from_folder = over_folders and picture.has_folder_label
                fresh = picture.label is None or from_folder  # another label was given on purpose
                self._store_values(picture, label if labels and fresh else None, values)
                self._forget(key)
            returned += len(taken)
        return returned

    def _matched(self, pictures: Sequence[PictureRecord], new: set[int]) -> Iterator[tuple[PictureRecord, Key, Values]]:
        """Match pictures with retained rows: first by path, then the remaining ones by content alone."""
        waiting = self._retained([picture.content for picture in pictures])
        broken = self._broken([str(picture.path) for picture in pictures])
        live = self._shown([content for content, _ in waiting], new)
        others = []
        for picture in pictures:
            key, path = (picture.content, str(picture.path)), str(picture.path)
            if key in waiting:
                yield picture, key, waiting.pop(key)
            elif path in broken:
                yield picture, *broken.pop(path)
            elif picture.content not in live:
                others.append(picture)
        for picture in others:
            left = next((key for key in waiting if key[0] == picture.content), None)
            if left is not None:
                yield picture, left, waiting.pop(left)

    def templates(self, contents: Sequence[str]) -> list[TemplateRecord]:
        """Retained reference pictures with these contents, without vectors, newest first."""
        templates = []
        for chunk in chunks(contents):
            rows = self._rows(
                "SELECT content, identity, path, quality, created FROM retained_templates"
                f" WHERE content IN ({','.join('?' * len(chunk))}) AND removed >= ? ORDER BY removed DESC",
                (*chunk, self._oldest()),
                "stpts",
            )
            templates += [TemplateRecord(r[1], r[0], Path(r[2]), b"", _read_json(r[3]), r[4]) for r in rows]
        return templates

    def forget_templates(self, templates: Iterable[TemplateRecord]) -> None:
        """Delete retained reference pictures that were restored; in a transaction."""
        self._many(
            "DELETE FROM retained_templates WHERE content = ? AND identity = CAST(? AS TEXT)",
            ((each.content, _as_bytes(each.identity)) for each in templates),
        )

    def _retained(self, contents: Sequence[str]) -> dict[Key, Values]:
        """The retained values of these contents, newest first."""
        rows = self._rows(
            "SELECT content, path, label, metadata FROM retained"
            f" WHERE content IN ({','.join('?' * len(contents))}) AND removed >= ? ORDER BY removed DESC, path",
            (*contents, self._oldest()),
            "spTt",
        )
        return {(content, path): (label, _read_json(values)) for content, path, label, values in rows}

    def _broken(self, paths: Sequence[str]) -> dict[str, tuple[Key, Values]]:
        """Path -> key and retained values of the last picture there, for paths whose file could not be read."""
        rows = self._rows(
            "SELECT content, path, label, metadata FROM retained WHERE broken"
            f" AND path IN ({','.join(['CAST(? AS TEXT)'] * len(paths))}) AND removed >= ? ORDER BY removed",
            (*map(os.fsencode, paths), self._oldest()),
            "spTt",
        )
        return {path: ((content, path), (label, _read_json(values))) for content, path, label, values in rows}

    def _shown(self, contents: Sequence[str], new: set[int]) -> set[str]:
        """Those of the given contents that a picture has which is not new."""
        sql = f"SELECT content, id FROM pictures WHERE content IN ({','.join('?' * len(contents))})"
        rows = self._rows(sql, contents, "sk")
        return {content for content, key in rows if key not in new}

    def _store_values(self, picture: PictureRecord, label: str | None, values: dict[str, Any]) -> None:
        if label is not None:
            self._many("UPDATE pictures SET label = CAST(? AS TEXT) WHERE id = ?", [(_as_bytes(label), picture.id)])
        kept = {key: values[str(key)] for key in self._column_ids() if str(key) in values}
        if not kept:
            return
        marks = ", ".join("CAST(? AS TEXT)" if isinstance(value, str) else "?" for value in kept.values())
        update = ", ".join(f"c{key} = excluded.c{key}" for key in kept)
        stored = [_as_bytes(value) if isinstance(value, str) else value for value in kept.values()]
        self._many(
            f"INSERT INTO metadata (picture, {', '.join(f'c{key}' for key in kept)}) VALUES (?, {marks})"
            f" ON CONFLICT (picture) DO UPDATE SET {update}",
            [(picture.id, *stored)],
        )

    def _forget(self, key: Key) -> None:
        self._many("DELETE FROM retained WHERE content = ? AND path = CAST(? AS TEXT)", [(key[0], os.fsencode(key[1]))])

    # Delete ------------------------------------------------------------------------------------------------------

    def expire(self) -> None:
        """Delete values older than the retention period; in a transaction."""
        for table in ("retained", "retained_templates"):
            self._many(f"DELETE FROM {table} WHERE removed < ?", [(self._oldest(),)])

    def purge(self, pictures: Sequence[PictureRecord] | None = None) -> int:
        """Delete what is retained of the contents of these pictures, or everything; in a transaction.

        Returns:
            The number of rows deleted: one per removed picture.
        """
        before = self.count()
        if pictures is None:
            self._many("DELETE FROM retained", [()])
            self._many("DELETE FROM retained_templates", [()])
        else:
            self._many("DELETE FROM retained WHERE content = ?", ((picture.content,) for picture in pictures))
        return before - self.count()

    def _oldest(self) -> str:
        """The time of the earliest removal that is still within the retention period."""
        days = self.days()
        if not days:
            return "~"  # after every moment
        return utc_text(datetime.now(UTC) - timedelta(days=days))


def _own_label(picture: PictureRecord) -> str | None:
    """The label of a picture; None if it came from its folder, which gives it again."""
    return None if picture.has_folder_label else picture.label


def _read_json(text: str) -> dict[str, Any]:
    try:
        values = json.loads(text)
        if isinstance(values, dict):
            return values
    except (ValueError, TypeError, RecursionError):
        pass
    raise IndexFolderError("the retained metadata of a removed picture is damaged. Purge it: twinlens rebuild --purge")


def _as_bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")
