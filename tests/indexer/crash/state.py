"""What an index folder holds, as values that two folders, or one before and after a crash, can be compared by."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from indexer.health.check import check
from search import IndexFolderError, SearchEngine, open_index

PHYSICAL_TABLES = {"files", "segments", "tombstones", "blocks", "digests", "skipped", "sqlite_sequence"}
"""How vectors are laid out in files, and notes: a rebuild may change the first, a scan the second."""
PASSING_COLUMNS = {
    "pictures": {"segment", "row"},
    "templates": {"created"},
    "identities": {"created"},
    "retained": {"removed"},
    "retained_templates": {"removed"},
}
"""Where a row lies, when somebody was enrolled, when a picture was removed: two runs of a command differ in that."""
PASSING_SETTINGS = {"created", "updated", "generation", "map"}
"""The map is compared by its points."""
SIDE_FILES = {"catalog.sqlite", "catalog.seal", "writer.lock"}
"""Beside those that the catalog names, and SQLite's own while the catalog is open."""

Tables = dict[str, list[tuple[object, ...]]]


@dataclass(frozen=True)
class State:
    """All that a query can see: every row of every table but the physical ones, and the vectors by ascending id."""

    tables: Tables
    vectors: bytes
    shape: tuple[tuple[str, int, int], ...]
    """Kind, rows and live rows of each segment."""
    points: bytes
    """Positions and clusters of the kept map; empty without one."""

    @property
    def pictures(self) -> int:
        return len(self.tables["pictures"])


def read_state(index: Path) -> State | None:
    """Open the index as a reader does; None where its first build did not come to an end, and says so."""
    try:
        engine = open_index(index, device="cpu")
    except IndexFolderError as error:
        said = str(error)
        assert "no index here" in said or "unfinished" in said or "not finished" in said, said
        return None
    with engine:
        assert_answers(engine)
        _, vectors = engine.vectors()
        shape = tuple((segment.kind, segment.rows, segment.live) for segment in engine.info().segments)
        kept = engine.map()
        points = b"" if kept is None else kept.positions.tobytes() + kept.clusters.tobytes()
        return State(_tables(index / "catalog.sqlite"), vectors.tobytes(), shape, points)


def assert_answers(engine: SearchEngine, k: int = 5) -> None:
    """Every picture is found, in the order of brute force over the vectors of the same snapshot; ties by id."""
    records, vectors = engine.vectors()
    if not records:
        return
    ids = np.array([record.id for record in records])
    chosen = vectors[:: max(1, len(vectors) // 3)]
    for query, hits in zip(chosen, engine.search_vectors(chosen, k), strict=True):
        distances = np.linalg.norm(vectors - query, axis=1)
        order = np.lexsort((ids, distances))[:k]
        np.testing.assert_allclose([hit.distance for hit in hits], distances[order], atol=1e-5)
        apart = np.diff(distances[order], prepend=-1, append=9)
        clear = (apart[:-1] > 1e-5) & (apart[1:] > 1e-5)
        assert [hit.id for hit, is_clear in zip(hits, clear, strict=True) if is_clear] == ids[order][clear].tolist()


def assert_whole(index: Path, state: State | None) -> None:
    """`check` finds nothing wrong, and nothing but the end of the first build missing."""
    if state is None and not (index / "catalog.sqlite").exists():
        return
    try:
        findings = check(index)
    except IndexFolderError as error:
        findings = [str(error)]
    if state is None:
        findings = [said for said in findings if "not finished" not in said and "unfinished" not in said]
    assert findings == []


def litter(index: Path) -> set[str]:
    """Files and empty folders of an index folder that nobody writes or reads which nothing needs."""
    with closing(sqlite3.connect(index / "catalog.sqlite")) as connection:
        named = {name for (name,) in connection.execute("SELECT name FROM files")} | SIDE_FILES
    inside = {path.relative_to(index).as_posix(): path for path in index.rglob("*")}
    files = {name for name, path in inside.items() if path.is_file()}
    empty = {name for name, path in inside.items() if path.is_dir() and not any(path.iterdir())}
    return (files - named) | empty


def _tables(catalog: Path) -> Tables:
    with closing(sqlite3.connect(f"{catalog.as_uri()}?mode=ro", uri=True)) as connection:
        connection.text_factory = bytes
        names = [row[0].decode() for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return {name: _rows(connection, name) for name in sorted(names) if name not in PHYSICAL_TABLES}


def _rows(connection: sqlite3.Connection, table: str) -> list[tuple[object, ...]]:
    columns = [row[1].decode() for row in connection.execute(f"PRAGMA table_info({table})")]
    kept = [column for column in columns if column not in PASSING_COLUMNS.get(table, set())]
    rows = connection.execute(f"SELECT {', '.join(kept)} FROM {table}").fetchall()
    if table == "settings":
        rows = [row for row in rows if row[0].decode() not in PASSING_SETTINGS]
    return sorted(rows, key=repr)
