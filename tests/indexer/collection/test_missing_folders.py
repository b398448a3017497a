"""Folders that are missing, empty, or hold something else: what stays in an index, what goes, and how it is said."""

import json
import shutil
import threading
from dataclasses import replace
from pathlib import Path
from queue import Queue

import pytest

from indexer.collection.add import add
from indexer.collection.build import build
from indexer.collection.sync import sync
from indexer.collection.watch import watch
from indexer.health.check import check
from indexer.pipeline.change_report import ChangeReport
from indexer.pipeline.scan import FoundFile
from search import open_index
from search.config import BuildConfig, WatchConfig
from tests.command_line import twinlens
from tests.conftest import FAST, draw, fill

GONE_FOR_GOOD = replace(FAST, allow_missing=True)


def held(index: Path) -> set[Path]:
    with open_index(index, device="cpu") as engine:
        return {record.path for record in engine.pictures()}


def generation(index: Path) -> int:
    with open_index(index, device="cpu") as engine:
        return engine.catalog.generation()


def files(folder: Path) -> set[Path]:
    return {path for path in folder.rglob("*") if path.suffix == ".png"}


@pytest.fixture
def library(tmp_path: Path) -> Path:
    """A folder of its own, and a mount with two folders: 4 + 3 + 3 pictures."""
    fill(tmp_path / "lib" / "local", 4, labels=1)
    fill(tmp_path / "lib" / "nas" / "a", 3, labels=1, first=10)
    fill(tmp_path / "lib" / "nas" / "b", 3, labels=1, first=20)
    build(tmp_path / "lib", tmp_path / "i", FAST)
    return tmp_path / "lib"


def unmount(library: Path) -> Path:
    """Leave the empty folder of a mount, and give where its pictures are meanwhile."""
    shutil.move(library / "nas", library.parent / "away")
    (library / "nas").mkdir()
    return library.parent / "away"


@pytest.mark.parametrize("leave", ["empty", "nothing", "a note", "a hidden file", "a link"])
@pytest.mark.parametrize("verb", [build, sync])
def test_an_unmounted_subfolder_wipes_nothing(verb: object, leave: str, library: Path, tmp_path: Path) -> None:
    index, before = tmp_path / "i", files(library)
    away = unmount(library)
    if leave in ("nothing", "a link"):
        (library / "nas").rmdir()
    if leave == "a link":
        (library / "nas").symlink_to(away, target_is_directory=True)
    if leave == "a note":
        (library / "nas" / "NOT MOUNTED.txt").write_text("!")
        (library / "nas" / "@eaDir").mkdir()
        draw(7).save(library / "nas" / "@eaDir" / "thumb.png")
    if leave == "a hidden file":
        (library / "nas" / ".nas-is-offline.png").write_bytes(b"")
    report = verb(library, index, FAST)  # type: ignore[operator]
    assert held(index) == before
    assert (report.removed, report.kept, report.unchanged, report.images) == (0, 6, 4, 10)
    assert [(each.folder, each.pictures) for each in report.missing] == [(library / "nas", 6)]
    number = generation(index)
    again = verb(library, index, FAST)  # type: ignore[operator]
    assert (again.kept, again.removed, again.images) == (6, 0, 10), "reported each time, never twice"
    assert generation(index) == number, "nothing is written for it"
    assert check(index) == []


def test_what_comes_back_was_never_away(library: Path, tmp_path: Path) -> None:
    away = unmount(library)
    sync(library, tmp_path / "i", FAST)
    (library / "nas").rmdir()
    shutil.move(away, library / "nas")
    report = sync(library, tmp_path / "i", FAST)
    assert (report.unchanged, report.kept, report.added, report.embedded) == (10, 0, 0, 0)
    assert report.missing == []


@pytest.mark.parametrize("verb", [build, sync])
def test_they_are_removed_where_that_is_confirmed(verb: object, library: Path, tmp_path: Path) -> None:
    unmount(library)
    report = verb(library, tmp_path / "i", GONE_FOR_GOOD)  # type: ignore[operator]
    assert (report.removed, report.kept, report.missing) == (6, 0, [])
    assert held(tmp_path / "i") == files(library)


def test_only_the_missing_folder_is_named_and_the_topmost(library: Path, tmp_path: Path) -> None:
    shutil.rmtree(library / "nas" / "a")
    report = sync(library, tmp_path / "i", FAST)
    assert [(each.folder, each.pictures) for each in report.missing] == [(library / "nas" / "a", 3)]
    shutil.rmtree(library / "nas")
    report = sync(library, tmp_path / "i", FAST)
    assert [(each.folder, each.pictures) for each in report.missing] == [(library / "nas", 6)]


