"""Pictures with several faces, one, and none, with an encoder that finds them: see `tests.marks`."""

import csv
import json
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from indexer.cli.app import app
from indexer.collection.add import add
from indexer.collection.build import build
from indexer.collection.rebuild import rebuild
from indexer.collection.sync import sync
from indexer.health.check import check
from indexer.people.attendance import attend
from indexer.people.enroll import enroll
from search import Crop, DataError, PictureError, QueryError, open_index
from search.config import AttendConfig, BuildConfig, EnrollConfig, IdentifyConfig
from search.encoders import FAMILIES
from search.store.catalog import Catalog
from tests.marks import MarksEncoder, group, save_group
from tests.people import calibrate_by_hand


@pytest.fixture
def marks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> EnrollConfig:
    monkeypatch.setitem(FAMILIES, "marks", "tests.marks:MarksEncoder")
    (tmp_path / "marks").mkdir()
    MarksEncoder().save(tmp_path / "marks")
    return EnrollConfig(encoder=str(tmp_path / "marks"), device="cpu")


@pytest.fixture
def people(tmp_path: Path, marks: EnrollConfig) -> Path:
    for number, name in enumerate(["Ada", "Bob", "Zoë"]):
        enroll(tmp_path / "people.index", name, [save_group(tmp_path / "known" / f"{name}.png", (number, 120))], marks)
    calibrate_by_hand(tmp_path / "people.index")
    return tmp_path / "people.index"


def run(*words: object) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words])


def rows(file: Path) -> list[dict[str, str]]:
    with file.open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


# Identify -------------------------------------------------------------------------------------------------------------


def test_each_face_is_named_with_its_box_the_largest_first(people: Path) -> None:
    with open_index(people, device="cpu") as engine:
        found = engine.identify(group((2, 60, 1), (9, 96, 1), (0, 120, 1)))
    assert [each.name for each in found.everyone] == ["Ada", None, "Zoë"]
    assert found.everyone[0] is found
    expected = [
        (186 / 600, 10 / 200, 306 / 600, 130 / 200),
        (80 / 600, 0.05, 176 / 600, 0.53),
        (10 / 600, 0.05, 70 / 600, 0.35),
    ]
    for each, ends in zip(found.everyone, expected, strict=True):
        assert each.box is not None
        assert each.box.ends == pytest.approx(ends)
    assert found.quality is not None
    assert (found.quality.width, found.quality.height, found.quality.confidence) == (120, 120, 120.0 * 120)


def test_each_face_in_text_and_in_json(people: Path, tmp_path: Path) -> None:
    both = save_group(tmp_path / "both.png", (1, 96, 1), (7, 84))
    lines = run("identify", both, "--index", people).stdout.splitlines()
    assert lines[0].startswith(f"{both} at 0.01667,0.05,0.1767,0.53: Bob, distance 0.")
    assert any(line.startswith(f"{both} at 0.1933,0.05,0.3333,0.47: unknown (nearest: ") for line in lines)
    answer = json.loads(run("identify", both, "--index", people, "--json").stdout)
    assert (answer["name"], [each["name"] for each in answer["others"]]) == ("Bob", [None])
    assert answer["box"] == pytest.approx([10 / 600, 0.05, 106 / 600, 0.53])
    assert answer["others"][0]["box"] == pytest.approx([116 / 600, 0.05, 200 / 600, 0.47])
    assert answer["others"][0]["others"] == []


def test_the_size_of_a_face_is_that_in_the_full_picture(people: Path, tmp_path: Path) -> None:
    large = tmp_path / "large.png"
    group((0, 120)).resize((600 * 12, 200 * 12), 0).save(large)
    with open_index(people, device="cpu") as engine:
        quality = engine.identify(large).quality
    assert quality is not None
    assert quality.width == pytest.approx(120 * 12, abs=12)


