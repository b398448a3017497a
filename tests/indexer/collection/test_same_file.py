"""Whether a file is as it was when it was read: size, times and inode; and reading all of it where that is asked."""

import os
import shutil
import sqlite3
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from indexer.collection.build import build
from indexer.collection.sync import sync
from indexer.health.check import check
from indexer.pipeline import embed as embedding
from indexer.pipeline.scan import FoundFile
from indexer.pipeline.staging import ReadResult, Staging
from indexer.pipeline.survey import is_same
from search import open_index
from search.encoders.color_layout import ColorLayoutEncoder
from tests.command_line import twinlens
from tests.conftest import FAST, fill
from tests.older_catalogs import downgrade

REHASH = replace(FAST, rehash=True)


@pytest.fixture
def work(monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """How many files were read, and how many pictures embedded."""
    done = {"read": 0, "embedded": 0}
    read, encode = embedding.read_steady, ColorLayoutEncoder.encode_prepared

    def counted_read(*words: object, **more: object) -> object:
        done["read"] += 1
        return read(*words, **more)  # type: ignore[arg-type]

    def counted_encode(self: ColorLayoutEncoder, batch: np.ndarray) -> np.ndarray:
        done["embedded"] += len(batch)
        return encode(self, batch)

    monkeypatch.setattr(embedding, "read_steady", counted_read)
    monkeypatch.setattr(ColorLayoutEncoder, "encode_prepared", counted_encode)
    return done


def bitmap(path: Path, shade: int) -> None:
    """A picture whose file has the same size whatever it shows."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (40, 30), (shade, 255 - shade, 90)).save(path, "BMP")


@pytest.fixture
def place(tmp_path: Path) -> Path:
    for number in range(3):
        bitmap(tmp_path / "p" / "sub" / f"{number}.bmp", 40 * number)
    build(tmp_path / "p", tmp_path / "i", FAST)
    return tmp_path


def nearest(index: Path, shade: int) -> float:
    with open_index(index, device="cpu") as engine:
        return engine.search(Image.new("RGB", (40, 30), (shade, 255 - shade, 90)), k=1)[0].distance


@pytest.mark.parametrize("how", ["in place", "another file of this name"])
def test_other_content_of_the_same_size_and_time_is_seen(how: str, place: Path) -> None:
    path = place / "p" / "sub" / "0.bmp"
    before = path.stat()
    if how == "in place":
        bitmap(path, 200)
    else:
        bitmap(place / "other.bmp", 200)
        (place / "other.bmp").replace(path)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    after = path.stat()
    assert (before.st_size, before.st_mtime_ns) == (after.st_size, after.st_mtime_ns)
    report = sync(place / "p", place / "i", FAST)
    assert (report.changed, report.unchanged) == (1, 2)
    assert nearest(place / "i", 200) == pytest.approx(0, abs=1e-6)
    assert nearest(place / "i", 0) > 0.01
    assert sync(place / "p", place / "i", FAST).unchanged == 3


def test_nothing_is_read_where_nothing_changed(place: Path, work: dict[str, int]) -> None:
    assert sync(place / "p", place / "i", FAST).unchanged == 3
    assert work == {"read": 0, "embedded": 0}


@pytest.mark.parametrize("how", ["copied", "permissions", "hard link"])
def test_what_only_looks_changed_is_read_once_and_not_embedded(how: str, place: Path, work: dict[str, int]) -> None:
    folder = place / "p"
    if how == "copied":
        shutil.copytree(folder, place / "copy", copy_function=shutil.copy2)
        shutil.rmtree(folder)
        (place / "copy").rename(folder)
    for path in sorted(folder.rglob("*.bmp")):
        if how == "permissions":
            path.chmod(0o640)
        elif how == "hard link":
            os.link(path, place / path.name)
    report = sync(folder, place / "i", FAST)
    assert (report.read_again, report.unchanged, report.changed, report.embedded) == (3, 3, 0, 0)
    assert work == {"read": 3, "embedded": 0}
    assert sync(folder, place / "i", FAST).read_again == 0
    assert work["read"] == 3


def test_rehash_reads_everything(place: Path, work: dict[str, int]) -> None:
    """The last resort: a file system that sets back even the time of the inode."""
    report = sync(place / "p", place / "i", REHASH)
    assert (report.read_again, report.unchanged, report.embedded) == (3, 3, 0)
    assert work == {"read": 3, "embedded": 0}
    path = place / "p" / "sub" / "1.bmp"
    bitmap(path, 210)
    status = path.stat()
    with sqlite3.connect(place / "i" / "catalog.sqlite") as connection:  # as if nothing could be seen
        connection.execute(
            "UPDATE pictures SET mtime_ns = ?, ctime_ns = ?, inode = ? WHERE path = ?",
            (status.st_mtime_ns, status.st_ctime_ns, status.st_ino, str(path)),
        )
    connection.close()
    (place / "i" / "catalog.seal").unlink()
    from search.store.catalog import Catalog

    Catalog.write(place / "i", reseal=True).close()
    assert sync(place / "p", place / "i", FAST).unchanged == 3
    assert build(place / "p", place / "i", REHASH).changed == 1
    assert nearest(place / "i", 210) == pytest.approx(0, abs=1e-6)


def test_the_command(place: Path) -> None:
    done = twinlens("sync", place / "p", "--index", place / "i", "--rehash")
    assert done.returncode == 0
    assert "3 files read again, with the same content" in done.stdout


def test_an_older_index_is_taken_at_its_word_and_notes_the_inodes(place: Path, work: dict[str, int]) -> None:
    downgrade(place / "i", 6)
    report = sync(place / "p", place / "i", FAST)
    assert (report.unchanged, report.read_again, report.changed) == (3, 0, 0)
    assert work["read"] == 0
    with open_index(place / "i") as engine:
        for record in engine.pictures():
            status = record.path.stat()
            assert (record.ctime_ns, record.inode) == (status.st_ctime_ns, status.st_ino)
    path = place / "p" / "sub" / "0.bmp"
    before = path.stat()
    bitmap(path, 222)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert sync(place / "p", place / "i", FAST).changed == 1, "from then on it is seen"


@pytest.mark.parametrize("version", [1, 4, 5, 6])
def test_catalogs_of_every_version_open_answer_and_sync(version: int, place: Path) -> None:
    downgrade(place / "i", version)
    assert nearest(place / "i", 40) == pytest.approx(0, abs=1e-6)
    with open_index(place / "i") as engine:
        assert [record.inode for record in engine.pictures()] == [None] * 3
    shutil.rmtree(place / "p" / "sub")
    bitmap(place / "p" / "else" / "9.bmp", 99)
    report = sync(place / "p", place / "i", FAST)
    assert (report.added, report.kept) == (1, 3)
    assert check(place / "i") == []


def test_inodes_that_are_new_each_time_cost_one_reading(
    place: Path, work: dict[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """FAT and some networks number files anew at each mount, and tell the same times."""
    mounts = iter(range(1, 100))
    real = FoundFile.of

    def mount() -> None:
        shift = 1000 * next(mounts)

        def of(path: Path, status: os.stat_result) -> FoundFile:
            return replace(real(path, status), inode=status.st_ino + shift)

        monkeypatch.setattr(FoundFile, "of", of)

    mount()
    assert sync(place / "p", place / "i", FAST).read_again == 3
    for _ in range(3):
        mount()
        report = sync(place / "p", place / "i", FAST)
        assert (report.unchanged, report.read_again) == (3, 0)
    assert work == {"read": 3, "embedded": 0}
    path = place / "p" / "sub" / "0.bmp"
    before = path.stat()
    bitmap(path, 222)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert sync(place / "p", place / "i", FAST).changed == 1, "the time of the inode still counts"


def test_numbers_that_sqlite_cannot_hold(tmp_path: Path) -> None:
    class Status:
        st_size, st_mtime_ns, st_ctime_ns, st_ino = 1, 2, 3, 2**64 - 5

    found = FoundFile.of(tmp_path, Status())  # type: ignore[arg-type]
    assert found.inode is not None
    assert 0 <= found.inode < 2**63


def test_what_an_older_version_staged_is_taken_over(place: Path) -> None:
    file = place / "i" / "staging-abc.sqlite"
    with sqlite3.connect(file) as connection:
        connection.executescript(
            "CREATE TABLE looked_at (path BLOB PRIMARY KEY, bytes INTEGER, mtime_ns INTEGER, content TEXT,"
            " width INTEGER, height INTEGER, reason TEXT);"
            "INSERT INTO looked_at VALUES (CAST('/a.png' AS BLOB), 5, 6, 'c', 7, 8, NULL);"
        )
    connection.close()
    staging = Staging(place / "i", "abc")
    old = staging.results([Path("/a.png")])[Path("/a.png")]
    assert is_same(old, FoundFile(Path("/a.png"), 5, 6, 99, 98))
    staging.add([ReadResult(Path("/b.png"), 1, 2, "d", 3, 4, None, 9, 10)], [])
    new = staging.results([Path("/b.png")])[Path("/b.png")]
    assert (new.ctime_ns, new.inode) == (9, 10)
    assert not is_same(new, FoundFile(Path("/b.png"), 1, 2, 9, 11))
    staging.discard()


def test_a_killed_run_does_not_take_what_changed_since_for_what_it_read(tmp_path: Path, work: dict[str, int]) -> None:
    paths = fill(tmp_path / "p", 4)
    build(tmp_path / "p", tmp_path / "i", FAST)
    known = FoundFile.of(paths[0], paths[0].stat())
    look = ReadResult(known.path, known.bytes, known.mtime_ns, ctime_ns=known.ctime_ns, inode=known.inode)
    assert is_same(look, known)
    paths[0].chmod(0o600)
    assert not is_same(look, FoundFile.of(paths[0], paths[0].stat()))