def test_files_deleted_one_by_one_are_gone(library: Path, tmp_path: Path) -> None:
    first, second, _ = sorted(files(library / "nas" / "a"))
    first.unlink()
    second.unlink()
    report = sync(library, tmp_path / "i", FAST)
    assert (report.removed, report.kept) == (2, 0), "the folder still holds one of its pictures"
    assert held(tmp_path / "i") == files(library)


def test_the_last_picture_of_a_folder_is_kept_until_it_is_confirmed(library: Path, tmp_path: Path) -> None:
    for path in files(library / "nas" / "a"):
        path.unlink()
    assert sync(library, tmp_path / "i", FAST).kept == 3
    assert sync(library, tmp_path / "i", GONE_FOR_GOOD).removed == 3


def test_pictures_beside_subfolders_that_are_there_are_gone(tmp_path: Path) -> None:
    fill(tmp_path / "lib" / "sub", 3, labels=1)
    draw(50).save(tmp_path / "lib" / "top.png")
    build(tmp_path / "lib", tmp_path / "i", FAST)
    (tmp_path / "lib" / "top.png").unlink()
    assert sync(tmp_path / "lib", tmp_path / "i", FAST).removed == 1, "its folder holds pictures below"


@pytest.mark.parametrize("how", ["written", "moved there"])
def test_a_folder_into_which_others_came_meanwhile_is_still_missing(how: str, tmp_path: Path) -> None:
    library, index = tmp_path / "lib", tmp_path / "i"
    fill(library / "local", 4, labels=1)
    fill(library / "nas", 6, labels=1, first=10)
    build(library, index, FAST)
    nas = library / "nas" / "label0"
    shutil.move(nas, tmp_path / "away")
    nas.mkdir()
    if how == "written":
        draw(300).save(nas / "camera upload.png")
    else:
        shutil.move(library / "local" / "label0" / "0000.png", nas / "moved.png")
    for number in range(3):
        report = sync(library, index, FAST)
        assert (report.kept, report.removed) == (6, 0), f"round {number}"
    assert held(index) >= files(library)
    shutil.copytree(tmp_path / "away", nas, dirs_exist_ok=True)
    report = sync(library, index, FAST)
    assert (report.kept, report.removed, report.added) == (0, 0, 0)
    sorted(files(nas))[0].unlink()
    assert sync(library, index, FAST).removed == 1, "it is there again, and one of its pictures is gone"


def test_pictures_replaced_by_as_many_others_are_gone(library: Path, tmp_path: Path) -> None:
    for path in files(library / "nas"):
        path.unlink()
    fill(library / "nas" / "b", 6, labels=1, first=400)
    report = sync(library, tmp_path / "i", FAST)
    assert (report.added, report.removed, report.kept) == (6, 3, 3)
    assert [each.folder for each in report.missing] == [library / "nas" / "a"]


def test_the_root_itself(library: Path, tmp_path: Path) -> None:
    before = files(library)
    shutil.move(library, tmp_path / "away")
    library.mkdir()
    draw(300).save(library / "stray.png")
    report = sync(library, tmp_path / "i", FAST)
    assert (report.added, report.kept, report.removed) == (1, 10, 0)
    assert [each.folder for each in report.missing] == [library]
    assert held(tmp_path / "i") == before | {library / "stray.png"}


def test_an_empty_root_that_is_right_empties_the_index(library: Path, tmp_path: Path) -> None:
    shutil.rmtree(library)
    library.mkdir()
    assert sync(library, tmp_path / "i", FAST, allow_empty=True).removed == 10


def test_a_renamed_or_moved_folder_is_followed(library: Path, tmp_path: Path) -> None:
    (library / "nas").rename(library / "renamed")
    report = sync(library, tmp_path / "i", FAST)
    assert (report.moved, report.kept, report.removed, report.embedded) == (6, 0, 0, 0)
    shutil.move(library / "renamed", library / "local" / "deeper")
    report = sync(library, tmp_path / "i", FAST)
    assert (report.moved, report.kept, report.removed, report.embedded) == (6, 0, 0, 0)
    assert held(tmp_path / "i") == files(library)