def test_a_picture_without_a_face_is_named(people: Path, tmp_path: Path) -> None:
    empty = save_group(tmp_path / "empty.png")
    with open_index(people, device="cpu") as engine:
        for use in (engine.identify, engine.embed, engine.search, lambda picture: engine.verify(picture, picture)):
            with pytest.raises(PictureError, match=r"empty\.png: no face found"):
                use(empty)
        with pytest.raises(PictureError, match="<image>: no face found"):
            engine.embed(group())
    done = run("identify", empty, tmp_path / "known" / "Ada.png", "--index", people, "--json")
    assert done.exit_code == 3
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert "no face found" in answers[0]["error"]
    assert answers[1]["name"] == "Ada"


def test_a_poor_face_is_not_identified_but_the_others_are(people: Path, tmp_path: Path) -> None:
    picture = group((0, 36, 1), (1, 96, 1))
    with open_index(people, device="cpu") as engine:
        bob, ada = engine.identify(picture).everyone
        assert (bob.name, ada.name, ada.nearest.name) == ("Bob", None, "Ada")
        assert ada.refused.startswith("too small: 36 x 36 pixels, at least 40")
        forced = engine.identify(picture, IdentifyConfig(force=True))
        assert [(each.name, each.refused) for each in forced.everyone] == [("Bob", ""), ("Ada", "")]
        with pytest.raises(PictureError, match=r"poor quality: too small: 36 x 36"):
            engine.identify(group((0, 36, 1), (1, 24, 1)))
    picture.save(tmp_path / "p.png")
    assert (
        "not identified: poor quality: too small: 36 x 36" in run("identify", tmp_path / "p.png", "-i", people).stdout
    )


# Enroll ---------------------------------------------------------------------------------------------------------------


def test_a_reference_shows_one_face_or_has_a_box(people: Path, tmp_path: Path, marks: EnrollConfig) -> None:
    empty, both = save_group(tmp_path / "empty.png"), save_group(tmp_path / "both.png", (5, 120), (6, 96))
    with pytest.raises(PictureError, match=r"empty\.png: no face found"):
        enroll(people, "Eve", [empty], marks)
    with pytest.raises(PictureError, match=r"shows 2 faces: choose one .* by a box\. They are at 0\.0.*; 0\.2333,"):
        enroll(people, "Eve", [both], marks)
    with pytest.raises(PictureError, match=r"the centre of no face lies in the box 0\.9,0,1,1\. Found: 0\.0"):
        enroll(people, "Eve", [both], replace(marks, box=Crop(0.9, 0, 1, 1)))
    with pytest.raises(PictureError, match="shows 2 faces"):
        enroll(people, "Eve", [both], replace(marks, box=Crop(0, 0, 1, 1)))
    with pytest.raises(QueryError, match="a box is a part of one picture"):
        enroll(people, "Eve", [both, empty], replace(marks, box=Crop(0, 0, 1, 1)))
    with open_index(people, device="cpu") as engine:
        assert len(engine.identities()) == 3
    assert enroll(people, "Eve", [both], replace(marks, box=Crop(0.2, 0, 0.4, 1))).added == 1
    with pytest.raises(DataError, match="is a reference picture of Eve"):
        enroll(people, "Eva", [both], replace(marks, box=Crop(0.2, 0, 0.4, 1)))
    assert enroll(people, "Max", [both], replace(marks, box=Crop(0, 0, 0.2, 1))).added == 1
    with open_index(people, device="cpu") as engine:
        assert [each.name for each in engine.identify(group((5, 48, 1), (6, 96, 1))).everyone] == ["Eve", "Max"]
    assert check(people) == []


def test_a_box_on_the_command_line(people: Path, tmp_path: Path) -> None:
    both = save_group(tmp_path / "both.png", (5, 120), (6, 96))
    done = run("enroll", "Max", both, "--index", people, "--box", "0,0,.2,1")
    assert done.exit_code == 0, done.output
    for box in ("0,0,1", "0,0,0,1", "a"):
        assert run("enroll", "Eve", both, "--index", people, "--box", box).exit_code == 2
    with open_index(people, device="cpu") as engine:
        assert engine.identify(group((5, 48, 1))).name == "Max"


