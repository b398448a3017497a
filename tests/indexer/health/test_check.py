"""What `check` says: which rows, which pictures, what is only a note; block checksums against a loop by hand."""

import json
import zlib
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

import search.store.vector_file as vector_file
from indexer.cli.app import app
from indexer.collection.build import build
from indexer.health.check import check, inspect
from search import IndexFolderError, open_index
from search.errors import DamagedFileError
from search.store.catalog import Catalog
from search.store.records import FileRecord
from search.store.vector_file import BlockGuard, find_damage, write_vectors
from tests.conftest import FAST, draw, fill

DIM = 5


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks of a few rows, so that small files have several."""
    monkeypatch.setattr(vector_file, "BLOCK_BYTES", 1200)


def written(folder: Path, rows: int) -> tuple[Path, np.ndarray, FileRecord]:
    vectors = np.random.default_rng(rows).normal(size=(rows, DIM)).astype(np.float32)
    return folder / "v.npy", vectors, write_vectors(folder, "v.npy", vectors)


@pytest.mark.parametrize("rows", [0, 1, 59, 60, 61, 150, 180])
def test_a_file_of_vectors_is_numpys(rows: int, tmp_path: Path, small_blocks: None) -> None:
    file, vectors, record = written(tmp_path, rows)
    np.testing.assert_array_equal(np.load(file), vectors)
    np.save(tmp_path / "by_numpy.npy", vectors)
    assert file.read_bytes() == (tmp_path / "by_numpy.npy").read_bytes()
    assert record.blocks is not None
    assert record.blocks.rows == 60
    by_hand = [zlib.crc32(vectors[start : start + 60].tobytes()) for start in range(0, rows, 60)]
    assert np.frombuffer(record.blocks.crc32, "<u4").tolist() == by_hand
    assert find_damage(file, record, rows, DIM) is None


def test_columns_and_other_orders_are_written_by_rows(tmp_path: Path, small_blocks: None) -> None:
    vectors = np.asfortranarray(np.random.default_rng(0).normal(size=(130, DIM)).astype(np.float32))
    record = write_vectors(tmp_path, "v.npy", vectors)
    np.testing.assert_array_equal(np.load(tmp_path / "v.npy"), vectors)
    assert find_damage(tmp_path / "v.npy", record, 130, DIM) is None


def test_damaged_blocks_are_those_of_the_damaged_rows(tmp_path: Path, small_blocks: None) -> None:
    file, vectors, record = written(tmp_path, 250)
    data = file.read_bytes()
    header = len(data) - vectors.nbytes
    for rows, expected in (
        ([0], [range(60)]),
        ([59, 60], [range(120)]),
        ([249], [range(240, 250)]),
        ([10, 130], [range(60), range(120, 180)]),
    ):
        damaged = bytearray(data)
        for row in rows:
            damaged[header + row * DIM * 4] ^= 1
        file.write_bytes(damaged)
        found = find_damage(file, record, 250, DIM)
        assert found is not None
        assert found.rows == expected
    file.write_bytes(data[: header + 130 * DIM * 4])
    assert find_damage(file, record, 250, DIM).rows == [range(120, 250)]  # type: ignore[union-attr]
    file.write_bytes(data[:20] + b"!" + data[21:])
    found = find_damage(file, record, 250, DIM)
    assert (found.rows, "header" in found.problem) == ([], True)  # type: ignore[union-attr]
    file.unlink()
    assert find_damage(file, record, 250, DIM).rows == [range(250)]  # type: ignore[union-attr]


def test_a_guard_verifies_what_is_used_and_nothing_else(tmp_path: Path, small_blocks: None) -> None:
    file, vectors, record = written(tmp_path, 250)
    assert record.blocks is not None
    held = vectors.copy()
    held[130, 2] = np.nan
    guard = BlockGuard(file, held, record.blocks)
    guard.use(np.array([[0, 119], [-1, 249]]))
    guard.use(np.array([], dtype=np.int64))
    for rows in (np.array([179]), None):
        with pytest.raises(DamagedFileError, match=r"v\.npy: damaged in rows 120 to 179"):
            guard.use(rows)
    held[130] = vectors[130]
    guard.use()
    held[:] = 0  # verified once: not looked at again
    guard.use()


@pytest.fixture
def blocks(small_blocks: None, tmp_path: Path) -> Path:
    """An index of 12 pictures in blocks of a few rows."""
    fill(tmp_path / "p", 12)
    build(tmp_path / "p", tmp_path / "i", FAST)
    return tmp_path / "i"


def spoil(index: Path, row: int) -> Path:
    """Change one number of one row of the first segment."""
    catalog = Catalog.read(index, verify=False)
    segment, dim = catalog.segments.records()[0], catalog.settings()["dim"]
    catalog.close()
    file = index / segment.vectors
    data = bytearray(file.read_bytes())
    data[len(data) - (segment.rows - row) * dim * 4] ^= 1
    file.write_bytes(data)
    return file


def test_the_pictures_of_a_damaged_block_are_named(blocks: Path) -> None:
    catalog = Catalog.read(blocks)
    record = next(file for file in catalog.files.records() if file.blocks is not None)
    rows = record.blocks.rows  # type: ignore[union-attr]
    assert 1 <= rows < 6, "several blocks"
    suffering = [str(catalog.pictures.shown_at(1, [row], ())[row].path) for row in range(rows, 2 * rows)]
    catalog.close()
    file = spoil(blocks, rows)
    (finding,) = inspect(blocks).findings
    assert [str(picture.path) for picture in finding.pictures] == suffering
    assert (finding.part, finding.segment, finding.suffering) == ("vectors", 1, rows)
    assert finding.rows == (range(rows, 2 * rows),)
    (line,) = check(blocks)
    assert line.startswith(str(file))
    assert all(path in line for path in suffering)
    with open_index(blocks) as engine:  # what is intact answers; what is damaged is refused
        assert engine.vector(1).shape == (engine.dim,)
        with pytest.raises(IndexFolderError, match=f"rows {rows} to"):
            engine.search(draw(3), 3)


def test_json_names_all_and_text_the_first(index: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("indexer.health.check.NAMED_PICTURES", 2)
    spoil(index, 0)
    report = inspect(index, named=2)
    assert [len(finding.pictures) for finding in report.findings] == [2]
    assert "12 pictures are affected" in str(report.findings[0])
    assert "and 10 more" in str(report.findings[0])
    done = CliRunner().invoke(app, ["check", str(index), "--json"])
    told = json.loads(done.stdout)
    assert (done.exit_code, told["whole"]) == (1, False)
    assert len(told["findings"][0]["pictures"]) == told["findings"][0]["suffering"] == 12
    assert CliRunner().invoke(app, ["check", str(index)]).exit_code == 1


def test_strays_are_notes(index: Path) -> None:
    (index / "segments" / "0123.part").write_bytes(b"of a killed writer")
    (index / "notes.txt").write_text("mine")
    (index / "writer.lock").touch()
    report = inspect(index)
    assert report.whole
    assert [note.split(":")[0] for note in report.notes] == ["notes.txt", "segments/0123.part"]
    done = CliRunner().invoke(app, ["check", str(index)])
    assert done.exit_code == 0
    assert "note: notes.txt" in done.stdout


@pytest.mark.parametrize(
    ("sql", "says"),
    [
        ("DELETE FROM pictures WHERE row = 4", "1 rows have neither a picture nor a tombstone (4)"),
        ("INSERT INTO tombstones VALUES (1, 2, 'x', 1, 1)", "1 rows have a picture and a tombstone (2)"),
        ("UPDATE pictures SET row = 99 WHERE row = 0", "1 rows do not exist (99)"),
        ("UPDATE pictures SET row = -1 WHERE row = 0", "1 rows do not exist (-1)"),
        ("UPDATE segments SET rows = 14", "2 rows have neither a picture nor a tombstone (12, 13)"),
        ("UPDATE segments SET rows = 14", "was not written for 14 rows"),
        ("UPDATE pictures SET segment = 9 WHERE row = 3", "1 rows have neither a picture nor a tombstone (3)"),
        ("UPDATE pictures SET segment = 9 WHERE row = 3", "of pictures belongs to no row of segments"),
    ],
)
def test_rows_and_pictures_that_do_not_fit(sql: str, says: str, index: Path) -> None:
    catalog = Catalog.write(index)
    catalog.database.connection.execute("PRAGMA foreign_keys = OFF")
    with catalog.transaction():
        catalog.database.many(sql, [()])
    catalog.close()
    assert any(says in finding for finding in check(index)), check(index)


def test_no_index_is_an_error_and_no_finding(tmp_path: Path) -> None:
    with pytest.raises(IndexFolderError, match="no index here"):
        check(tmp_path)


def test_an_old_segment_without_blocks_is_verified_as_a_whole(index: Path) -> None:
    catalog = Catalog.write(index)
    with catalog.transaction():
        catalog.database.many("DELETE FROM digests", [()])
    catalog.close()
    assert check(index) == []
    with open_index(index) as engine:
        assert len(engine.search(draw(1), 3)) == 3
    spoil(index, 5)
    (finding,) = inspect(index).findings
    assert finding.suffering == 12
