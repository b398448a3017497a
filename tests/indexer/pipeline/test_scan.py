"""What a folder scan finds."""

import os
from pathlib import Path

import pytest

from indexer.pipeline.scan import scan
from search import DataError


def touch(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(name.encode())


def test_finds_pictures_only_in_order(tmp_path: Path) -> None:
    touch(tmp_path, "b/2.JPG", "a/1.png", "c.heic", "notes.txt", ".hidden.png", ".git/x.png", "a/deep/er/3.webp")
    touch(tmp_path, "photos.index/segments/x.png")
    found = scan(tmp_path, leave_out=tmp_path / "photos.index")
    names = ["a/1.png", "a/deep/er/3.webp", "b/2.JPG", "c.heic"]
    assert [str(file.path.relative_to(tmp_path)) for file in found] == names
    assert [file.bytes for file in found] == [len(name) for name in names]


def test_one_file_is_a_collection(tmp_path: Path) -> None:
    touch(tmp_path, "x.png")
    assert [file.path for file in scan(tmp_path / "x.png")] == [tmp_path / "x.png"]


def test_links(tmp_path: Path) -> None:
    touch(tmp_path, "a/1.png")
    (tmp_path / "a" / "loop").symlink_to(tmp_path, target_is_directory=True)
    (tmp_path / "a" / "same.png").symlink_to(tmp_path / "a" / "1.png")
    (tmp_path / "a" / "dangling.png").symlink_to(tmp_path / "nowhere.png")
    assert [file.path.name for file in scan(tmp_path)] == ["1.png", "same.png"]


def test_missing_folder(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="nowhere"):
        scan(tmp_path / "nowhere")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may list every folder")
def test_unreadable_folder(tmp_path: Path) -> None:
    touch(tmp_path, "a/1.png")
    (tmp_path / "a").chmod(0)
    with pytest.raises(DataError, match="permissions"):
        scan(tmp_path)
    (tmp_path / "a").chmod(0o700)