def test_a_box_is_the_picture_for_an_encoder_of_whole_pictures(tmp_path: Path) -> None:
    config = EnrollConfig(encoder="color-layout", device="cpu", box=Crop(10 / 600, 0.05, 130 / 600, 0.65))
    both = save_group(tmp_path / "both.png", (5, 120), (6, 96))
    enroll(tmp_path / "i", "Max", [both], config)
    with open_index(tmp_path / "i", device="cpu") as engine:
        cut = engine.embed(group((5, 120)).crop((10, 10, 130, 130)))
        np.testing.assert_allclose(engine.gallery.vectors[0], cut, atol=1e-6)
        assert engine.identify(both, IdentifyConfig(threshold=2)).to_dict()["box"] is None


# Attend ---------------------------------------------------------------------------------------------------------------


@pytest.fixture
def camera(tmp_path: Path) -> Path:
    for minute, shown in enumerate(
        [((0, 96, 1), (8, 84), (1, 72, 1), (9, 60)), (), ((1, 96, 2), (2, 48, 2), (0, 36, 2))]
    ):
        path = save_group(tmp_path / "camera" / f"{minute}.png", *shown)
        os.utime(path, (1_700_000_000 + 60 * minute,) * 2)
    return tmp_path / "camera"


def test_each_face_of_a_picture_is_logged(people: Path, camera: Path, tmp_path: Path) -> None:
    log, seen = tmp_path / "log.csv", []
    attend(camera, people, log, AttendConfig(once=True), device="cpu", report=seen.append)
    assert [row["name"] for row in rows(log)] == ["Ada", "Bob", "Zoë"]
    unknown = rows(tmp_path / "log.unknown.csv")
    assert [row["reason"].partition(":")[0] for row in unknown] == [
        "unknown",
        "unknown",
        "no face found",
        "poor quality",
    ]
    assert [each.name for each in seen] == ["Ada", None, "Bob", None, None, "Bob", "Zoë", None]
    assert [each.new_visit for each in seen if each.name] == [True, True, False, True]
    assert [each.box is None for each in seen] == [False, False, False, False, True, False, False, False]
    journal = rows(tmp_path / "log.seen.csv")
    assert [(Path(row["picture"]).name, row["name"]) for row in journal] == [
        ("0.png", "Ada"),
        ("0.png", "Bob"),
        ("1.png", ""),
        ("2.png", "Bob"),
        ("2.png", "Zoë"),
    ]
    done = run("attend", camera, "--index", people, "--log", tmp_path / "new.csv", "--once")
    assert done.stdout.splitlines()[0].endswith("0.png at 0.01667,0.05,0.1767,0.53")


@pytest.mark.thinned(3)
@pytest.mark.parametrize("visits", [0, 1, 2, 3])
@pytest.mark.parametrize("strangers", [0, 1, 2, 4])
def test_a_killed_run_logs_every_face_once(
    people: Path, camera: Path, tmp_path: Path, visits: int, strangers: int
) -> None:
    log, unknown, journal = (tmp_path / name for name in ("log.csv", "log.unknown.csv", "log.seen.csv"))
    attend(camera, people, log, AttendConfig(once=True), device="cpu")
    expected = {file: file.read_text("utf-8").splitlines(keepends=True) for file in (log, unknown, journal)}
    for file, kept in ((log, visits), (unknown, strangers), (journal, 0)):
        file.write_text("".join(expected[file][: kept + 1]), "utf-8")
    attend(camera, people, log, AttendConfig(once=True), device="cpu")
    for file, lines in expected.items():
        assert sorted(file.read_text("utf-8").splitlines(keepends=True)) == sorted(lines)


# An index of pictures -------------------------------------------------------------------------------------------------


