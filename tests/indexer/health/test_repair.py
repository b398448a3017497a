"""After a repair `check` is clean and search answers as before, but for pictures that are named."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

import search.store.vector_file as vector_file
from indexer.cli.app import app
from indexer.collection.build import build
from indexer.health.check import check, inspect
from indexer.health.repair import repair
from indexer.pipeline.lock import writer_lock
from search import IndexFolderError, IndexLockedError, open_index
from search.indexes import KINDS
from tests.conftest import FAST, draw, fill
from tests.search.test_engine import brute_force

Answers = list[list[tuple[int, float]]]


def answers(index: Path) -> Answers:
    with open_index(index) as engine:
        return [[(hit.id, hit.distance) for hit in engine.search(draw(seed), 5)] for seed in range(100, 106)]


def oracle(index: Path) -> Answers:
    with open_index(index) as engine:
        return [brute_force(engine, engine.embed(draw(seed)), 5) for seed in range(100, 106)]


def assert_alike(one: Answers, other: Answers) -> None:
    for mine, theirs in zip(one, other, strict=True):
        assert [picture for picture, _ in mine] == [picture for picture, _ in theirs]
        np.testing.assert_allclose([d for _, d in mine], [d for _, d in theirs], atol=1e-5)


@pytest.fixture(params=KINDS)
def made(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two segments of small blocks, with tombstones, of each kind."""
    monkeypatch.setattr(vector_file, "BLOCK_BYTES", 4096)
    fill(tmp_path / "p", 40)
    config = replace(FAST, kind=request.param)
    build(tmp_path / "p", tmp_path / "i", config)
    (tmp_path / "p" / "label0" / "0003.png").unlink()
    draw(77).save(tmp_path / "p" / "label1" / "0004.png")
    build(tmp_path / "p", tmp_path / "i", config)
    return tmp_path / "i"


def largest(index: Path, suffix: str) -> Path:
    return max(index.glob(f"segments/*{suffix}"), key=lambda file: file.stat().st_size)


def flip(file: Path, place: int) -> None:
    data = bytearray(file.read_bytes())
    data[place] ^= 0x41
    file.write_bytes(data)


@pytest.mark.thinned(4)
def test_structures_are_built_again(made: Path) -> None:
    before = answers(made)
    structures = [file for file in made.glob("segments/*") if file.suffix != ".npy"]
    for number, file in enumerate(structures):
        if number % 2:
            file.unlink()
        else:
            flip(file, -1)
    report = repair(made)
    assert len(report.done) == len(structures)
    assert check(made) == report.left == report.removed == []
    assert_alike(answers(made), before)


@pytest.mark.thinned(9)
def test_vectors_are_embedded_again(made: Path) -> None:
    before = answers(made)
    flip(largest(made, ".npy"), -1)
    assert len(check(made)) == 1
    report = repair(made)
    assert 0 < report.embedded < 40
    assert check(made) == report.left == report.removed == []
    assert_alike(answers(made), before)
    assert len(list(made.glob("segments/*.npy"))) == 2, "the damaged files were swept"


@pytest.mark.thinned(9)
def test_pictures_that_are_gone_leave_the_index_and_come_back(made: Path, tmp_path: Path) -> None:
    with open_index(made) as engine:
        kind = engine.info().kind
    file = largest(made, ".npy")
    file.write_bytes(file.read_bytes()[:-6000])
    gone = [picture.path for picture in inspect(made).findings[0].pictures[:2]]
    gone[0].rename(tmp_path / "elsewhere.png")
    draw(500).save(gone[1])
    report = repair(made)
    assert {picture.path for picture in report.removed} == set(gone)
    assert check(made) == report.left == []
    assert_alike(answers(made), oracle(made))
    with open_index(made) as engine:
        assert len(engine) == 37
        assert not {record.path for record in engine.pictures()} & set(gone)
    (tmp_path / "elsewhere.png").rename(gone[0])
    build(tmp_path / "p", made, replace(FAST, kind=kind))
    assert check(made) == []
    assert_alike(answers(made), oracle(made))
    with open_index(made) as engine:
        assert len(engine) == 39


