"""Commands that are killed, each with the folder that it starts from.

Every scenario prepares a folder of its own: `pictures/`, which no command changes, and `start.index`, of which each
run gets a copy under the name `run.index`.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import pytest

from indexer.collection.add import add
from indexer.collection.build import build
from indexer.exchange.config import ExportConfig
from indexer.exchange.export import export
from indexer.metadata.load import load_metadata
from indexer.people.enroll import enroll
from indexer.plots.kept_map import make_map
from search.config import EnrollConfig
from tests.conftest import FAST, draw, fill

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

COUNT = 8


@dataclass(frozen=True)
class Scenario:
    """A start state and a command; `{pictures}`, `{here}` and `{index}` stand for the folders of the run."""

    name: str
    words: str
    prepare: Callable[[Path], None]
    """Given the scenario's folder, makes `pictures` and, unless the command makes it, `start.index`."""
    again: tuple[int, ...] = (0,)
    """Exit codes of the command when it is run once more after it came to its end."""
    slow: bool = False

    def __str__(self) -> str:
        return self.name

    def command(self, here: Path) -> list[str]:
        """The command line after `twinlens`."""
        places = {"here": here, "pictures": here / "pictures", "index": here / "run.index"}
        return [word.format(**places) for word in self.words.split()]


def reset(here: Path) -> Path:
    """Make `run.index` a copy of the start, and return it."""
    index = here / "run.index"
    shutil.rmtree(index, ignore_errors=True)
    if (here / "start.index").exists():
        shutil.copytree(here / "start.index", index)
    return index


def only_pictures(here: Path) -> None:
    """No index yet."""
    fill(here / "pictures", COUNT)


def lived_in(here: Path, kind: str = "flat") -> None:
    """An index with two segments, a tombstone and somebody enrolled."""
    fill(here / "pictures", COUNT)
    config = replace(FAST, kind=kind)
    build(here / "pictures", here / "start.index", config)
    fill(here / "pictures", 3, first=COUNT)
    (here / "pictures" / "label1" / "0001.png").unlink()
    build(here / "pictures", here / "start.index", config)
    draw(999, (128, 128)).save(here / "somebody.png")
    enroll(here / "start.index", "Somebody", [here / "somebody.png"], EnrollConfig(device="cpu", force=True))


def folder_changed(here: Path, kind: str = "flat") -> None:
    """An index that has to follow: two added pictures, one changed, one moved, one removed, one broken."""
    lived_in(here, kind)
    pictures = here / "pictures"
    fill(pictures, 2, first=100)
    draw(200).save(pictures / "label0" / "0000.png")
    (pictures / "label0" / "0003.png").rename(pictures / "label2" / "moved.png")
    (pictures / "label2" / "0002.png").unlink()
    (pictures / "label1" / "broken.png").write_bytes(b"no picture")


def more_to_add(here: Path, kind: str = "flat") -> None:
    """An index, and a folder of pictures that it lacks: two new ones, one that it knows, one broken."""
    lived_in(here, kind)
    fill(here / "more", 2, first=100)
    shutil.copy(here / "pictures" / "label0" / "0000.png", here / "more" / "known.png")
    (here / "more" / "broken.png").write_bytes(b"no picture")


def exported(here: Path) -> None:
    """An export of another index of the same encoder, with metadata, and no index yet."""
    fill(here / "pictures", COUNT)
    build(here / "pictures", here / "other.index", FAST)
    (here / "shop.csv").write_text("path,price\nlabel0/0000.png,5\n", encoding="utf-8")
    load_metadata(here / "other.index", here / "shop.csv", root=here / "pictures")
    export(here / "other.index", here / "exported", ExportConfig("npy"))


def exported_beside(here: Path, kind: str = "flat") -> None:
    """The same, and an index that has some of its pictures."""
    exported(here)
    lived_in(here, kind)


def told_of(here: Path) -> None:
    """An index, a table about its pictures, and a portrait of somebody whom it does not know."""
    lived_in(here)
    (here / "shop.csv").write_text("path,price\nlabel0/0000.png,5\nlabel2/0002.png,7\n", encoding="utf-8")
    draw(1234, (128, 128)).save(here / "another.png")


def mapped(here: Path) -> None:
    """An index that keeps a map, and pictures that came later."""
    lived_in(here)
    make_map(here / "start.index")
    fill(here / "more", 2, first=100)
    add(here / "start.index", [here / "more"], FAST)


def of_kind(kind: str, prepare: Callable[[Path, str], None]) -> Callable[[Path], None]:
    """The same start with structures of another kind."""
    return lambda here: prepare(here, kind)


_BUILD = "build {pictures} --index {index} --device cpu --batch-size 4 --workers 1"
_ADD = "add {here}/more --index {index}"
_REMOVE = "remove --index {index} {pictures}/label0/0000.png"
_SYNC = "sync {pictures} --index {index}"
SCENARIOS = [
    Scenario("first build", f"{_BUILD} --encoder color-layout --kind flat", only_pictures),
    Scenario("first build, hnswlib", f"{_BUILD} --encoder color-layout --kind hnswlib", only_pictures),
    Scenario("build of a changed folder", f"{_BUILD} --kind flat", folder_changed, again=(0, 3)),
    Scenario("add", _ADD, more_to_add, again=(0, 3)),
    Scenario("add, hnswlib", f"{_ADD} --kind hnswlib", of_kind("hnswlib", more_to_add), again=(0, 3)),
    Scenario("remove", _REMOVE, lived_in, again=(0, 1)),
    Scenario("sync", _SYNC, folder_changed, again=(0, 3)),
    Scenario("rebuild", "rebuild --index {index} --kind flat", lived_in),
    Scenario("import", "import {here}/exported --index {index} --device cpu --kind flat", exported),
    Scenario("import more, hnswlib", "import {here}/exported --index {index} --kind hnswlib", exported_beside),
    Scenario("metadata", "metadata {here}/shop.csv --index {index} --root {pictures}", told_of),
    Scenario("enroll", "enroll Another {here}/another.png --index {index} --device cpu --force", told_of, again=(0, 1)),
    Scenario("map", "map {index} --keep", lived_in, slow=True),
    Scenario("map again", "map {index} --keep --clusters 1", mapped, slow=True),
    Scenario("rebuild, hnswlib", "rebuild --index {index} --kind hnswlib", lived_in),
    Scenario(
        "rebuild, another encoder",
        "rebuild --index {index} --encoder torchvision:resnet18@random",
        lived_in,
        slow=True,
    ),
]
EVERY = [pytest.param(each, marks=pytest.mark.slow) if each.slow else each for each in SCENARIOS]
every_scenario = pytest.mark.parametrize("prepared", EVERY, ids=str, indirect=True)
"""Parametrizes a test that takes the fixture `prepared`."""


def one_scenario(name: str) -> pytest.MarkDecorator:
    """As `every_scenario`, for tests to which the command does not matter."""
    chosen = [each for each in SCENARIOS if each.name == name]
    return pytest.mark.parametrize("prepared", chosen, ids=str, indirect=True)
