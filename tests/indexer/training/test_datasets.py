import io
import tarfile
import zipfile
from pathlib import Path

import pytest

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
def test_a_member_that_leads_out_is_refused(tmp_path: Path, name: str) -> None:
    make_zip(tmp_path / ARCHIVES["clothing"].file, {"train/hat/1.jpg": b"a", name: b"evil"})
    with pytest.raises(DataError, match="leads out of the folder"):
        unpack("clothing", tmp_path / "out", tmp_path)
    assert not (tmp_path / "out" / "clothing").exists()
    assert not list(tmp_path.rglob("evil*"))


def test_a_tape_gives_its_folder_and_no_links(tmp_path: Path) -> None:
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
