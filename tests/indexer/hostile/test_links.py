"""A folder from a stranger: whatever in it is a link, nothing outside of it is written, emptied or deleted."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

from indexer.calibration.calibrate import calibrate
from indexer.collection.add import add
from indexer.collection.build import build
from indexer.collection.rebuild import rebuild
from indexer.collection.remove import remove
from indexer.collection.sync import sync
from indexer.health.check import check
from indexer.health.repair import repair
from indexer.people.csv_log import CsvLog
from indexer.people.enroll import enroll
from indexer.pipeline.lock import writer_lock
from indexer.plots.index_map import draw_index_map
from indexer.training.teacher import write_teacher
from search import DataError, IndexFolderError, TwinlensError, open_index
from search.config import EnrollConfig
from search.encoders import load_encoder
from tests.conftest import FAST, fill
from tests.indexer.calibration.conftest import fill_subjects
from tests.indexer.hostile.test_other_files import tree

FINGERPRINT = load_encoder("color-layout").fingerprint
FILES = [
    "writer.lock",
    "writer.json",
    "catalog.seal",
    "catalog.seal.part",
    "catalog.sqlite",
    "catalog.sqlite-wal",
    "catalog.sqlite-shm",
    "catalog.sqlite-journal",
    f"staging-{FINGERPRINT}.sqlite",
    f"staging-{FINGERPRINT}.sqlite-wal",
    f"staging-{FINGERPRINT}.sqlite-shm",
    f"staging-{FINGERPRINT}.sqlite-journal",
    f"encoders/{FINGERPRINT}/encoder.json",
    f"encoders/{FINGERPRINT}/encoder.json.part",
    f"encoders/{FINGERPRINT}/weights.safetensors",
]
"""Names that a writer of this or an older version opens."""
FOLDERS = ["segments", "encoders", f"encoders/{FINGERPRINT}"]


def _changes(place: Path, index: Path) -> list[Callable[[], object]]:
    more, picture = place / "more", next((place / "more").rglob("*.png"))
    return [
        lambda: build(place / "p", index, FAST),
        lambda: add(index, [more], FAST),
        lambda: sync(place / "p", index, FAST),
        lambda: enroll(index, "Ada", [picture], EnrollConfig(device="cpu", force=True)),
        lambda: remove(index, paths=[place / "p" / "label0" / "0000.png"]),
        lambda: rebuild(index, FAST),
        lambda: repair(index, device="cpu"),
        lambda: check(index),
        lambda: open_index(index).close(),
    ]


def _tampered(place: Path, name: str, link: Callable[[Path, Path], None], target: str) -> Path:
    """An index in which a name is a link to something in `outside`."""
    index = place / "i"
    for number, folder in enumerate(("p", "more")):
        fill(place / folder, 4, first=10 * number)
    build(place / "p", index, FAST)
    (place / "outside").mkdir(exist_ok=True)
    taken = index / name
    if target == "the same" and taken.is_dir():
        shutil.copytree(taken, place / "outside" / "mine")
    elif target == "the same" and taken.exists():
        shutil.copy(taken, place / "outside" / "mine")
    elif target == "folder":
        (place / "outside" / "mine" / FINGERPRINT).mkdir(parents=True)
        (place / "outside" / "mine" / "thesis.txt").write_text("x")
        (place / "outside" / "mine" / "0123456789ab4def8123456789abcdef.npy").write_text("x")
    elif target != "nothing":
        (place / "outside" / "mine").write_text("my thesis")
    if taken.is_dir():
        shutil.rmtree(taken)
    else:
        taken.unlink(missing_ok=True)
    link(taken, place / "outside" / "mine")
    return index


def _soft(link: Path, target: Path) -> None:
    link.symlink_to(target)


def _hard(link: Path, target: Path) -> None:
    os.link(target, link)


@pytest.mark.thinned(4)
@pytest.mark.parametrize("target", ["the same", "a file", "nothing"])
@pytest.mark.parametrize("name", FILES)
def test_nothing_is_written_through_a_link_to_a_file(name: str, target: str, tmp_path: Path) -> None:
    _attack(tmp_path, _tampered(tmp_path, name, _soft, target))


@pytest.mark.thinned(4)
@pytest.mark.parametrize("name", FILES)
def test_nothing_is_written_through_a_hard_link(name: str, tmp_path: Path) -> None:
    _attack(tmp_path, _tampered(tmp_path, name, _hard, "a file"))


@pytest.mark.parametrize("target", ["the same", "folder", "nothing"])
@pytest.mark.parametrize("name", FOLDERS)
def test_nothing_is_written_or_deleted_through_a_link_to_a_folder(name: str, target: str, tmp_path: Path) -> None:
    _attack(tmp_path, _tampered(tmp_path, name, _soft, target))


def _attack(place: Path, index: Path) -> None:
    """Run every command; each does its work or says in one error why not, and nothing outside changes."""
    before = tree(place / "outside")
    for change in _changes(place, index):
        with suppress(TwinlensError):
            change()
        assert tree(place / "outside") == before


@pytest.mark.parametrize("name", FOLDERS[:2])
def test_a_linked_part_is_refused_with_what_to_do(name: str, tmp_path: Path) -> None:
    index = _tampered(tmp_path, name, _soft, "the same")
    if name == "segments":  # no vectors from outside of the folder are answered with
        with pytest.raises(IndexFolderError, match="lies outside of the index folder"):
            open_index(index)
    with pytest.raises(IndexFolderError, match=rf"{name}: is a link.*Put the folder itself there"):
        add(index, [tmp_path / "more"], FAST)


def test_two_names_of_one_catalog_are_not_changed_at_once(tmp_path: Path) -> None:
    fill(tmp_path / "p", 4)
    index, backup = tmp_path / "i", tmp_path / "backup"
    build(tmp_path / "p", index, FAST)
    shutil.copytree(index, backup, copy_function=os.link)  # cp -al
    fill(tmp_path / "p", 2, first=10)
    with pytest.raises(IndexFolderError, match=r"catalog\.sqlite: is one of 2 hard links.*cp -p"):
        sync(tmp_path / "p", index, FAST)
    shutil.copy(index / "catalog.sqlite", index / "copy")  # what the message advises
    (index / "copy").replace(index / "catalog.sqlite")
    assert sync(tmp_path / "p", index, FAST).images == 6
    assert check(index) == []
    assert check(backup) == []
    with open_index(backup) as engine:
        assert len(engine) == 4


def test_a_lock_that_is_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    fill(tmp_path / "p", 4)
    build(tmp_path / "p", tmp_path / "i", FAST)
    for name in ("writer.lock", "catalog.sqlite-wal", "catalog.sqlite-journal", f"staging-{FINGERPRINT}.sqlite"):
        (tmp_path / "i" / name).unlink(missing_ok=True)
        os.mkfifo(tmp_path / "i" / name)
        fill(tmp_path / "p", 1, first=20)
        with pytest.raises(IndexFolderError, match=rf"{name}: is (not a regular file|a named pipe)"):
            sync(tmp_path / "p", tmp_path / "i", FAST)
        (tmp_path / "i" / name).unlink()
    os.mkfifo(tmp_path / "i" / "writer.json")
    with writer_lock(tmp_path / "i"):
        assert (tmp_path / "i" / "writer.json").is_file()  # put in the pipe's place


def linked(folder: Path, names: list[str]) -> Path:
    """Make names in a folder links to files of their own; give the folder of those."""
    outside = folder.parent / "outside"
    outside.mkdir(exist_ok=True)
    folder.mkdir(exist_ok=True)
    for name in names:
        (outside / name).write_text("my thesis")
        (folder / name).unlink(missing_ok=True)
        (folder / name).symlink_to(outside / name)
    return outside


def test_calibration_and_reports_write_through_no_link(tmp_path: Path) -> None:
    people, encoder, report = tmp_path / "people", tmp_path / "encoder", tmp_path / "report"
    fill_subjects(people)
    encoder.mkdir()
    load_encoder("color-layout").save(encoder)
    calibrate(encoder, people, report=report)
    outside = linked(encoder, ["calibration.json", "calibration.json.part"])
    linked(report, ["roc.png", "det.png"])
    before = tree(outside)
    calibrate(encoder, people, report=report)
    assert tree(outside) == before
    assert not (encoder / "calibration.json").is_symlink()
    assert (report / "roc.png").read_bytes().startswith(b"\x89PNG")


def test_maps_teachers_and_logs_write_through_no_link(tmp_path: Path) -> None:
    fill(tmp_path / "p", 6)
    build(tmp_path / "p", tmp_path / "i", FAST)
    made = tmp_path / "made"
    outside = linked(made, ["map.png", "map.html", "paths.json.part", "log.csv"])
    before = tree(outside)
    draw_index_map(tmp_path / "i", made / "map.png", limit=6, page=made / "map.html")
    for name in ("map.png", "map.html"):
        (made / name).unlink()
    with pytest.raises(DataError, match="cannot be used as a log"):
        CsvLog(made / "log.csv", ("a", "b"))
    (made / "log.csv").unlink()
    write_teacher(made, ["a.png"], np.eye(1, 4, dtype=np.float32))
    assert tree(outside) == before
