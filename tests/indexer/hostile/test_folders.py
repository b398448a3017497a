"""What a folder can hold that is no picture, or that nobody may look at: found, named, never waited for."""

from __future__ import annotations

import errno
import os
import shutil
import socket
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from indexer.collection.build import build
from indexer.pipeline.scan import scan
from search import DataError, PictureError, open_index
from search.pictures.decode import read_file
from tests.conftest import FAST, draw, fill

NOBODY = 65534


def names(pictures: Path, **options) -> list[str]:
    return [str(file.path.relative_to(pictures)) for file in scan(pictures, **options)]


@contextmanager
def as_nobody() -> Iterator[Path]:
    """A folder of somebody whom permissions hold back: root may look everywhere."""
    folder = Path(tempfile.mkdtemp())
    root = os.geteuid() == 0
    try:
        if root:
            folder.chmod(0o755)
            os.chown(folder, NOBODY, NOBODY)
            os.seteuid(NOBODY)
        yield folder
    finally:
        if root:
            os.seteuid(0)
        for path in folder.rglob("*"):
            if path.is_dir():
                path.chmod(0o700)
        shutil.rmtree(folder)


def test_loops_of_links_end(tmp_path: Path) -> None:
    fill(tmp_path / "p", 2, labels=1)
    (tmp_path / "p" / "up").symlink_to(tmp_path, target_is_directory=True)
    (tmp_path / "p" / "label0" / "self").symlink_to(tmp_path / "p" / "label0", target_is_directory=True)
    (tmp_path / "p" / "one.png").symlink_to("other.png")
    (tmp_path / "p" / "other.png").symlink_to("one.png")
    (tmp_path / "p" / "itself.png").symlink_to("itself.png")
    report = build(tmp_path / "p", tmp_path / "i", FAST)
    assert report.images == 2
    assert [path.name for path, _ in report.skipped] == ["itself.png", "one.png", "other.png"]
    assert {reason for _, reason in report.skipped} == {"cannot be read (Too many levels of symbolic links)"}


def test_links_to_files_are_followed_and_dangling_ones_left_out(tmp_path: Path) -> None:
    (tmp_path / "p").mkdir()
    draw(1).save(tmp_path / "outside.png")
    (tmp_path / "p" / "link.png").symlink_to(tmp_path / "outside.png")
    (tmp_path / "p" / "dangling.png").symlink_to(tmp_path / "nowhere.png")
    (tmp_path / "p" / "through.png").symlink_to(tmp_path / "outside.png" / "below.png")
    report = build(tmp_path / "p", tmp_path / "i", FAST)
    assert report.images == 1
    assert [path.name for path, _ in report.skipped] == ["through.png"]
    with open_index(tmp_path / "i") as engine:
        assert engine.search(tmp_path / "outside.png", 1)[0].path == tmp_path / "p" / "link.png"


def test_what_is_no_regular_file_is_named_and_not_waited_for(tmp_path: Path) -> None:
    fill(tmp_path / "p", 1, labels=1)
    (tmp_path / "p" / "folder.png").mkdir()
    os.mkfifo(tmp_path / "p" / "pipe.png")
    made = ["pipe.png", "socket.png"]
    with socket.socket(socket.AF_UNIX) as listener:
        here = Path.cwd()
        os.chdir(tmp_path / "p")  # a socket's path may have 107 bytes only
        try:
            listener.bind("socket.png")
        finally:
            os.chdir(here)
        if os.geteuid() == 0:
            try:
                os.mknod(tmp_path / "p" / "device.png", stat.S_IFCHR | 0o600, os.makedev(1, 5))  # /dev/zero
                made = ["device.png", *made]
            except PermissionError:
                assert os.geteuid() == 0  # a container that may make no devices
        report = build(tmp_path / "p", tmp_path / "i", FAST)
    assert report.images == 1
    assert [(path.name, reason) for path, reason in report.skipped] == [(n, "is not a regular file") for n in made]


def test_an_unreadable_folder_is_told_and_the_others_are_scanned() -> None:
    with as_nobody() as folder:
        fill(folder / "p", 4, labels=2)
        (folder / "p" / "label0").chmod(0)
        told: list[tuple[Path, OSError]] = []
        assert names(folder / "p", unreadable=lambda *what: told.append(what)) == ["label1/0001.png", "label1/0003.png"]
        assert [(path, error.errno) for path, error in told] == [(folder / "p" / "label0", errno.EACCES)]
        with pytest.raises(DataError, match=r"label0: cannot be read.*permissions"):
            scan(folder / "p")


def test_a_folder_that_can_be_listed_but_not_entered() -> None:
    with as_nobody() as folder:
        fill(folder / "p", 2, labels=2)
        (folder / "p" / "label0").chmod(0o400)
        told: list[Path] = []
        assert names(folder / "p", unreadable=lambda path, _: told.append(path)) == ["label1/0001.png"]
        assert told == [folder / "p" / "label0" / "0000.png"]


def test_the_folder_itself_must_be_readable() -> None:
    with as_nobody() as folder:
        fill(folder / "p", 1)
        (folder / "p").chmod(0)
        with pytest.raises(DataError, match="p: cannot be read"):
            scan(folder / "p", unreadable=lambda *_: None)
        with pytest.raises(DataError, match="cannot be read"):
            scan(folder / "p" / "label0")


def test_an_unreadable_file_is_found_and_says_so_when_read() -> None:
    with as_nobody() as folder:
        (path,) = fill(folder / "p", 1, labels=1)
        path.chmod(0)
        assert [file.path for file in scan(folder / "p")] == [path]
        with pytest.raises(PictureError, match="permission denied"):
            read_file(path)


def test_a_sparse_file_of_100_gigabytes_is_not_read(tmp_path: Path) -> None:
    fill(tmp_path / "p", 1, labels=1)
    with (tmp_path / "p" / "sparse.png").open("wb") as file:
        file.truncate(100 << 30)
    report = build(tmp_path / "p", tmp_path / "i", FAST)
    assert report.images == 1
    assert [reason for _, reason in report.skipped] == ["too many bytes: more than the limit of 536,870,912"]
