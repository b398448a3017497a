"""Wrong values for every column of the catalog, written past SQLite's own checks. A number names a mutation.

What is wrong for a column is said here by hand, and not taken from the code that is tested.
"""

from __future__ import annotations

import json
import random
import re
from typing import TYPE_CHECKING, Any

from tests.indexer.hostile.catalog_seed import opened

if TYPE_CHECKING:
    import sqlite3
    from pathlib import Path

NO_NUMBER: tuple[Any, ...] = (None, "abc", "", "7", b"\x00\x01", 1.5, float("inf"), "9" * 400)
NEGATIVE = (-1, -(2**63))
HUGE = (2**63 - 1,)
NO_TEXT: tuple[Any, ...] = (None, 7, 2**63 - 1, 2.5, b"", b"\xff\x00text")
NO_PATH = (*NO_TEXT, "a\0b", "\0")
OUTSIDE = ("../outside", "/etc/passwd", "segments/../../x", "a\\b", "", ".", "C:x", "a//b", "segments/\0")
NO_JSON: tuple[Any, ...] = ("", "{", "nothing", "NaN", "[Infinity]", "[" * 50_000, "1" * 5_000, "\x00", "\u00e9")
COLUMNS: dict[str, dict[str, tuple[Any, ...]]] = {
    "files": {"name": NO_PATH + OUTSIDE, "bytes": NO_NUMBER + NEGATIVE + HUGE, "sha256": (*NO_TEXT, "0" * 64)},
    "digests": {"file": NO_PATH, "block_rows": (*NO_NUMBER, *NEGATIVE, *HUGE, 0),
                "crc32": (None, "abc", 7, 1.5, b"", b"\x01", b"\x01\x02\x03\x04\x05")},
    "segments": {
        "vectors": NO_PATH + OUTSIDE, "structure": (7, 2.5, b"\xff", "\0", *OUTSIDE),
        "rows": (*NO_NUMBER, *NEGATIVE, *HUGE, 0, 1, 2**31, 2**40),
        "kind": (*NO_TEXT, "nokind", "", "flat\0", "\u00e9"),
        "parameters": (*NO_TEXT, *NO_JSON, "[]", "7", "null", '"x"', '{"M": "x"}', '{"M": 1e9}', '{"M": -5}',
                       '{"nokey": 1}', '{"device": 5}', '{"path": 1}', '{"self": 1}', '{"M": true}',
                       '{"effort": 18446744073709551616}', '{"effort": 4294967296}', '{"M": [1]}'),
        "recall": ("abc", b"\x00", 7, -0.5, float("inf"), 2**63 - 1), "created": (*NO_TEXT, "\u00e9"),
        "tuning": (*NO_TEXT[1:], *NO_JSON, "[]", "7", "null", "{}", '{"target": "x"}', '{"target": 0.9, "trials": 7}',
                   '{"target": 0.9, "recall": {"value": 2}}', '{"target": 0.9, "memory": -1}',
                   '{"target": 0.9, "trials": [{"kind": 7, "parameters": {}}]}', '{"target": 0.9, "reason": [1]}'),
    },
    "pictures": {
        "path": NO_PATH, "content": (*NO_TEXT, "\u00e9\u00e9"), "bytes": NO_NUMBER + NEGATIVE + HUGE,
        "mtime_ns": NO_NUMBER, "width": (*NO_NUMBER, *NEGATIVE, *HUGE, 2**40),
        "height": (*NO_NUMBER, *NEGATIVE, *HUGE, 2**40), "label": (7, 2.5, b"", b"\xff\x00"),
        "segment": (*NO_NUMBER, *NEGATIVE, *HUGE, 0, 99), "row": (*NO_NUMBER, *NEGATIVE, *HUGE, 10_000),
        "ctime_ns": NO_NUMBER[1:], "inode": NO_NUMBER[1:],
    },
    "retained": {
        "content": (*NO_TEXT[1:], "\u00e9\u00e9"), "path": NO_PATH[1:], "label": (7, 2.5, b"", b"\xff\x00"),
        "metadata": (*NO_TEXT, *NO_JSON, "[]", "7", "null", '{"1": [7]}', '{"1": null}'), "removed": NO_TEXT,
        "broken": NO_NUMBER,
    },
    "retained_templates": {
        "content": NO_TEXT[1:], "identity": NO_TEXT[1:], "path": NO_PATH,
        "quality": (*NO_TEXT, *NO_JSON, "[]", "7", "null"), "created": NO_TEXT, "removed": NO_TEXT,
    },
    "tombstones": {  # the parts of its key cannot be null, whatever the schema says
        "segment": (*NO_NUMBER[1:], *NEGATIVE, *HUGE, 0, 99), "row": (*NO_NUMBER[1:], *NEGATIVE, *HUGE, 10_000),
        "content": NO_TEXT, "width": NO_NUMBER + NEGATIVE + HUGE, "height": NO_NUMBER + NEGATIVE + HUGE,
    },
    "skipped": {"path": NO_PATH, "bytes": NO_NUMBER + NEGATIVE + HUGE, "mtime_ns": NO_NUMBER, "reason": NO_TEXT},
    "identities": {"name": NO_TEXT, "created": NO_TEXT},
    "templates": {
        "identity": (*NO_NUMBER, *NEGATIVE, *HUGE, 0, 99), "content": NO_TEXT, "path": NO_PATH,
        "vector": (None, "abc", 7, 1.5, b"", b"\x01", b"\x00" * 4, b"\xff" * 4, b"\x00" * 1144, b"\xff" * 1144),
        "quality": (*NO_TEXT, *NO_JSON, "[]", "7", "null"), "created": NO_TEXT,
    },
    "columns": {"name": NO_TEXT, "type": (*NO_TEXT, "nosuch", "", "TEXT")},
    "metadata": {
        "c1": ("abc", "", 7, 2.5, b"\xff", "2024-13-45T00:00:00"), "c2": (7, 2.5, b"\xff"),
        "c3": ("abc", 2.5, b"\xff"), "c4": ("abc", b"\xff"), "c5": (7, -1, 2.5, "true", b"\xff"),
        "c6": ("abc", 7, 2.5, b"\xff", "2024-13-45", "9" * 1_000),
    },
    "sqlite_sequence": {"seq": ("abc", b"\xff", 2.5, *NEGATIVE, *HUGE)},
    "settings": {"key": NO_TEXT[1:], "value": NO_TEXT + NO_JSON},
}  # fmt: skip
"""Table -> column -> values that are wrong in it. Booleans and whole numbers stand for no text, and so on."""
SETTINGS: dict[str, tuple[Any, ...]] = {
    "dim": ("286", None, 0, -1, 1.5, True, [], {}, 10**30, 2**40, 5), "encoder": (None, 7, [], {}, True),
    "fingerprint": (None, 7, [], "", "../../x", "a\0b", "a/b", "\ud800", "x" * 10_000),
    "encoder_folder": (7, [], "", "..", "../x", "/etc", "a\0b", "a\\b", True),
    "generation": ("7", -1, 1.5, None, True, [], 10**30), "created": (None, 7, [], {}), "updated": (None, 7, [], {}),
    "roots": (None, 7, "x", {}, [7], [None], ["a\0b"], [[]], ["\ud800"], [{}]),
    "calibration": (7, "x", [], {}, True, {"format": 1}, {"format": 1, "threshold": 0.5}),
    "labels": (7, "x", [], True, {"/p": 7}, {"/p": None}, {"/p": "a\0b"}, {"a\0b": "folder"}),
    "label_rule": (None, 7, [], {}, True),
    "exclude": (None, 7, "x", {}, [7], [None], ["a\0b"], [[]]), "decoder": ("2", -1, 1.5, True, [], 10**30),
    "missing": (None, 7, "x", [], {"/p": 7}, {"/p": {}}, {"/p": {"up_to": -1, "moved": []}}, {"a\0b": {}},
                {"/p": {"up_to": 1, "moved": ["x"]}}, {"/p": {"up_to": 1.5, "moved": []}}),
    "map": (7, "x", [], {}, True, {"file": "maps/x.npy"},
            *({"file": file, "method": "umap", "fingerprint": "x", "created": "x", "seed": 0, "clusters": clusters}
              for file, clusters in (("../x", 1), ("/etc/passwd", 1), ("a\0b", 1), (7, 1), ("maps/x.npy", -1),
                                     ("maps/x.npy", 1.5), ("maps/x.npy", None), ("maps/none.npy", 1)))),
    "retain_days": (None, "90", -1, 1.5, True, [], 36_501, 10**30),
}  # fmt: skip
"""Setting -> values that are wrong in it."""
_TYPES = re.compile(r"(?<!id )(?<!picture )\b(TEXT|INTEGER|REAL|BLOB)\b(?! PRIMARY KEY AUTO)")
_LIMITS = re.compile(r"\bNOT NULL\b")


