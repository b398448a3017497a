"""Pipes, sockets, devices, folders and links in the place of the files of an index: one line from every command."""

from __future__ import annotations

import json
import os
import shutil
import socket
import sqlite3
import stat
import zlib
from collections.abc import Iterator
from contextlib import closing
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest

from indexer.collection.build import build
from indexer.health.check import inspect
from search import TwinlensError, open_index
from search.encoders import load_encoder
from search.errors import DamagedFileError, EncoderError
from search.files.reading import is_inside_name, open_regular
from search.recognition.stored import read_calibration
from search.store.catalog import CATALOG_NAME, Catalog
from tests.conftest import FAST
from tests.indexer.hostile import catalog_seed, doors
from tests.indexer.hostile.catalog_seed import opened, reseal

LASTING = [f"{CATALOG_NAME}{side}" for side in ("", "-wal", "-shm", "-journal")] + ["catalog.seal"]
"""And those that the catalog names, which `placed` finds."""
KINDS = ("pipe", "folder", "socket", "device")


@pytest.fixture(scope="module")
def seed() -> Iterator[Path]:
    with catalog_seed.quick_folder() as folder:
        catalog_seed.make(folder)
        yield folder


def names(index: Path) -> list[str]:
    inside = [
        path.relative_to(index).as_posix() for path in index.rglob("*") if path.parent != index and path.is_file()
    ]
    assert {Path(name).suffix for name in inside} == {".npy", ".hnswlib", ".json"}
    return [*LASTING, *inside]


def put(kind: str, path: Path) -> None:
    path.unlink(missing_ok=True)
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    elif kind == "socket":
        here = Path.cwd()
        os.chdir(path.parent)  # the name of a socket is short
        try:
            with closing(socket.socket(socket.AF_UNIX)) as server:
                server.bind(path.name)
        finally:
            os.chdir(here)
    else:
        try:
            os.mknod(path, stat.S_IFCHR | 0o600, os.makedev(1, 5))  # endless zeros
        except PermissionError:
            pytest.skip("only root may make devices")


def use_all(index: Path) -> None:
    doors.use_engine(index)
    engine = open_index(index)
    _ = engine.encoder
    engine.map()


@pytest.mark.thinned(2)
@pytest.mark.parametrize("kind", KINDS)
def test_every_file_and_every_command(kind: str, seed: Path, tmp_path: Path) -> None:
    for number, name in enumerate(names(seed / "i")):
        strange = catalog_seed.copy(seed / "i", tmp_path / "strange")
        put(kind, strange / name)
        findings = inspect(strange).findings
        assert any(name in (finding.file, Path(finding.file).name) for finding in findings), (name, findings)
        with doors.watchdog(), pytest.raises(TwinlensError):
            use_all(strange)
        every = [*doors.readers(strange, seed).items(), *doors.writers(strange, seed).items()]
        for command, words in every[number % 3 :: 3]:
            ended = doors.command(words)
            assert ended.fault is None, (name, command, ended)
            if name == CATALOG_NAME and kind != "folder":
                assert ended.code == 1, (name, command, ended)
        shutil.rmtree(strange)


@pytest.mark.parametrize("kind", KINDS)
def test_encoder_files(kind: str, tmp_path: Path) -> None:
    folder = tmp_path / "encoder"
    folder.mkdir()
    load_encoder("color-layout").save(folder)
    put(kind, folder / "calibration.json")
    with doors.watchdog(), pytest.raises(EncoderError, match="not a file"):
        read_calibration(folder)
    put(kind, folder / "encoder.json")
    with doors.watchdog(), pytest.raises(EncoderError, match="not a file"):
        load_encoder(folder)


