"""Calibration from pictures to the stored result, and its errors."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from indexer.calibration.calibrate import calibrate
from indexer.calibration.config import CalibrateConfig
from indexer.cli.verify import verify_with_encoder
from indexer.collection.build import build
from indexer.health.check import check
from indexer.pipeline.lock import writer_lock
from search import DataError, EncoderError, IndexFolderError, IndexLockedError, QueryError, open_index
from search.recognition.stored import CALIBRATION_FILE, encoder_calibration, read_calibration
from search.store.catalog import Catalog
from tests.conftest import FAST, draw
from tests.indexer.calibration.conftest import fill_subjects

QUICK = CalibrateConfig(max_far=0.05, resamples=40, device="cpu")


def test_an_index_by_its_own_labels(people: Path, people_index: Path) -> None:
    done = calibrate(people_index, config=QUICK)
    found = done.calibration
    assert (done.pictures, found.subjects, found.same_pairs, found.different_pairs) == (32, 8, 48, 448)
    assert found.rule == "far<=0.05"
    with open_index(people_index) as engine:
        assert engine.calibration == found
        assert engine.info().calibration == found.summary()
        records, vectors = engine.vectors()
        distances = np.linalg.norm(vectors[:, None] - vectors[None], axis=2)
        labels = np.array([record.label for record in records])
        different = distances[labels[:, None] != labels[None]]
        assert found.far.value == pytest.approx(np.mean(different <= found.threshold))
        for hit in engine.search(people / "s00" / "0.png", k=32):
            assert hit.probability == pytest.approx(float(found.probability(hit.distance)))
    assert check(people_index) == []


def test_the_same_pairs_from_every_source_give_the_same(
    people: Path, people_index: Path, encoder_folder: Path, tmp_path: Path
) -> None:
    own = calibrate(people_index, config=QUICK).calibration
    lines = [
        "path,label,subject",
        *(f"{p.relative_to(people)},{p.parent.name}," for p in sorted(people.rglob("*.png"))),
    ]
    (people / "labels.csv").write_text("\n".join(lines), encoding="utf-8")
    paths = sorted(people.rglob("*.png"))
    rows = [f"{a},{b},{int(a.parent == b.parent)}" for n, a in enumerate(paths) for b in paths[:n]]
    (tmp_path / "pairs.csv").write_text("\n".join(["a,b,same", *rows]), encoding="utf-8")
    by_csv = replace(QUICK, prior=0.5)
    for other in (
        calibrate(people_index, people, config=QUICK),
        calibrate(people_index, labels=str(people), config=QUICK),
        calibrate(people_index, labels=str(people / "labels.csv"), config=QUICK),
        calibrate(people_index, pairs=tmp_path / "pairs.csv", config=by_csv),
        calibrate(encoder_folder, people, config=QUICK),
        calibrate(encoder_folder, pairs=tmp_path / "pairs.csv", config=by_csv),
    ):
        assert other.calibration.threshold == pytest.approx(own.threshold, abs=1e-6)
        assert other.calibration.far == own.far
        assert other.calibration.ece.value == pytest.approx(own.ece.value, abs=1e-4)
    share = calibrate(encoder_folder, pairs=tmp_path / "pairs.csv", config=QUICK).calibration
    assert share.prior == pytest.approx(48 / 496)


def test_every_stage_is_reported(people: Path, people_index: Path, encoder_folder: Path, tmp_path: Path) -> None:
    class Listening:
        def __init__(self) -> None:
            self.heard: dict[str, list[int | None]] = {}

        def begin(self, stage: str, total: int | None) -> None:
            self.stage = stage
            self.heard[stage] = [total]

        def advance(self, count: int) -> None:
            self.heard[self.stage].append(count)

    own, encoder = Listening(), Listening()
    calibrate(people_index, config=QUICK, report=tmp_path / "report", progress=own)
    assert list(own.heard) == ["read vectors", "compare", "sort", "resample", "hold out", "fit", "report"]
    calibrate(encoder_folder, people, config=QUICK, progress=encoder)
    assert list(encoder.heard) == ["encode", "compare", "sort", "resample", "hold out", "fit"]
    for total, *counts in [*own.heard.values(), *encoder.heard.values()]:
        assert sum(counts) == (total or 0)


def test_an_index_copies_the_calibration_of_its_encoder(people: Path, encoder_folder: Path, tmp_path: Path) -> None:
    done = calibrate(encoder_folder, people, config=QUICK)
    assert done.stored == encoder_folder / CALIBRATION_FILE
    assert read_calibration(encoder_folder) == done.calibration
    build(people, tmp_path / "i", replace(FAST, encoder=str(encoder_folder)))
    with open_index(tmp_path / "i") as engine:
        assert engine.calibration == done.calibration
    own = calibrate(tmp_path / "i", config=replace(QUICK, max_far=0.1)).calibration
    fill_subjects(people, 1, first=50)
    build(people, tmp_path / "i", replace(FAST, encoder=str(encoder_folder)))
    with open_index(tmp_path / "i") as engine:
        assert engine.calibration == own, "its own stays"


def test_a_later_calibration_of_the_encoder_reaches_its_index(
    people: Path, encoder_folder: Path, tmp_path: Path
) -> None:
    config = replace(FAST, encoder=str(encoder_folder))
    build(people, tmp_path / "i", config)
    found = calibrate(encoder_folder, people, config=QUICK).calibration
    build(people, tmp_path / "i", config)
    with open_index(tmp_path / "i") as engine:
        assert engine.calibration == found


def store(index: Path, value: object) -> None:
    catalog = Catalog.write(index)
    with catalog.transaction():
        catalog.set(calibration=value)
    catalog.close()


def test_damaged_and_foreign_calibrations(
    people: Path, people_index: Path, encoder_folder: Path, tmp_path: Path
) -> None:
    found = calibrate(people_index, config=QUICK).calibration
    foreign = found.to_dict() | {"fingerprint": "0" * 32}
    for value, says in ((foreign, "0000.*calibrate again"), (found.to_dict() | {"threshold": 9}, "calibrate again")):
        store(people_index, value)
        with open_index(people_index) as engine, pytest.raises(IndexFolderError, match=says):
            engine.search(people / "s00" / "0.png")
        assert len(check(people_index)) == 1
        (encoder_folder / CALIBRATION_FILE).write_text(json.dumps(value), encoding="utf-8")
        with pytest.raises(EncoderError, match="calibrate again, or delete"):
            encoder_calibration(str(encoder_folder), found.fingerprint)
        with pytest.raises(EncoderError):
            build(people, tmp_path / "i", replace(FAST, encoder=str(encoder_folder)))
    (encoder_folder / CALIBRATION_FILE).write_text("{", encoding="utf-8")
    with pytest.raises(EncoderError, match="delete the file"):
        read_calibration(encoder_folder)
    store(people_index, foreign)
    build(people, people_index, FAST)  # a calibration of another fingerprint is dropped
    with open_index(people_index) as engine:
        assert engine.calibration is None
    store(people_index, "nonsense")
    assert calibrate(people_index, config=QUICK).calibration == replace(found, created=calibrated(people_index))


def calibrated(index: Path) -> str:
    with open_index(index) as engine:
        assert engine.calibration is not None
        return engine.calibration.created


def test_storing_fails_during_another_write_and_keeps_the_old_calibration(people_index: Path) -> None:
    before = calibrate(people_index, config=QUICK).calibration
    with writer_lock(people_index), pytest.raises(IndexLockedError):
        calibrate(people_index, config=replace(QUICK, max_far=0.2))
    with open_index(people_index) as engine:
        assert engine.calibration == before
        calibrate(people_index, config=replace(QUICK, max_far=0.2))
        assert engine.calibration == before, "a reader keeps its snapshot"
        assert engine.stale


def test_same_only_and_verify(people: Path, people_index: Path, encoder_folder: Path) -> None:
    one, two, other = (people / name for name in ("s00/0.png", "s00/1.png", "s05/1.png"))
    with open_index(people_index) as engine:
        plain = engine.verify(one, two)
        assert (plain.probability, plain.same, plain.threshold, plain.far) == (None, None, None, None)
        for ask in (engine.search, engine.ask):
            with pytest.raises(QueryError, match="twinlens calibrate"):
                ask(one, same_only=True)
    found = calibrate(people_index, config=QUICK).calibration
    with open_index(people_index) as engine:
        everything = engine.search(one, k=32)
        near = engine.search(one, k=32, same_only=True)
        assert near == [hit for hit in everything if hit.distance <= found.threshold]
        assert 0 < len(near) < 32
        assert engine.search_many([one, other], 32, same_only=True)[0] == near
        assert engine.search(Image.new("RGB", (40, 40), "red"), same_only=True) == []
        mine = next(hit.id for hit in everything if hit.path == one)
        stored = engine.search_id(mine, 32, same_only=True)
        assert [hit.id for hit in stored] == [hit.id for hit in near]
        answer = engine.verify(one, two)
        assert answer.distance == pytest.approx(np.linalg.norm(engine.embed(one) - engine.embed(two)), abs=1e-6)
        assert answer.same == (answer.distance <= found.threshold)
        assert answer.far == found.far
        best = engine.verify(one, [other, two], references="best")
        assert best.distance == pytest.approx(answer.distance)
        mean = engine.verify(one, (two, other)).distance
        middle = engine.embed(two) + engine.embed(other)
        assert mean == pytest.approx(np.linalg.norm(engine.embed(one) - middle / np.linalg.norm(middle)), abs=1e-5)
        with pytest.raises(QueryError, match="at least one"):
            engine.verify(one, [])
    without, calibration = verify_with_encoder(str(encoder_folder), one, [two])
    assert calibration is None
    assert without.distance == pytest.approx(answer.distance, abs=1e-6)


def test_broken_pictures_are_reported_and_left_out(people: Path, encoder_folder: Path, tmp_path: Path) -> None:
    (people / "s00" / "0.png").write_bytes(b"no picture")
    done = calibrate(encoder_folder, people, config=QUICK)
    assert [Path(each.source).name for each in done.skipped] == ["0.png"]
    assert done.pictures == 31
    (tmp_path / "pairs.csv").write_text("a,b,same\ngone.png,lost.png,1\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"no pictures left.*2 could not be read.*gone.png"):
        calibrate(encoder_folder, pairs=tmp_path / "pairs.csv", config=QUICK)


def test_insufficient_pairs(people: Path, people_index: Path, encoder_folder: Path, tmp_path: Path) -> None:
    def refused(says: str, *arguments: object, **options: object) -> None:
        with pytest.raises(DataError, match=says):
            calibrate(*arguments, **({"config": QUICK} | options))  # type: ignore[arg-type]

    refused("neither an index nor", people)
    refused("no pictures of its own", encoder_folder)
    refused("cannot be used together", people_index, pairs="x", labels="y")
    refused("two folders", people_index, people, labels=str(people))
    refused("rule of three.*600 different pairs.*0.0067 or more", people_index, config=replace(QUICK, max_far=0.005))
    build(people, tmp_path / "unlabelled", replace(FAST, labels="none"))
    refused("no picture has a label", tmp_path / "unlabelled")
    for count, each, says in ((1, 4, "one subject"), (3, 4, "3 subjects are too few"), (8, 1, "no same pairs")):
        fill_subjects(tmp_path / says, count, each)
        refused(says, encoder_folder, tmp_path / says)
    fill_subjects(tmp_path / "few", 5, 2)
    refused("5 same pairs are too few", encoder_folder, tmp_path / "few")
    rows = [f"s{n:02d}/{a}.png,s{n:02d}/{b}.png,1" for n in range(8) for a in range(4) for b in range(a)]
    (people / "same.csv").write_text("\n".join(["a,b,same", *rows]), encoding="utf-8")
    refused("no different pairs", encoder_folder, pairs=people / "same.csv")
    with open_index(people_index) as engine:
        assert engine.calibration is None


@pytest.mark.parametrize(
    "changes",
    [
        {"max_far": 0.0},
        {"max_far": 1.0},
        {"cost_false_accept": 1.0},
        {"prior": 1.0},
        {"method": "magic"},
        {"eer": True, "cost_false_accept": 1.0, "cost_false_reject": 1.0},
        {"resamples": 0},
        {"cost_false_accept": -1.0, "cost_false_reject": 1.0},
    ],
)
def test_invalid_settings(changes: dict[str, object]) -> None:
    with pytest.raises(DataError):
        CalibrateConfig(**changes)  # type: ignore[arg-type]


def test_copies_among_different_subjects(people: Path, encoder_folder: Path) -> None:
    for subject in sorted(people.iterdir()):
        draw(1).save(subject / "9.png")
    with pytest.raises(DataError, match=r"have distance 0"):
        calibrate(encoder_folder, people, config=replace(QUICK, max_far=0.03))


def test_a_report(people: Path, people_index: Path, tmp_path: Path) -> None:
    done = calibrate(people_index, config=replace(QUICK, method="isotonic"), report=tmp_path / "report")
    names = {"roc.png", "det.png", "rates.png", "distances.png", "reliability.png", "report.md"}
    assert {path.name for path in done.written} == names == {path.name for path in (tmp_path / "report").iterdir()}
    page = (tmp_path / "report" / "report.md").read_text("utf-8")
    assert all(f"({name})" in page for name in names if name.endswith("png"))
    assert f"{done.calibration.threshold:.4f}" in page
    assert "too few different pairs" in page
    assert any("8 subjects" in caution for caution in done.cautions)


@pytest.mark.parametrize("held", ["report.md", "roc.png"])
def test_a_report_overwrites_no_other_files(held: str, people_index: Path, tmp_path: Path) -> None:
    report = tmp_path / "report"
    report.mkdir()
    (report / held).write_text("# My report")
    with pytest.raises(DataError, match=rf"holds a {held}"):
        calibrate(people_index, config=QUICK, report=report)
    assert [(path.name, path.read_text()) for path in report.iterdir()] == [(held, "# My report")]
    with pytest.raises(DataError, match="is a file"):
        calibrate(people_index, config=QUICK, report=report / held)