def mutate(index: Path, number: int) -> str:
    """Put a wrong value, or two at times, into a sealed index; in words what was done."""
    rng = random.Random(number)
    with opened(index) as connection:
        before = _loosen(connection)
        done = [_one(connection, rng) for _ in range(rng.choice((1, 1, 1, 2)))]
        _tighten(connection, before)
    return "; ".join(done)


def _one(connection: sqlite3.Connection, rng: random.Random) -> str:
    how = rng.random()
    if how < 0.15:
        return _set(connection, rng.choice(list(SETTINGS)), rng)
    if how < 0.3:
        return _calibration(connection, rng)
    table = rng.choice(list(COLUMNS))
    column = rng.choice(list(COLUMNS[table]))
    value = rng.choice(COLUMNS[table][column])
    where = f"{column} IS NOT NULL" if (table, column) == ("segments", "structure") else "1"
    rows = connection.execute(f"SELECT {_key(table)} FROM {table} WHERE {where}").fetchall()
    row = rng.choice(rows)
    if table == "settings" and column == "value" and row[0] not in SETTINGS:
        return _set(connection, "dim", rng)
    match = " AND ".join(f"{name} = ?" for name in _key(table).split(", "))
    connection.execute(f"UPDATE OR REPLACE {table} SET {column} = ? WHERE {match}", (value, *row))
    return f"{table}.{column} of {row} = {value!r:.60}"