@pytest.mark.parametrize("side", ["", "-wal", "-shm", "-journal"])
def test_links_in_the_place_of_the_catalogs_files(side: str, seed: Path, tmp_path: Path) -> None:
    """SQLite would write through them, cut them short and delete them."""
    index = catalog_seed.copy(seed / "i", tmp_path / "i")
    precious = tmp_path / "precious"
    precious.write_bytes((index / CATALOG_NAME).read_bytes() if not side else b"precious" * 1000)
    before = precious.read_bytes()
    (index / f"{CATALOG_NAME}{side}").unlink(missing_ok=True)
    (index / f"{CATALOG_NAME}{side}").symlink_to(precious)
    for words in (*doors.readers(index, seed).values(), *doors.writers(index, seed).values()):
        ended = doors.command(words)
        assert (ended.code, ended.fault) == (1, None), ended
    assert precious.read_bytes() == before


def test_a_journal_that_names_a_further_file_deletes_nothing(seed: Path, tmp_path: Path) -> None:
    """SQLite rolls back what it takes for the journal of a dead writer, and deletes the file that it names."""
    index = catalog_seed.copy(seed / "i", tmp_path / "i")
    victim = tmp_path / "victim"
    victim.write_bytes(b"\0")
    name, magic = os.fsencode(victim), b"\xd9\xd5\x05\xf9\x20\xa1\x63\xd7"
    size = (index / CATALOG_NAME).stat().st_size // 4096
    header = magic + b"\0\0\0\0" + b"\0\0\0\0" + size.to_bytes(4, "big") + b"\0\0\x02\0" + b"\0\0\x10\0"
    tail = b"\0\0\0\0" + name + len(name).to_bytes(4, "big") + sum(name).to_bytes(4, "big") + magic
    (index / f"{CATALOG_NAME}-journal").write_bytes(header.ljust(512, b"\0") + tail)
    for words in (*doors.readers(index, seed).values(), *doors.writers(index, seed).values()):
        ended = doors.command(words)
        assert (ended.code, ended.fault) == (1, None), ended
    assert victim.exists()


@pytest.mark.parametrize("place", ["segments", "encoders"])
def test_files_reached_by_a_link_out_of_the_folder_are_refused(place: str, seed: Path, tmp_path: Path) -> None:
    index = catalog_seed.copy(seed / "i", tmp_path / "i")
    shutil.move(index / place, tmp_path / "elsewhere")
    (index / place).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(DamagedFileError, match="outside of the index folder"):
        _ = open_index(index).encoder
    assert "outside of the index folder" in str(inspect(index).findings[0])


def test_an_index_that_is_reached_by_a_link_is_none_the_worse(seed: Path, tmp_path: Path) -> None:
    catalog_seed.copy(seed / "i", tmp_path / "real")
    (tmp_path / "i").symlink_to(tmp_path / "real")
    assert inspect(tmp_path / "i").findings == []
    assert open_index(tmp_path / "i").search_id(3, 1)[0].id == 3


@pytest.mark.parametrize(
    "name", ["../x.npy", "segments/../../x.npy", "/etc/passwd", "", ".", "segments//x", "a\\b", "C:x"]
)
def test_names_that_lead_out_of_the_folder(name: str, seed: Path, tmp_path: Path) -> None:
    assert not is_inside_name(name)
    for sql in (
        "UPDATE files SET name = ? WHERE name LIKE 'segments/%'",
        "UPDATE segments SET vectors = ? WHERE id = 1",
        "UPDATE segments SET structure = ? WHERE id = 1",
        "UPDATE settings SET value = ? WHERE key = 'encoder_folder'",
    ):
        index = catalog_seed.copy(seed / "i", tmp_path / "i")
        with opened(index) as connection:
            value = json.dumps(name) if "settings" in sql else name
            connection.execute(sql.replace("UPDATE", "UPDATE OR REPLACE", 1), (value,))
        with pytest.raises(TwinlensError):
            _ = open_index(index).encoder
        assert not inspect(index).whole


@pytest.mark.parametrize("name", ["segments/x.npy", "encoders/0/encoder.json", "x", "a b/ä..c"])
def test_names_of_ours(name: str) -> None:
    assert is_inside_name(name)


def test_rows_without_number_are_refused_before_anything_is_made_for_them(seed: Path, tmp_path: Path) -> None:
    index = catalog_seed.copy(seed / "i", tmp_path / "i")
    with opened(index) as connection:
        connection.execute(f"UPDATE segments SET rows = {2**40}")
    for words in (*doors.readers(index, seed).values(), *doors.writers(index, seed).values()):
        ended = doors.command(words)
        assert ended.fault is None, ended
    assert "was not written for" in str(inspect(index).findings[0])


