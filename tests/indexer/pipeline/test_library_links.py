"""One library by several paths: links to it, links on the way to it, other spellings; its pictures are there once."""

import os
import shutil
from pathlib import Path

import pytest

from indexer.collection.add import add
from indexer.collection.build import build
from indexer.collection.remove import remove
from indexer.collection.sync import sync
from indexer.health.check import check
from indexer.metadata.load import load_metadata
from indexer.pipeline.library import Library
from search import open_index
from tests.command_line import twinlens
from tests.conftest import FAST, draw, fill


def held(index: Path) -> list[Path]:
    with open_index(index, device="cpu") as engine:
        return sorted(record.path for record in engine.pictures())


def roots(index: Path) -> list[str]:
    with open_index(index, device="cpu") as engine:
        return list(engine.catalog.settings()["roots"])


def pictures(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.suffix == ".png")


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """The library `disk/lib`, the link `link` to it, and the link `mnt` to the folder that holds it."""
    fill(tmp_path / "disk" / "lib", 6)
    (tmp_path / "link").symlink_to(tmp_path / "disk" / "lib")
    (tmp_path / "mnt").symlink_to("disk")
    return tmp_path


SPELLINGS = ["link", "mnt/lib", "disk/lib", "disk/lib/", "disk/../disk/./lib//", "mnt/../disk/lib", "link/../link"]


@pytest.mark.thinned(4)
@pytest.mark.parametrize("second", SPELLINGS)
@pytest.mark.parametrize("first", ["link", "mnt/lib", "disk/lib"])
def test_any_path_to_a_library_is_the_library(first: str, second: str, place: Path) -> None:
    build(place / first, place / "i", FAST)
    expected = [place / first / path.relative_to(place / "disk" / "lib") for path in pictures(place / "disk" / "lib")]
    assert held(place / "i") == expected
    for verb in (sync, build):
        report = verb(os.path.join(place, second), place / "i", FAST)  # noqa: PTH118
        assert (report.unchanged, report.added, report.moved, report.kept) == (6, 0, 0, 0)
    add(place / "i", [os.path.join(place, second)], FAST)  # noqa: PTH118
    assert held(place / "i") == expected
    assert roots(place / "i") == [str(place / first)]
    (place / "disk" / "lib" / "label0" / "0000.png").unlink()
    draw(70).save(place / "disk" / "lib" / "label0" / "new.png")
    report = sync(os.path.join(place, second), place / "i", FAST)  # noqa: PTH118
    assert (report.added, report.removed) == (1, 1)
    assert place / first / "label0" / "new.png" in held(place / "i")
    assert check(place / "i") == []