def _key(table: str) -> str:
    keys = {"tombstones": "segment, row", "settings": "key", "files": "name", "retained": "content, path",
            "retained_templates": "content, identity"}  # fmt: skip
    return keys.get(table, "rowid")


def _set(connection: sqlite3.Connection, key: str, rng: random.Random) -> str:
    value = rng.choice(SETTINGS[key])
    connection.execute("INSERT OR REPLACE INTO settings VALUES (?, ?)", (key, json.dumps(value)))
    return f"setting {key} = {value!r:.60}"


def _calibration(connection: sqlite3.Connection, rng: random.Random) -> str:
    """Exchange one value of the calibration for one of another type, or take it away."""
    ((text,),) = connection.execute("SELECT value FROM settings WHERE key = 'calibration'").fetchall()
    stored = json.loads(text) if isinstance(text, str) and text.startswith("{") else None
    if not isinstance(stored, dict) or "rates" not in stored:
        return _set(connection, "calibration", rng)
    stored["rates"] = {name: [values[0], *values[-2:]] for name, values in stored["rates"].items()}
    place, steps = stored, []
    while True:
        key = rng.choice([key for key in (place if isinstance(place, dict) else range(len(place))) if key != "method"
                          or place is not stored])  # fmt: skip
        steps.append(key)
        if not isinstance(place[key], dict | list) or not place[key] or rng.random() < 0.2:
            break
        place = place[key]
    kind, old = type(place[key]), place[key]
    wrong = [value for value in ("x", 7, 1e999, float("nan"), 10**400, True, [], {}, [7], {"x": 1}, "0.5")
             if not (kind is str and isinstance(value, str)) and not (kind in (int, float) and value == 7)]  # fmt: skip
    place[key] = rng.choice(wrong)
    connection.execute("UPDATE settings SET value = ? WHERE key = 'calibration'", (json.dumps(stored),))
    return f"calibration {steps} = {place[key]!r:.40} for {old!r:.40}"


def _loosen(connection: sqlite3.Connection) -> list[tuple[str, str]]:
    """Take the types and NOT NULL from every table; what it was."""
    before = connection.execute(
        "SELECT sql, name FROM sqlite_master WHERE type = 'table' AND sql IS NOT NULL"
    ).fetchall()
    _rewrite(connection, [(_LIMITS.sub("", _TYPES.sub("BLOB", sql)), name) for sql, name in before])
    return before


def _tighten(connection: sqlite3.Connection, before: list[tuple[str, str]]) -> None:
    _rewrite(connection, before)


def _rewrite(connection: sqlite3.Connection, schema: list[tuple[str, str]]) -> None:
    ((version,),) = connection.execute("PRAGMA schema_version").fetchall()
    connection.execute("PRAGMA writable_schema = ON")
    connection.executemany("UPDATE sqlite_master SET sql = ? WHERE type = 'table' AND name = ?", schema)
    connection.execute(f"PRAGMA schema_version = {version + 1}")
    connection.execute("PRAGMA writable_schema = RESET")
