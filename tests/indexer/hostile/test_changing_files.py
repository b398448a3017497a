"""Files that vanish, grow, shrink or are replaced between the scan, the reading and the end of it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from indexer.collection.build import build
from indexer.pipeline.progress import Silent
from search import PictureError, open_index
from search.pictures import source as picture_source
from search.pictures.decode import read_file
from search.pictures.source import read_steady
from search.store.catalog import Catalog
from tests.conftest import FAST, draw, fill


class AfterTheScan(Silent):
    """Alters the folder when the files are known and none is read yet."""

    def __init__(self, alter: Callable[[], None]) -> None:
        self._alter = alter

    def begin(self, stage: str, total: int | None) -> None:
        if stage == "embed":
            self._alter()


def while_it_is_read(monkeypatch: pytest.MonkeyPatch, alter: Callable[[int], None]) -> None:
    """Call `alter` with the number of the attempt, when half of the file has been read."""
    attempts: list[int] = []

    def opened(descriptor: int, *words, **options):
        file = os.fdopen(descriptor, *words, **options)
        read = file.read

        class Slow:
            def __enter__(self):
                return self

            def __exit__(self, *_):
                file.close()

            def read(self, size: int) -> bytes:
                start = read(os.fstat(descriptor).st_size // 2)
                alter(len(attempts))
                attempts.append(size)
                return start + read(size)

        return Slow()

    monkeypatch.setattr(picture_source, "open", opened, raising=False)


def write(path: Path, data: bytes, moment: int) -> None:
    path.write_bytes(data)
    os.utime(path, (moment, moment))


def test_a_file_written_once_while_it_is_read_is_read_again(tmp_path, monkeypatch):
    path = tmp_path / "x.png"
    write(path, b"a" * 100, 1)
    while_it_is_read(monkeypatch, lambda attempt: write(path, b"b" * 100, 2) if attempt == 0 else None)
    data, status = read_steady(path)
    assert data == b"b" * 100
    assert (status.st_size, status.st_mtime) == (100, 2)


@pytest.mark.parametrize("step", [-7, 0, 7])
def test_a_file_that_grows_shrinks_or_changes_all_the_time_is_refused(tmp_path, monkeypatch, step):
    path = tmp_path / "x.png"
    write(path, b"a" * 100, 1)
    while_it_is_read(monkeypatch, lambda attempt: write(path, b"b" * (100 + step * (attempt + 1)), attempt + 2))
    with pytest.raises(PictureError, match="changed while it was read"):
        read_file(path)


def test_a_file_replaced_while_it_is_read_gives_the_old_bytes_with_the_old_time(tmp_path, monkeypatch):
    path = tmp_path / "x.png"
    write(path, b"a" * 100, 1)
    write(tmp_path / "new", b"b" * 200, 2)
    while_it_is_read(monkeypatch, lambda _: (tmp_path / "new").replace(path))
    data, status = read_steady(path)
    assert (data, status.st_size, status.st_mtime) == (b"a" * 100, 100, 1)


def test_a_file_deleted_while_it_is_read_was_read(tmp_path, monkeypatch):
    path = tmp_path / "x.png"
    write(path, b"a" * 100, 1)
    while_it_is_read(monkeypatch, lambda _: path.unlink())
    assert read_file(path) == b"a" * 100


def test_a_file_replaced_by_a_folder_between_two_attempts(tmp_path, monkeypatch):
    path = tmp_path / "x.png"
    write(path, b"a" * 100, 1)

    def alter(_attempt: int) -> None:
        write(path, b"b" * 50, 2)
        path.unlink()
        path.mkdir()

    while_it_is_read(monkeypatch, alter)
    with pytest.raises(PictureError, match="is a folder"):
        read_file(path)


def test_a_build_whose_files_change_after_the_scan(tmp_path):
    vanished, folder, broken, other, whole = fill(tmp_path / "p", 5, labels=1)
    os.utime(other, (1, 1))

    def alter() -> None:
        vanished.unlink()
        folder.unlink()
        folder.mkdir()
        broken.write_bytes(b"no longer a picture")
        draw(99).save(other)

    report = build(tmp_path / "p", tmp_path / "i", FAST, progress=AfterTheScan(alter))
    assert report.images == 2
    assert dict(report.skipped) == {
        vanished: "no such file",
        folder: "is a folder, not a picture",
        broken: "not a picture: it is text",
    }
    catalog = Catalog.read(tmp_path / "i")
    stored = {record.path: (record.bytes, record.mtime_ns) for record in catalog.pictures.records()}
    catalog.close()
    assert stored == {path: (path.stat().st_size, path.stat().st_mtime_ns) for path in (other, whole)}
    with open_index(tmp_path / "i") as engine:
        assert engine.search(draw(99), 1)[0].distance < 1e-3
    again = build(tmp_path / "p", tmp_path / "i", FAST)
    assert (again.embedded, again.changed, again.unchanged) == (0, 0, 2)
    assert [path for path, _ in again.skipped] == [broken]


def test_a_whole_folder_that_vanishes_after_the_scan_loses_only_itself(tmp_path):
    fill(tmp_path / "p", 6, labels=2)
    report = build(
        tmp_path / "p", tmp_path / "i", FAST, progress=AfterTheScan(lambda: shutil.rmtree(tmp_path / "p" / "label0"))
    )
    assert report.images == 3
    assert {(path.parent.name, reason) for path, reason in report.skipped} == {("label0", "no such file")}
