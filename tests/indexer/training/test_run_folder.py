"""A run has a folder of its own: no other files are overwritten, deleted, or written through a link."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from indexer.training import train
from indexer.training.config import TrainConfig
from indexer.training.teacher import teach, write_teacher
from indexer.training.trainer import TrainEvent
from search import DataError, IndexFolderError
from search.encoders import load_encoder
from search.encoders.openvino_conversion import CONVERSION_FILES
from search.large_imports import openvino_installed
from tests.indexer.hostile.test_links import linked
from tests.indexer.hostile.test_other_files import tree


@pytest.mark.thinned(3)
@pytest.mark.parametrize(
    ("held", "text"),
    [
        ("notes.txt", "x"),
        ("pixels/holiday.npy", "x"),
        ("history.csv", "x"),
        ("weights.safetensors", "x"),
        ("run.json", json.dumps({"scripts": {"run": "jog"}})),
        ("run.json", json.dumps([1, 2])),
        ("run.json", "no JSON"),
    ],
)
def test_a_folder_with_other_files_is_rejected(
    held: str, text: str, collection: Path, config: TrainConfig, tmp_path: Path
) -> None:
    (tmp_path / "out" / held).parent.mkdir(parents=True)
    (tmp_path / "out" / held).write_text(text)
    before = tree(tmp_path / "out")
    with pytest.raises(DataError, match=held.split("/", maxsplit=1)[0]):
        train(collection, tmp_path / "out", config=config)
    assert tree(tmp_path / "out") == before
    assert train(collection, tmp_path / "out" / "encoder", config=config).steps == 9


def test_a_run_needs_a_folder_of_its_own(collection: Path, config: TrainConfig, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    (tmp_path / "link").symlink_to(tmp_path / "gone")
    before = tree(collection)
    for out, says in (
        (collection, "other files"),
        (tmp_path / "file", "is a file"),
        (tmp_path / "link", "broken link"),
    ):
        with pytest.raises(DataError, match=says):
            train(collection, out, config=config)
    assert tree(collection) == before


def test_other_files_in_the_folder_of_a_run_are_kept(collection: Path, config: TrainConfig, tmp_path: Path) -> None:
    out = tmp_path / "out"
    train(collection, out, config=config)
    shown = json.loads((out / "run.json").read_text())
    (out / "run.json").write_text(json.dumps({**shown, "finished": False}))
    (out / "pixels").mkdir()
    (out / "pixels" / "holiday.npy").write_text("x")
    (out / "pixels" / "0123456789abcdef.npy").write_text("of the run that was killed")
    (out / "notes.txt").write_text("x")
    (out / ".0123456789ab4def8123456789abcdef.part").write_text("of the run that was killed")
    train(collection, out, config=config)
    assert sorted(path.name for path in out.rglob("*")) == [
        "encoder.json",
        "history.csv",
        "holiday.npy",
        "notes.txt",
        *(CONVERSION_FILES[::-1] if openvino_installed() else ()),
        "pixels",
        "run.json",
        "weights.safetensors",
    ]


@pytest.mark.parametrize("held", ["notes.txt", "vectors.npy", "export.json", "paths.json"])
def test_a_teacher_overwrites_no_other_files(held: str, collection: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / held).write_text("x")
    for write in (
        lambda: write_teacher(tmp_path / "out", ["a.png"], np.eye(1, 4, dtype=np.float32)),
        lambda: teach(collection, tmp_path / "out", encoder="color-layout", device="cpu"),
    ):
        with pytest.raises(DataError, match="ame a new folder"):
            write()
    assert tree(tmp_path / "out") == {held: b"x"}


def test_a_run_writes_through_no_link(collection: Path, config: TrainConfig, tmp_path: Path) -> None:
    class Stopped(Exception):  # noqa: N818 - as if the machine had
        pass

    def stop(event: TrainEvent) -> None:
        if event.step == 6:
            raise Stopped

    out = tmp_path / "out"
    with pytest.raises(Stopped):
        train(collection, out, config=config, progress=stop)
    outside = linked(
        out,
        [
            "history.csv",
            "history.csv.part",
            "run.json.part",
            "resume.safetensors.part",
            "best.safetensors",
            "best.safetensors.part",
            "encoder.json",
            "encoder.json.part",
            "weights.safetensors",
            "weights.safetensors.part",
            *CONVERSION_FILES,
            "writer.json",
        ],
    )
    before = tree(outside)
    train(collection, out, config=replace(config, report=True))
    assert tree(outside) == before
    assert load_encoder(out, device="cpu").dim == 8


@pytest.mark.parametrize("name", ["pixels", "report"])
def test_a_run_writes_into_no_linked_folder(name: str, collection: Path, config: TrainConfig, tmp_path: Path) -> None:
    out, mine = tmp_path / "out", tmp_path / "mine"
    mine.mkdir()
    (mine / "thesis.txt").write_text("x")
    (mine / "curves.png").write_text("x")
    train(collection, out, config=config)
    (out / "run.json").unlink()
    for file in list(out.iterdir()):
        file.unlink()
    (out / name).symlink_to(mine)
    before = tree(mine)
    with pytest.raises((IndexFolderError, DataError), match=r"is a link|other files"):
        train(collection, out, config=replace(config, report=True))
    assert tree(mine) == before
