"""What an index says of pictures that an earlier decoder embedded, and of files that were read with a note."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from indexer.cli.app import app
from indexer.collection.add import add
from indexer.collection.build import build
from indexer.collection.rebuild import rebuild
from indexer.collection.sync import sync
from indexer.health.check import check
from indexer.pipeline.writer import open_writer
from search import open_index
from search.config import BuildConfig
from search.pictures.containers.jpeg_end import LACKS_ITS_END
from search.pictures.decoder_revision import DECODER
from tests.awkward import scene
from tests.conftest import FAST, fill
from tests.profiles_made import converted, rgb_profile

AGAIN = BuildConfig(encoder="color-layout", kind="flat")


@pytest.fixture
def place(tmp_path: Path) -> Path:
    fill(tmp_path / "p", 5)
    wide = Image.fromarray(converted(scene(1), "ProPhoto"))
    wide.save(tmp_path / "p" / "wide.png", icc_profile=rgb_profile("ProPhoto"))
    scene(1).save(tmp_path / "p" / "copy.png")
    build(tmp_path / "p", tmp_path / "i", FAST)
    return tmp_path


def age(index: Path) -> None:
    """As the version before this one left it: the setting is not there."""
    with open_writer(index) as catalog, catalog.transaction():
        catalog.set(decoder=None)


def test_a_new_index_has_nothing_to_advise(place: Path) -> None:
    with open_index(place / "i") as engine:
        assert engine.info().decoder == DECODER
        assert engine.search(place / "p" / "copy.png", 2)[1].distance < 0.05
    assert sync(place / "p", place / "i", FAST).notes == []
    assert "earlier" not in CliRunner().invoke(app, ["info", str(place / "i")]).output


def test_an_older_one_still_works_and_says_what_to_do(place: Path) -> None:
    age(place / "i")
    assert check(place / "i") == []
    with open_index(place / "i") as engine:
        assert engine.info().decoder == 1
        assert len(engine.search(place / "p" / "copy.png", 3)) == 3
    shown = CliRunner().invoke(app, ["info", str(place / "i")]).output
    assert "decoder   of an earlier version" in shown
    assert json.loads(CliRunner().invoke(app, ["info", str(place / "i"), "--json"]).output)["decoder"] == 1
    for report in (sync(place / "p", place / "i", FAST), add(place / "i", [place / "p" / "copy.png"], FAST)):
        (note,) = report.notes
        assert "earlier version" in note
        command = note[note.index("twinlens rebuild") :].split(" embeds")[0].split()[1:]
        assert Path(command[command.index("--encoder") + 1]).is_dir()
    assert CliRunner().invoke(app, command).exit_code == 0
    assert sync(place / "p", place / "i", FAST).notes == []


def test_a_rebuild_with_its_own_encoder_embeds_it_again_once(place: Path) -> None:
    with open_index(place / "i") as engine:
        before = engine.vectors()[1]
    age(place / "i")
    assert rebuild(place / "i", BuildConfig(kind="flat")).embedded == 0
    assert rebuild(place / "i", AGAIN).embedded == 7
    assert rebuild(place / "i", AGAIN).embedded == 0
    with open_index(place / "i") as engine:
        assert np.array_equal(engine.vectors()[1], before)
        assert engine.info().decoder == DECODER
    assert check(place / "i") == []


def test_files_that_were_read_with_a_note_are_reported(place: Path) -> None:
    scene(3).save(place / "p" / "cut.jpg")
    data = (place / "p" / "cut.jpg").read_bytes()
    (place / "p" / "cut.jpg").write_bytes(data[:-2])
    (place / "p" / "truncated.jpg").write_bytes(data[: len(data) * 2 // 3])
    report = sync(place / "p", place / "i", FAST)
    assert report.noted == [(place / "p" / "cut.jpg", LACKS_ITS_END)]
    assert [path.name for path, _ in report.skipped] == ["truncated.jpg"]
    assert report.to_dict()["noted"] == [{"path": str(place / "p" / "cut.jpg"), "note": LACKS_ITS_END}]
    assert sync(place / "p", place / "i", FAST).noted == []
    with open_index(place / "i") as engine:
        assert len(engine) == 8


def test_the_command_line_shows_the_note_and_ends_well(tmp_path: Path) -> None:
    fill(tmp_path / "p", 3)
    scene(3).save(tmp_path / "p" / "cut.jpg")
    (tmp_path / "p" / "cut.jpg").write_bytes((tmp_path / "p" / "cut.jpg").read_bytes()[:-2])
    words = ["build", str(tmp_path / "p"), "--index", str(tmp_path / "i"), "--encoder", "color-layout"]
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 0
    assert f"read with a note {tmp_path / 'p' / 'cut.jpg'}: {LACKS_ITS_END}" in done.output.replace("\n", " ").replace(
        "  ", " "
    )