def test_what_did_not_move_along_is_kept(library: Path, tmp_path: Path) -> None:
    lost = sorted(files(library / "nas" / "a"))[0]
    lost.unlink()
    (library / "nas" / "a").rename(library / "renamed")
    report = sync(library, tmp_path / "i", FAST)
    assert (report.moved, report.kept, report.removed) == (2, 1, 0)
    assert lost in held(tmp_path / "i")


def test_a_folder_that_cannot_be_listed_keeps_its_pictures(
    library: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As root no permission stops a test: the system's answer for a network that is gone is made up."""
    from indexer.pipeline import scan as scanning

    real = scanning.os.walk

    def walk(top: Path, **more: object):  # type: ignore[no-untyped-def]
        for folder, subfolders, names in real(top, **more):  # type: ignore[call-overload]
            if Path(folder) == library:
                subfolders.remove("nas")
                more["onerror"](OSError(107, "Transport endpoint is not connected", str(library / "nas")))  # type: ignore[operator]
            yield folder, subfolders, names

    monkeypatch.setattr(scanning.os, "walk", walk)
    before = held(tmp_path / "i")
    for config in (FAST, GONE_FOR_GOOD):
        report = sync(library, tmp_path / "i", config)
        assert report.removed == 0
        assert [path for path, _ in report.skipped] == [library / "nas"]
        assert held(tmp_path / "i") == before


def test_a_file_that_the_system_refuses_keeps_its_picture(
    library: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from search.pictures import source as picture_source

    path = sorted(files(library / "nas"))[0]
    path.chmod(0o000)  # changes the time of the inode: the file is looked at
    real = picture_source.os.open

    def refuse(name: object, *more: int) -> int:
        if name == path:
            raise PermissionError(13, "Permission denied", str(path))
        return real(name, *more)  # type: ignore[arg-type]

    monkeypatch.setattr(picture_source.os, "open", refuse)
    report = sync(library, tmp_path / "i", FAST)
    assert (report.removed, report.images) == (0, 10)
    assert report.skipped == [(path, "permission denied; its entries stay in the index")]
    monkeypatch.undo()
    report = sync(library, tmp_path / "i", FAST)
    assert (report.unchanged, report.skipped) == (10, [])


def test_a_picture_that_breaks_still_leaves(library: Path, tmp_path: Path) -> None:
    path = sorted(files(library / "nas"))[0]
    path.write_bytes(path.read_bytes()[:60])
    assert sync(library, tmp_path / "i", FAST).removed == 1


def test_adding_removes_nothing(library: Path, tmp_path: Path) -> None:
    before = files(library)
    unmount(library)
    draw(900).save(tmp_path / "new.png")
    add(tmp_path / "i", [tmp_path / "new.png", library], FAST)
    assert held(tmp_path / "i") == before | {tmp_path / "new.png"}


def test_a_watch_keeps_them_and_says_it_once(library: Path, tmp_path: Path) -> None:
    said: Queue[ChangeReport | Exception] = Queue()
    stop = threading.Event()
    before = files(library)
    unmount(library)
    config = WatchConfig(interval=0.2, settle=0)
    thread = threading.Thread(
        target=watch, args=(library, tmp_path / "i", FAST, config), kwargs={"report": said.put, "stop": stop}
    )
    thread.start()
    try:
        report = said.get(timeout=60)
        assert isinstance(report, ChangeReport)
        assert (report.kept, report.removed) == (6, 0)
        stop.wait(1.5)
        assert said.empty(), "the next rounds say nothing new"
    finally:
        stop.set()
        thread.join(60)
    assert held(tmp_path / "i") == before


def test_the_command_names_folder_count_and_remedy_and_has_an_exit_code(library: Path, tmp_path: Path) -> None:
    unmount(library)
    for command in ("sync", "build"):
        done = twinlens(command, library, "--index", tmp_path / "i")
        assert done.returncode == 3
        assert f"kept 6 pictures of {library / 'nas'}, which holds none of its pictures" in done.stdout
        assert "--allow-missing" in done.stdout
        done = twinlens(command, library, "--index", tmp_path / "i", "--json")
        told = json.loads(done.stdout)
        assert (done.returncode, told["kept"], told["removed"]) == (3, 6, 0)
        assert told["missing"][0]["folder"] == str(library / "nas")
        assert told["missing"][0]["pictures"] == 6
    done = twinlens("sync", library, "--index", tmp_path / "i", "--allow-missing")
    assert (done.returncode, "6 removed" in done.stdout) == (0, True)


def test_defaults_keep() -> None:
    assert BuildConfig().allow_missing is False
    assert FoundFile(Path("x"), 1, 1).inode is None