def test_a_build_skips_pictures_without_a_face_and_embeds_the_largest(tmp_path: Path, marks: EnrollConfig) -> None:
    folder, index = tmp_path / "pictures", tmp_path / "photos.index"
    one, both, empty = (folder / f"{name}.png" for name in ("one", "both", "empty"))
    save_group(one, (1, 84))
    save_group(both, (2, 60), (1, 96, 1))
    save_group(empty)
    config = BuildConfig(encoder=marks.encoder, device="cpu", workers=2)
    report = build(folder, index, config)
    assert (report.images, report.skipped) == (2, [(empty, "no face found")])
    assert sync(folder, index, config).skipped == [(empty, "no face found")]
    with open_index(index, device="cpu") as engine:
        hits = engine.search(one, 2)
        assert [hit.path for hit in hits] == [one, both]
        assert hits[1].distance < 0.3
    save_group(empty, (3, 72))
    assert sync(folder, index, config).skipped == []
    assert check(index) == []


def test_a_switch_of_the_encoder_reads_skipped_pictures_again(tmp_path: Path, marks: EnrollConfig) -> None:
    folder, index = tmp_path / "pictures", tmp_path / "photos.index"
    save_group(folder / "one.png", (1, 84))
    save_group(folder / "empty.png")
    build(folder, index, BuildConfig(encoder=marks.encoder, device="cpu"))
    whole = BuildConfig(encoder="color-layout", device="cpu")
    rebuild(index, whole)
    assert sync(folder, index, BuildConfig(device="cpu")).images == 2
    with pytest.raises(DataError, match=r"empty\.png: no face found"):
        rebuild(index, BuildConfig(encoder=marks.encoder, device="cpu"))
    report = rebuild(index, BuildConfig(encoder=marks.encoder, device="cpu"), drop_missing=True)
    assert (report.images, report.removed) == (1, 1)


def test_a_switch_of_the_encoder_keeps_the_face_in_the_box(people: Path, tmp_path: Path, marks: EnrollConfig) -> None:
    both, empty = save_group(tmp_path / "both.png", (5, 120), (6, 96)), save_group(tmp_path / "empty.png")
    box = Crop(0.2, 0, 0.4, 1)
    enroll(people, "Eve", [both], replace(marks, box=box))
    with open_index(people, device="cpu") as engine:
        before = engine.gallery.vectors
    rebuild(people, BuildConfig(encoder="color-layout", device="cpu"))
    with open_index(people, device="cpu") as engine:
        eve = engine.gallery.vectors[engine.gallery.rows["Eve"][0]]
        np.testing.assert_allclose(eve, engine.embed(box.of(group((5, 120), (6, 96)))), atol=1e-6)
    for name, picture in (("Nobody", empty), ("Two", save_group(tmp_path / "two.png", (5, 96), (6, 96)))):
        enroll(people, name, [picture], EnrollConfig(device="cpu", force=True))
    with pytest.raises(DataError, match=r"no face found \(reference picture of Nobody\)"):
        rebuild(people, BuildConfig(encoder=marks.encoder, device="cpu"))
    notes = "\n".join(rebuild(people, BuildConfig(encoder=marks.encoder, device="cpu"), drop_missing=True).notes)
    assert "no longer enrolled: Nobody, Two" in notes
    with open_index(people, device="cpu") as engine:
        np.testing.assert_allclose(engine.gallery.vectors, before, atol=1e-6)
    assert check(people) == []
    add(people, [tmp_path / "two.png"], BuildConfig(device="cpu"))
    with open_index(people, device="cpu") as engine:
        assert "Two" not in engine.gallery.names, "which of its faces was meant is not known"


@pytest.mark.parametrize(
    "box", ["[]", "[0,0,1]", "[0,0,2,1]", '"abcd"', "7", "null", "[0,0,NaN,1]", '["a","b","c","d"]']
)
def test_a_damaged_box_is_found(people: Path, box: str) -> None:
    catalog = Catalog.write(people)
    with catalog.transaction():
        catalog.database.many("UPDATE templates SET quality = ? WHERE id = 1", [(f'{{"box": {box}}}',)])
    catalog.close()
    assert check(people) != []
