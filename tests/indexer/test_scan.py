"""What a folder scan finds, and which label each picture gets."""

import os
from pathlib import Path

import pytest

from indexer.scan import labeller, scan
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


def test_labels_by_folder(tmp_path: Path) -> None:
    label = labeller("folder", tmp_path)
    assert label(tmp_path / "1.png") is None
    assert label(tmp_path / "cat" / "1.png") == "cat"
    assert label(tmp_path / "train" / "cat" / "1.png") == "cat"
    assert labeller("none", tmp_path)(tmp_path / "cat" / "1.png") is None


@pytest.mark.parametrize("text", ["file,label\n1.png,cat\n", "path\n1.png\n", ""])
def test_a_csv_without_the_columns(text: str, tmp_path: Path) -> None:
    (tmp_path / "l.csv").write_text(text)
    with pytest.raises(DataError, match=r"l\.csv.*column"):
        labeller(str(tmp_path / "l.csv"), tmp_path)


def test_a_missing_csv(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"l\.csv"):
        labeller(str(tmp_path / "l.csv"), tmp_path)


def test_csv_paths(tmp_path: Path) -> None:
    (tmp_path / "tables").mkdir()
    table = tmp_path / "tables" / "l.csv"
    rows = ["\ufeffpath,label,more", 'sub/1.png,"a, b",x', f"{tmp_path}/2.png,two,", "../3.png,three,", "4.png,,"]
    table.write_text("\n".join(rows), "utf-8")
    label = labeller(str(table), tmp_path)
    names = ("sub/1.png", "2.png", "3.png", "4.png")
    assert [label(tmp_path / name) for name in names] == ["a, b", "two", "three", None]