@pytest.mark.thinned(4)
@pytest.mark.parametrize("number", [np.nan, np.inf, 1e38])
@pytest.mark.parametrize("with_blocks", [True, False])
def test_vectors_that_are_no_numbers(number: float, with_blocks: bool, seed: Path, tmp_path: Path) -> None:
    index = catalog_seed.copy(seed / "i", tmp_path / "i")
    for path in (index / "segments").glob("*.npy"):
        vectors = np.load(path)
        vectors[1] = number
        np.save(path, vectors)
        data = path.read_bytes()
        crc = zlib.crc32(data[len(data) - vectors.nbytes :]).to_bytes(4, "little")
        with opened(index) as connection:
            values = (len(data), sha256(data).hexdigest(), f"segments/{path.name}")
            connection.execute("UPDATE files SET bytes = ?, sha256 = ? WHERE name = ?", values)
            connection.execute("UPDATE digests SET crc32 = ? WHERE file = ?", (crc, values[2]))
            if not with_blocks:
                connection.execute("DELETE FROM digests")
    with pytest.raises(DamagedFileError, match="holds numbers that are not finite in rows"):
        open_index(index).search_id(1, 20)
    assert len([finding for finding in inspect(index).findings if finding.part == "vectors"]) == 2
    for words in (*doors.readers(index, seed).values(), *doors.writers(index, seed).values()):
        ended = doors.command(words)
        assert ended.fault is None, ended


VIEW = "WITH RECURSIVE n(id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM n)"
OTHER_SCHEMAS = {
    "endless view": f"ALTER TABLE pictures RENAME TO hidden; CREATE VIEW pictures AS {VIEW} SELECT id, 'x' AS path, "
    "'x' AS content, 1 AS bytes, 1 AS mtime_ns, 1 AS width, 1 AS height, '' AS label, 1 AS segment, 0 AS row FROM n;",
    "endless settings": "ALTER TABLE settings RENAME TO hidden; CREATE VIEW settings AS "
    f"{VIEW} SELECT 'generation' AS key, '1' AS value FROM n;",
    "trigger": "CREATE TRIGGER t AFTER INSERT ON settings BEGIN DELETE FROM pictures; END;",
    "temporary look": "CREATE VIEW v AS SELECT 1;",
    "index on an expression": "CREATE INDEX x ON pictures (abs(id));",
    "partial index": "CREATE INDEX x ON pictures (id) WHERE label IS NULL;",
    "generated column": "ALTER TABLE skipped ADD COLUMN g AS (hex(zeroblob(100000000)));",
    "column with a default": "ALTER TABLE metadata ADD COLUMN c9 DEFAULT 5;",
    "column with a check": "ALTER TABLE metadata ADD COLUMN c9 CHECK (c9 > 5);",
    "column of another name": "ALTER TABLE metadata ADD COLUMN other;",
    "another table": "CREATE TABLE extra (x);",
    "no table": "DROP TABLE digests;",
    "virtual table": "CREATE VIRTUAL TABLE v USING fts5(x);",
    "version before ours": "PRAGMA user_version = -1;",
}


@pytest.mark.parametrize("what", OTHER_SCHEMAS)
def test_a_catalog_with_another_schema(what: str, seed: Path, tmp_path: Path) -> None:
    index = catalog_seed.copy(seed / "i", tmp_path / "i")
    with opened(index) as connection:
        connection.executescript(OTHER_SCHEMAS[what])
    for words in (*doors.readers(index, seed).values(), *doors.writers(index, seed).values()):
        ended = doors.command(words)
        assert (ended.code, ended.fault) == (1, None), ended
        assert "is not a catalog of Twinlens" in ended.out + ended.err
    (finding,) = inspect(index).findings
    assert finding.file == CATALOG_NAME