@pytest.mark.thinned(9)
def test_everything_at_once(made: Path) -> None:
    before = answers(made)
    for file in made.glob("segments/*"):
        file.unlink()
    shutil.rmtree(next(made.glob("encoders/*")))
    (made / "catalog.seal").unlink()
    report = repair(made)
    assert check(made) == report.left == report.removed == []
    assert report.embedded == 39
    assert_alike(answers(made), before)


def test_nothing_left_of_a_segment(index: Path, pictures: Path) -> None:
    next(index.glob("segments/*.npy")).unlink()
    shutil.rmtree(pictures / "label0")
    shutil.rmtree(pictures / "label1")
    shutil.rmtree(pictures / "label2")
    report = repair(index)
    assert len(report.removed) == 12
    assert check(index) == []
    with open_index(index) as engine:
        assert len(engine) == 0
        assert engine.search(draw(1), 3) == []
        assert engine.info().segments == ()


def test_a_header_costs_no_picture(index: Path, pictures: Path) -> None:
    before = answers(index)
    shutil.rmtree(pictures)
    file = next(index.glob("segments/*.npy"))
    for place in (0, 12, 40):
        flip(next(index.glob("segments/*.npy")), place)
        assert len(check(index)) == 1
        report = repair(index)
        assert (report.embedded, report.removed) == (0, [])
        assert check(index) == []
        assert_alike(answers(index), before)
    assert not file.exists()


def test_an_encoder_that_cannot_be_had_is_named(index: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from search.errors import EncoderError

    def none(name: object, *, device: str = "auto") -> None:
        raise EncoderError(f"there is no encoder {name}")

    monkeypatch.setattr("indexer.health.repair.load_encoder", none)
    next(index.glob("encoders/*/*")).unlink()
    flip(next(index.glob("segments/*.npy")), -1)
    report = repair(index)
    assert "color-layout" in report.left[0]
    assert "needs the encoder" in report.left[1]
    assert len(report.after.findings) == 2, "nothing was removed"
    assert report.removed == []


def test_a_damaged_catalog_is_refused(index: Path) -> None:
    flip(index / "catalog.sqlite", 5000)
    data = (index / "catalog.sqlite").read_bytes()
    with pytest.raises(IndexFolderError, match=r"catalog\.sqlite.*cannot be repaired"):
        repair(index)
    assert (index / "catalog.sqlite").read_bytes() == data
    done = CliRunner().invoke(app, ["check", str(index), "--repair"])
    assert isinstance(done.exception, IndexFolderError)


def test_no_index_is_said_and_nothing_is_made(tmp_path: Path) -> None:
    with pytest.raises(IndexFolderError, match="no index here"):
        repair(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_missing_catalog_is_no_missing_index(index: Path) -> None:
    (index / "catalog.sqlite").unlink()
    for attempt in (repair, open_index, lambda folder: build(folder.parent / "pictures", folder, FAST)):
        with pytest.raises(IndexFolderError, match=r"catalog\.sqlite: missing"):
            attempt(index)
    assert not (index / "catalog.sqlite").exists()
    assert [finding.part for finding in inspect(index).findings] == ["catalog"]


def test_repair_is_a_writer(index: Path) -> None:
    with writer_lock(index), pytest.raises(IndexLockedError):
        repair(index)


def test_a_whole_index_is_left_alone(index: Path) -> None:
    before = {file: file.read_bytes() for file in index.rglob("*") if file.is_file()}
    assert repair(index).done == []
    assert {file: file.read_bytes() for file in index.rglob("*") if file.is_file()} == before


def test_a_reader_keeps_its_snapshot(index: Path) -> None:
    with open_index(index) as engine:
        before = [hit.id for hit in engine.search(draw(3), 5)]
        (index / "catalog.seal").unlink()
        repair(index)
        assert [hit.id for hit in engine.search(draw(3), 5)] == before


def test_the_command(index: Path) -> None:
    flip(next(index.glob("segments/*.npy")), -1)
    done = CliRunner().invoke(app, ["check", str(index), "--repair", "--json"])
    told = json.loads(done.stdout)
    assert (done.exit_code, told["whole"], told["embedded"], told["removed"]) == (0, True, 12, [])
    (index / "catalog.seal").unlink()
    done = CliRunner().invoke(app, ["check", str(index), "--repair"])
    assert done.exit_code == 0
    assert "catalog.seal: missing" in done.stdout
    assert "OK, no damage found" in done.stdout
