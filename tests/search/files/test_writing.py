"""Files are written completely or not at all, under their own name, and never through a link."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from search.errors import DataError, IndexFolderError
from search.files.writing import (
    ASIDE_NAME,
    new_file,
    open_own,
    output_file,
    read_own,
    replaced,
    require_own_file,
    require_own_folder,
    write_file,
)


def test_a_file_appears_only_when_complete(tmp_path: Path) -> None:
    with replaced(tmp_path / "a") as stream:
        stream.write(b"new")
        stream.flush()
        (aside,) = tmp_path.iterdir()
        assert ASIDE_NAME.fullmatch(aside.name)
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("a", b"new")]
    write_file(tmp_path / "a", "Łódź")
    assert (tmp_path / "a").read_text("utf-8") == "Łódź"


def test_an_error_leaves_the_existing_file_unchanged(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("old")
    for write in (replaced, output_file):
        given = write(tmp_path / "a")
        given.__enter__().write(b"new")
        assert not given.__exit__(ZeroDivisionError, ZeroDivisionError(), None)
        assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("a", "old")]


def test_a_link_is_replaced_and_its_target_kept(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("thesis")
    for write in (replaced, output_file):
        (tmp_path / "a").symlink_to(tmp_path / "mine")
        with write(tmp_path / "a") as stream:
            stream.write(b"new")
        assert not (tmp_path / "a").is_symlink()
        assert (tmp_path / "a").read_text() == "new"
        (tmp_path / "a").unlink()
    os.link(tmp_path / "mine", tmp_path / "a")
    write_file(tmp_path / "a", b"new")
    assert (tmp_path / "mine").read_text() == "thesis"


def test_a_new_file_does_not_replace_an_existing_one(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("old")
    (tmp_path / "b").symlink_to(tmp_path / "gone")
    for name in "ab":
        with pytest.raises(FileExistsError):
            new_file(tmp_path / name)
    assert not (tmp_path / "gone").exists()
    assert (tmp_path / "a").read_text() == "old"


def test_written_files_have_default_permissions(tmp_path: Path) -> None:
    before = os.umask(0o022)
    try:
        write_file(tmp_path / "a", b"")
    finally:
        os.umask(before)
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o644


def test_named_devices_and_pipes_are_written_to(tmp_path: Path) -> None:
    with output_file(Path("/dev/null")) as stream:
        stream.write(b"x")
    assert Path("/dev/null").is_char_device()
    os.mkfifo(tmp_path / "pipe")
    reader = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    with output_file(tmp_path / "pipe") as stream:
        stream.write(b"x")
    assert os.read(reader, 10) == b"x"
    os.close(reader)
    with (tmp_path / "a").open("wb") as file, output_file(Path(f"/dev/fd/{file.fileno()}")) as stream:
        stream.write(b"through")
    assert (tmp_path / "a").read_bytes() == b"through"


def test_only_regular_files_are_read_or_changed_in_place(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("mine")
    (tmp_path / "link").symlink_to(tmp_path / "a")
    (tmp_path / "dangling").symlink_to(tmp_path / "gone")
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    for name in ("link", "dangling", "folder", "pipe"):
        with pytest.raises(OSError, match=name):
            read_own(tmp_path / name, 10)
        with pytest.raises(OSError, match=name):
            open_own(tmp_path / name, append=True)
        with pytest.raises(IndexFolderError, match=name):
            require_own_file(tmp_path / name)
    for name in ("a", "link", "dangling", "pipe"):
        with pytest.raises(IndexFolderError, match=name):
            require_own_folder(tmp_path / name)
    assert read_own(tmp_path / "a", 3) == b"min"
    with open_own(tmp_path / "a", append=True) as stream:
        stream.write(b"!")
    assert (tmp_path / "a").read_text() == "mine!"
    assert not (tmp_path / "gone").exists()
    for missing in (require_own_file, require_own_folder):
        missing(tmp_path / "missing")
    require_own_folder(tmp_path / "folder")
    require_own_file(tmp_path / "a")
    os.link(tmp_path / "a", tmp_path / "second")
    with pytest.raises(IndexFolderError, match="hard links"):
        require_own_file(tmp_path / "a")


def test_an_output_that_cannot_be_written_is_reported(tmp_path: Path) -> None:
    for path in (tmp_path / "missing" / "a.png", tmp_path, Path("/dev/full")):
        with (
            pytest.raises(DataError, match=rf"^{path}: cannot be written \(.*Name another file"),
            output_file(path) as stream,
        ):
            stream.write(b"x")
    assert list(tmp_path.iterdir()) == []
