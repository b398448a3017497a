import gzip
import io
import struct
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from benchmarks.datasets import ARCHIVES, unpack
from search.errors import DataError


def make_zip(file: Path, members: dict[str, bytes]) -> None:
    with zipfile.ZipFile(file, "w") as packed:
        for name, content in members.items():
            packed.writestr(name, content)


def test_only_pictures_are_unpacked_and_once(tmp_path: Path) -> None:
    make_zip(tmp_path / ARCHIVES["clothing"].file, {"train/hat/1.jpg": b"a", "notes.txt": b"b", "test/hat/2.jpg": b"c"})
    folder = unpack("clothing", tmp_path / "out", tmp_path)
    found = {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    assert found == {"train/hat/1.jpg": b"a", "test/hat/2.jpg": b"c"}
    (tmp_path / ARCHIVES["clothing"].file).unlink()
    assert unpack("clothing", tmp_path / "out", tmp_path) == folder


@pytest.mark.parametrize("name", ["../evil.jpg", "train/../../evil.jpg", "/evil.jpg", "..\\evil.jpg", "C:/evil.jpg"])
def test_a_member_outside_the_folder_is_rejected(tmp_path: Path, name: str) -> None:
    make_zip(tmp_path / ARCHIVES["clothing"].file, {"train/hat/1.jpg": b"a", name: b"evil"})
    with pytest.raises(DataError, match="is outside the folder"):
        unpack("clothing", tmp_path / "out", tmp_path)
    assert not (tmp_path / "out" / "clothing").exists()
    assert not list(tmp_path.rglob("evil*"))


def test_a_tar_archive_gives_its_folder_and_no_links(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / ARCHIVES["omniglot"].file, "w:xz") as tape:
        for name in ("images_background/Greek/character01/1.png", "other/2.png"):
            info = tarfile.TarInfo(name)
            info.size = 1
            tape.addfile(info, io.BytesIO(b"x"))
        link = tarfile.TarInfo("images_background/Greek/character01/link.png")
        link.type, link.linkname = tarfile.SYMTYPE, "../../../../evil"
        tape.addfile(link)
    folder = unpack("omniglot", tmp_path / "out", tmp_path)
    assert [path.relative_to(folder).as_posix() for path in folder.rglob("*.png")] == ["Greek/character01/1.png"]


def test_unknown_names_and_missing_archives(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="clothing"):
        unpack("cloth", tmp_path, tmp_path)
    with pytest.raises(DataError, match="TWINLENS_DATASETS"):
        unpack("clothing", tmp_path, tmp_path)


def make_idx(file: Path, values: np.ndarray) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    head = bytes([0, 0, 8, values.ndim]) + struct.pack(f">{values.ndim}I", *values.shape)
    file.write_bytes(gzip.compress(head + values.astype(np.uint8).tobytes()))


PIXELS = np.arange(3 * 4 * 5).reshape(3, 4, 5)


def make_parts(source: Path, labels: dict[str, list[int]]) -> None:
    for part, codes in labels.items():
        pictures, names = ARCHIVES["mnist"].files(part)
        make_idx(source / pictures, PIXELS[: len(codes)])
        make_idx(source / names, np.array(codes))


def test_idx_files_become_one_folder_per_label(tmp_path: Path) -> None:
    make_parts(tmp_path, {"train": [7, 0, 7], "test": [1, 1]})
    folder = unpack("mnist", tmp_path / "out", tmp_path)
    found = {path.relative_to(folder).as_posix(): np.asarray(Image.open(path)) for path in folder.rglob("*.png")}
    train, test = (
        ["train/0/00001.png", "train/7/00000.png", "train/7/00002.png"],
        ["test/1/00000.png", "test/1/00001.png"],
    )
    assert sorted(found) == [*test, *train]
    assert (found["train/7/00002.png"] == PIXELS[2]).all()
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["mnist"]


@pytest.mark.parametrize("missing", ["train", "test"])
def test_a_missing_part_is_unpacked_and_the_other_part_unchanged(tmp_path: Path, missing: str) -> None:
    other = "test" if missing == "train" else "train"
    (tmp_path / "out" / "mnist" / other).mkdir(parents=True)
    (tmp_path / "out" / "mnist" / other / "own.txt").write_text("mine")
    make_parts(tmp_path, {missing: [3, 4, 3]})
    for _ in range(2):
        folder = unpack("mnist", tmp_path / "out", tmp_path)
        files = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
        assert files == sorted(
            [f"{other}/own.txt", *(f"{missing}/{name}.png" for name in ("3/00000", "3/00002", "4/00001"))]
        )


@pytest.mark.parametrize("labels", [np.array([1, 2]), np.zeros((3, 1))])
def test_idx_files_that_do_not_match(tmp_path: Path, labels: np.ndarray) -> None:
    pictures, names = ARCHIVES["mnist"].files("train")
    make_idx(tmp_path / pictures, np.zeros((3, 4, 5)))
    make_idx(tmp_path / names, labels)
    with pytest.raises(DataError, match="do not match"):
        unpack("mnist", tmp_path / "out", tmp_path)
    assert not (tmp_path / "out" / "mnist").exists()


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"no gzip", id="no gzip"),
        pytest.param(gzip.compress(b""), id="nothing in it"),
        pytest.param(gzip.compress(b"\0\0\x08\x03\0"), id="half a head"),
        pytest.param(gzip.compress(bytes(20)), id="zeros"),
        pytest.param(gzip.compress(b"\0\0\x08\x01\0\0\0\x05abc"), id="values cut"),
    ],
)
def test_damaged_idx_files(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / ARCHIVES["mnist"].files("train")[0]
    file.parent.mkdir()
    file.write_bytes(content)
    with pytest.raises(DataError, match="train-images"):
        unpack("mnist", tmp_path / "out", tmp_path)


def test_a_zip_within_the_archive_is_unpacked_with_its_text_files(tmp_path: Path) -> None:
    make_zip(
        tmp_path / "all_runs.zip", {"run01/test/item01.png": b"a", "run01/class_labels.txt": b"b", "run01/x.m": b"c"}
    )
    with tarfile.open(tmp_path / ARCHIVES["omniglot-runs"].file, "w:xz") as tape:
        tape.add(tmp_path / "all_runs.zip", "all_runs.zip")
    folder = unpack("omniglot-runs", tmp_path / "out", tmp_path)
    found = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert found == {"run01/test/item01.png", "run01/class_labels.txt"}


def test_an_archive_without_the_zip_is_an_error(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / ARCHIVES["omniglot-runs"].file, "w:xz"):
        pass
    with pytest.raises(DataError, match=r"holds no all_runs\.zip"):
        unpack("omniglot-runs", tmp_path / "out", tmp_path)