def test_relative_paths(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    build(place / "disk" / "lib", place / "i", FAST)
    monkeypatch.chdir(place / "disk" / "lib" / "label1")
    assert sync("..", place / "i", FAST).unchanged == 6
    assert sync("../../../link", place / "i", FAST).unchanged == 6
    assert add(place / "i", ["."], FAST).unchanged == 2
    assert len(held(place / "i")) == 6


@pytest.mark.parametrize("first", ["link", "disk/lib"])
def test_folders_and_files_within_it(first: str, place: Path) -> None:
    build(place / first, place / "i", FAST)
    before = held(place / "i")
    second = "mnt/lib"
    assert sync(place / second / "label1", place / "i", FAST).added == 0
    assert add(place / "i", [place / second / "label1", place / second / "label2" / "0002.png"], FAST).added == 0
    draw(81).save(place / "disk" / "lib" / "label1" / "new.png")
    assert add(place / "i", [place / second / "label1" / "new.png"], FAST).added == 1
    assert held(place / "i") == sorted([*before, place / first / "label1" / "new.png"])


def test_a_folder_around_it(place: Path) -> None:
    build(place / "mnt" / "lib", place / "i", FAST)
    draw(82).save(place / "disk" / "beside.png")
    report = sync(place / "disk", place / "i", FAST)
    assert (report.added, report.moved) == (1, 0)
    assert len(held(place / "i")) == 7
    assert place / "mnt" / "beside.png" in held(place / "i")


def test_pictures_that_were_added_and_never_followed(place: Path) -> None:
    """No folder was followed, so that only the pictures say where the index has been."""
    add(place / "i", [place / "link" / "label0", place / "link" / "label1" / "0001.png"], FAST)
    report = sync(place / "disk" / "lib", place / "i", FAST)
    assert (report.added, report.moved, report.removed, report.kept) == (3, 0, 0, 0)
    assert len(held(place / "i")) == len({os.path.realpath(path) for path in held(place / "i")}) == 6


def test_a_link_within_a_library(place: Path) -> None:
    """A scan does not follow it; named itself, it is the folder that it leads to."""
    build(place / "disk" / "lib", place / "i", FAST)
    (place / "disk" / "lib" / "again").symlink_to("label1")
    assert sync(place / "disk" / "lib", place / "i", FAST).added == 0
    assert sync(place / "disk" / "lib" / "again", place / "i", FAST).added == 0
    assert len(held(place / "i")) == 6


def test_the_file_that_a_link_leads_to_is_a_picture_of_its_own_as_before(place: Path) -> None:
    build(place / "disk" / "lib", place / "i", FAST)
    (place / "disk" / "lib" / "label0" / "same.png").symlink_to("0000.png")
    assert sync(place / "link", place / "i", FAST).added == 1


def test_the_same_folder_mounted_twice(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A bind mount is no link: only device and inode say that both are one."""
    build(place / "disk" / "lib", place / "i", FAST)
    shutil.copytree(place / "disk" / "lib", place / "bound", copy_function=shutil.copy2)
    from indexer.pipeline import library

    real = library.folder_identity
    source = place / "disk" / "lib"

    def identity(folder: Path) -> tuple[int, int] | None:
        inside = folder.is_relative_to(place / "bound")
        return real(source / folder.relative_to(place / "bound") if inside else folder)

    monkeypatch.setattr(library, "folder_identity", identity)
    assert sync(place / "bound", place / "i", FAST).unchanged == 6
    assert sync(place / "bound" / "label1", place / "i", FAST).added == 0
    assert len(held(place / "i")) == 6


def test_a_library_that_moved_and_left_a_link_stays_where_it_was(place: Path) -> None:
    build(place / "disk" / "lib", place / "i", FAST)
    before = held(place / "i")
    shutil.move(place / "disk" / "lib", place / "other")
    (place / "disk" / "lib").symlink_to(place / "other")
    assert sync(place / "other", place / "i", FAST).moved == 0
    assert sync(place / "disk" / "lib", place / "i", FAST).moved == 0
    assert held(place / "i") == before


def test_a_library_that_moved_for_good_is_followed(place: Path) -> None:
    build(place / "link", place / "i", FAST)
    (place / "link").unlink()
    report = sync(place / "disk" / "lib", place / "i", FAST)
    assert (report.moved, report.embedded) == (6, 0)
    assert held(place / "i") == pictures(place / "disk" / "lib")


def test_a_link_that_leads_elsewhere_now_wipes_nothing(place: Path) -> None:
    build(place / "link", place / "i", FAST)
    (place / "link").unlink()
    fill(place / "strange", 2, first=500)
    (place / "link").symlink_to("strange")
    report = sync(place / "link", place / "i", FAST)
    assert (report.kept, report.removed, report.added) == (6, 0, 2)


def test_an_index_that_has_a_library_twice_goes_on_as_it_was(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    build(place / "disk" / "lib", place / "i", FAST)
    with monkeypatch.context() as older:
        older.setattr(Library, "indexed_path", lambda self, named: Path(named).absolute())
        older.setattr("indexer.pipeline.comparing.MoveCandidates.has", lambda self, look: False)
        sync(place / "link", place / "i", FAST)
    assert len(held(place / "i")) == 12
    for path in ("link", "disk/lib"):
        assert sync(place / path, place / "i", FAST).unchanged == 6
    remove(place / "i", paths=[place / "link"])
    assert held(place / "i") == pictures(place / "disk" / "lib")


def test_other_commands_know_the_paths_too(place: Path) -> None:
    build(place / "disk" / "lib", place / "i", FAST)
    (place / "m.csv").write_text("path,price\nlabel0/0000.png,7\n")
    done = twinlens("build", place / "link", "--index", place / "i", "--metadata", place / "m.csv")
    assert done.returncode == 0, done.stderr
    assert load_metadata(place / "i", place / "m.csv", root=place / "mnt" / "lib").rows == 1
    report = remove(place / "i", paths=[place / "link" / "label0" / "0000.png", place / "mnt" / "lib" / "label1"])
    assert report.removed == 3


def test_the_index_within_the_library_is_left_out_by_any_path(place: Path) -> None:
    inside = place / "disk" / "lib" / "photos.index"
    build(place / "disk" / "lib", inside, FAST)
    draw(1).save(inside / "stray.png")
    assert sync(place / "link", place / "link" / "photos.index", FAST).added == 0
    assert sync(place / "disk" / "lib", place / "mnt" / "lib" / "photos.index", FAST).added == 0