def test_an_endless_view_behind_a_broken_seal(seed: Path, tmp_path: Path) -> None:
    """Where the seal does not fit, the generation is read to say why: from a table, then."""
    index = catalog_seed.copy(seed / "i", tmp_path / "i")
    with closing(sqlite3.connect(index / CATALOG_NAME)) as connection:
        connection.executescript(OTHER_SCHEMAS["endless settings"])
    ended = doors.command(["info", str(index)])
    assert (ended.code, ended.fault) == (1, None)


def test_an_index_of_every_older_version_has_the_schema_of_its_version(pictures: Path, tmp_path: Path) -> None:
    from tests.older_catalogs import MADE_BY_STEP, downgrade

    build(pictures, tmp_path / "new", FAST)
    for version in (1, *MADE_BY_STEP):
        old = tmp_path / str(version)
        shutil.copytree(tmp_path / "new", old)
        downgrade(old, version)
        if version >= 6:
            reseal(old, Catalog.read(tmp_path / "new").generation())
        assert len(open_index(old).pictures()) == 12
        Catalog.write(old).close()


def test_columns_of_metadata_come_and_go(seed: Path, tmp_path: Path) -> None:
    index = catalog_seed.copy(seed / "i", tmp_path / "i")
    for name in ("count", "day"):
        assert doors.command(["metadata", "--drop", name, "--index", str(index)]).code == 0
        assert inspect(index).findings == []
    assert doors.command(["metadata", str(seed / "columns.csv"), "--index", str(index)]).code == 0
    assert inspect(index).findings == []


LOOKED_AT = "INSERT INTO looked_at (path, bytes, mtime_ns, content, width, height, reason)"
STAGED = {
    "view": "DROP TABLE looked_at; CREATE VIEW looked_at AS SELECT 1 AS path;",
    "trigger": "CREATE TRIGGER t AFTER INSERT ON vectors BEGIN DELETE FROM exif; END;",
    "path": f"{LOOKED_AT} VALUES (7, 1, 1, 'x', 1, 1, NULL)",
    "NUL": f"{LOOKED_AT} VALUES (x'61006200', 1, 1, 'x', 1, 1, NULL)",
    "size": f"{LOOKED_AT} VALUES (x'61', 'many', 1, 'x', 1, 1, NULL)",
    "vector": "INSERT INTO vectors VALUES ('x', 1, 1, x'0102')",
    "moment": "INSERT INTO exif VALUES ('x', 'yesterday', NULL)",
}


@pytest.mark.parametrize("what", STAGED)
def test_staged_pictures_that_are_not_ours_are_embedded_again(what: str, pictures: Path, tmp_path: Path) -> None:
    from indexer.pipeline.staging import Staging

    folder = tmp_path / "i"
    folder.mkdir()
    fingerprint = load_encoder("color-layout").fingerprint
    Staging(folder, fingerprint).close()
    file = folder / f"staging-{fingerprint}.sqlite"
    with closing(sqlite3.connect(file)) as connection:
        connection.executescript(STAGED[what])
    Catalog.write(folder).close()
    assert build(pictures, folder, FAST).images == 12
    assert inspect(folder).findings == []


def test_opening_is_one_helper(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"x")
    (tmp_path / "link").symlink_to(tmp_path / "file")
    with open_regular(tmp_path / "link") as stream:
        assert stream.read() == b"x"
    put("pipe", tmp_path / "pipe")
    (tmp_path / "to the pipe").symlink_to(tmp_path / "pipe")
    with doors.watchdog(), pytest.raises(DamagedFileError, match="named pipe"):
        open_regular(tmp_path / "to the pipe")


def test_the_checksum_of_a_file_is_not_of_a_pipe(seed: Path, tmp_path: Path) -> None:
    """A catalog that says 0 bytes, the checksum of nothing, and a pipe in its place."""
    index = catalog_seed.copy(seed / "i", tmp_path / "i")
    with opened(index) as connection:
        connection.execute("UPDATE files SET bytes = 0, sha256 = ?", (sha256(b"").hexdigest(),))
    for path in (index / "segments").iterdir():
        put("pipe", path)
    ended = doors.command(["check", str(index)])
    assert (ended.code, ended.fault) == (1, None)
    assert "named pipe" in ended.out
