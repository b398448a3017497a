"""The page People: identify as the command does, enroll only with --manage, and read the logs of `attend`."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from app_parts.arguments import arguments
from app_parts.people.boxes import boxed
from indexer import AttendConfig, IdentifyConfig, attend, enroll
from indexer.cli.app_server import Serving, app_command
from indexer.people.attendance import VISITS
from indexer.people.csv_log import read_rows
from search import Crop, open_index
from search.config import EnrollConfig
from search.encoders import FAMILIES
from search.errors import DataError
from search.recognition.calibration import ErrorRate
from search.store.catalog import Catalog
from tests.app.page import sound, started, texts
from tests.awkward import broken_files
from tests.marks import MarksEncoder, save_group
from tests.people import FAST, calibrate_by_hand, calibration, photograph


@pytest.fixture
def known(tmp_path, monkeypatch):
    """An index with three people and a calibration."""
    index = tmp_path / "people.index"
    for number, name in enumerate(("Ada", "Charles", "<b>**Eve**</b> :cat:")):
        enroll(index, name, [photograph(tmp_path / "references", number)], FAST)
    calibrate_by_hand(index)
    monkeypatch.setenv("TWINLENS_INDEX", str(index))
    monkeypatch.setattr("sys.argv", ["app.py"])
    return index


def manage(monkeypatch, *options):
    monkeypatch.setattr("sys.argv", ["app.py", "--manage", *options])


def give(page, key, name, data):
    page.file_uploader(key=key).set_value((name, data, "image/png"))
    return sound(page.run())


def names(page):
    return [each.value for each in page.text]


def titles(page):
    return [each.value for each in page.header]


def shot(tmp_path, number, take=1):
    return photograph(tmp_path / "shots", number, take)


def test_a_known_person_is_identified_as_by_the_engine(known, tmp_path):
    file = shot(tmp_path, 1)
    page = give(started("people"), "identify-upload", "door.png", file.read_bytes())
    with open_index(known) as engine:
        expected = engine.identify(file)
    assert expected.name == "Charles"
    assert "Identified" in titles(page)
    assert "Charles" in names(page)
    shown = texts(page)
    assert f"distance {expected.nearest.distance:.4f}" in shown
    assert f"threshold {expected.threshold.distance:.4f}" in shown
    assert f"{expected.threshold.false_accept:.2%} of strangers are accepted" in shown


def test_a_stranger_is_unknown(known, tmp_path):
    page = give(started("people"), "identify-upload", "door.png", shot(tmp_path, 77).read_bytes())
    assert "Unknown" in titles(page)
    assert "Identified" not in titles(page)


def test_a_threshold_decides_without_a_calibration(tmp_path, monkeypatch):
    index = tmp_path / "people.index"
    enroll(index, "Ada", [photograph(tmp_path, 0)], FAST)
    monkeypatch.setenv("TWINLENS_INDEX", str(index))
    data = shot(tmp_path, 0).read_bytes()
    page = give(started("people"), "identify-upload", "door.png", data)
    assert "not calibrated" in page.error[0].value
    page = give(started("people", threshold="0.5"), "identify-upload", "door.png", data)
    assert "Identified" in titles(page)
    with open_index(index) as engine:
        assert engine.identify(shot(tmp_path, 0), IdentifyConfig(threshold=0.5)).name == "Ada"


def test_nobody_is_enrolled(own):
    page = started("people")
    assert "No identity is enrolled" in page.info[0].value
    assert any("twinlens enroll" in each.value for each in page.code)
    assert any("twinlens attend" in each.value for each in page.code)


def test_enrolled_people_are_listed_and_found_by_name(known, tmp_path):
    page = started("people")
    assert {"Ada", "Charles", "<b>**Eve**</b> :cat:"} <= set(names(page))
    page.text_input(key="people-name").set_value("ad")
    page = sound(page.run())
    assert "Ada" in names(page)
    assert "Charles" not in names(page)
    (tmp_path / "references" / "person0-0.png").unlink()
    assert "gone" in texts(sound(page.run()))


def test_without_manage_nothing_can_be_written(known):
    page = started("people")
    assert not [each for each in page.button if "nroll" in each.label or "Remove" in each.label]
    assert "--manage" in texts(page)


def test_with_manage_an_upload_is_enrolled_and_not_kept(known, tmp_path, monkeypatch):
    manage(monkeypatch)
    page = started("people")
    page.text_input(key="enroll-name").set_value("Grace")
    page = give(page, "enroll-upload", "../../<b> grace.png", shot(tmp_path, 5, 0).read_bytes())
    page = sound(next(each for each in page.button if each.label == "Enroll").click().run())
    assert "Grace" in page.success[0].value
    with open_index(known) as engine:
        grace = next(each for each in engine.identities() if each.name == "Grace")
        assert engine.identify(shot(tmp_path, 5, 1)).name == "Grace"
    assert not grace.templates[0].parent.exists()
    assert ".." not in grace.templates[0].parts
    page = sound(page.button(key="unenroll-'Grace'").click().run())
    with open_index(known) as engine:
        assert "Grace" not in [each.name for each in engine.identities()]
    assert "Grace" not in names(page)


def test_a_picture_of_the_collection_is_enrolled(own, monkeypatch):
    pictures, _ = own
    manage(monkeypatch)
    page = started("people")
    page.text_input(key="enroll-name").set_value("Thing")
    page.number_input(key="enroll-picture").set_value(3)
    page.toggle(key="enroll-force").set_value(True)
    page = sound(page.run())
    page = sound(next(each for each in page.button if each.label == "Enroll").click().run())
    assert "Thing" in page.success[0].value
    with open_index(pictures.parent / "photos.index") as engine:
        assert engine.identities()[0].templates == (engine.picture(3).path,)


def test_what_cannot_be_enrolled_is_reported(known, tmp_path, monkeypatch):
    manage(monkeypatch)
    for name, data, word in (
        ("Ada", shot(tmp_path, 9).read_bytes(), "enrolled already"),
        ("\x07", shot(tmp_path, 9).read_bytes(), "not a valid name"),
        ("New", b"text", "x.png"),
    ):
        page = started("people")
        page.text_input(key="enroll-name").set_value(name)
        page = give(page, "enroll-upload", "x.png", data)
        page = sound(next(each for each in page.button if each.label == "Enroll").click().run())
        assert word in page.error[0].value
    page = started("people")
    page.text_input(key="enroll-name").set_value("New")
    page.number_input(key="enroll-picture").set_value(99)
    page = sound(page.run())
    page = sound(next(each for each in page.button if each.label == "Enroll").click().run())
    assert "99" in page.error[0].value


def test_broken_pictures_are_reported(known, tmp_path):
    page = started("people")
    for path in broken_files(tmp_path / "broken").values():
        page = give(page, "identify-upload", path.name, path.read_bytes())
        assert len(page.error) == 1, path


def test_the_logs_of_attend_are_shown(known, tmp_path, monkeypatch):
    camera, log = tmp_path / "camera", tmp_path / "visits.csv"
    for number in (0, 2, 88):
        photograph(camera, number, 1)
    (camera / "broken.png").write_bytes(b"no picture")
    attend(camera, known, log, AttendConfig(once=True))
    monkeypatch.setattr("sys.argv", ["app.py", "--log", str(log)])
    page = started("people")
    table = page.dataframe[0].value
    assert sorted(table["name"]) == ["<b>**Eve**</b> :cat:", "Ada"]
    assert "2 visits of 2 names" in texts(page)
    assert "2 sightings" in texts(page)
    assert "nearest:" in texts(page)


@pytest.mark.parametrize("text", ["", "a,b\n1,2\n", "\0\0", '"\n', ",".join(VISITS) + '\n1,2\n"open'])
def test_broken_logs_are_reported_or_read_as_far_as_they_go(known, tmp_path, monkeypatch, text):
    log = tmp_path / "visits.csv"
    log.write_text(text)
    monkeypatch.setattr("sys.argv", ["app.py", "--log", str(log)])
    page = started("people")
    if text.startswith(",".join(VISITS)):
        assert "The log has no visit yet" in " ".join(each.value for each in page.info)
    else:
        assert any(str(log) in each.value for each in page.error)
    assert log.read_text() == text, "the page never writes"


def test_a_missing_log_and_a_folder_are_reported(known, tmp_path, monkeypatch):
    for log in (tmp_path / "none.csv", tmp_path):
        with pytest.raises(DataError):
            read_rows(log, VISITS)
        monkeypatch.setattr("sys.argv", ["app.py", "--log", str(log)])
        assert started("people").error


@pytest.mark.parametrize("bad", [{"threshold": "x"}, {"threshold": "9"}, {"force": "<b>"}])
def test_a_bad_address_is_reported(known, bad):
    assert len(started("people", **bad).error) == 1


def test_a_weak_calibration_warns(known, tmp_path):
    catalog = Catalog.write(known)
    weak = replace(calibration(catalog.settings()["fingerprint"]), frr=ErrorRate(0.7))
    with catalog.transaction():
        catalog.set(calibration=weak.to_dict())
    catalog.close()
    page = give(started("people"), "identify-upload", "door.png", shot(tmp_path, 1).read_bytes())
    assert "weak" in page.warning[0].value


# The open tab ---------------------------------------------------------------------------------------------------------


def test_the_address_holds_the_open_tab(known):
    assert started("people", tab="enroll").session_state["tab"] == "Enroll"
    page = started("people")
    page.session_state["tab"] = "Unknown"
    assert started("people", tab="x").error[0].value.startswith("` tab=x `")
    assert started("people").session_state["tab"] == "Identify"


# Unknown pictures and faces -------------------------------------------------------------------------------------------


@pytest.fixture
def faces(tmp_path, monkeypatch):
    """An index of an encoder that finds faces, with two people."""
    monkeypatch.setitem(FAMILIES, "marks", "tests.marks:MarksEncoder")
    (tmp_path / "marks").mkdir()
    MarksEncoder().save(tmp_path / "marks")
    config, index = EnrollConfig(encoder=str(tmp_path / "marks"), device="cpu"), tmp_path / "faces.index"
    for number, name in enumerate(["Ada", "Bob"]):
        enroll(index, name, [save_group(tmp_path / "known" / f"{name}.png", (number, 120))], config)
    calibrate_by_hand(index)
    monkeypatch.setenv("TWINLENS_INDEX", str(index))
    return index


def button(page, label):
    return next(each for each in page.button if each.label == label)


def test_each_face_has_a_numbered_result_and_an_unknown_one_is_enrolled(faces, tmp_path, monkeypatch):
    manage(monkeypatch)
    picture = save_group(tmp_path / "door.png", (0, 120, 1), (9, 96, 1))
    page = give(started("people"), "identify-upload", "door.png", picture.read_bytes())
    assert titles(page) == ["1. Identified", "2. Unknown"]
    page.text_input(key="unknown-name-2").set_value("Grace")
    page = sound(button(page, "Enroll").click().run())
    assert "Grace" in page.success[0].value
    with open_index(faces, device="cpu") as engine:
        found = engine.identify(picture)
        assert [each.name for each in found.everyone] == ["Ada", "Grace"]


def test_without_manage_an_unknown_picture_is_not_enrolled(faces, tmp_path):
    picture = save_group(tmp_path / "door.png", (9, 96, 1))
    page = give(started("people"), "identify-upload", "door.png", picture.read_bytes())
    assert titles(page) == ["1. Unknown"]
    assert not [each for each in page.button if each.label == "Enroll"]


def test_faces_are_marked_where_they_are():
    picture = Image.new("RGB", (600, 200), "#808080")
    shown = np.asarray(Image.open(io.BytesIO(boxed(picture, [Crop(0.1, 0.2, 0.4, 0.8), Crop(0.6, 0.1, 0.9, 0.9)]))))
    assert shown.shape == (200, 600, 3)
    bright, dark = shown.min(axis=2) > 200, shown.max(axis=2) < 60
    for left, top, right, bottom in ((60, 40, 240, 160), (360, 20, 540, 180)):
        edges = [(row, column) for row in (top, bottom) for column in range(left + 60, right - 10)]
        edges += [(row, column) for column in (left, right) for row in range(top + 40, bottom - 10)]
        assert np.mean([bright[row - 2 : row + 3, column - 2 : column + 3].any() for row, column in edges]) > 0.95
        assert np.mean([dark[row - 4 : row + 5, column - 4 : column + 5].any() for row, column in edges]) > 0.95
        inside = shown[top + 60 : bottom - 8, left + 60 : right - 8]
        assert np.abs(inside.astype(int) - 128).max() < 20
    outside = shown[:, 260:340]
    assert np.abs(outside.astype(int) - 128).max() < 20


def test_an_unknown_picture_of_the_log_is_enrolled(known, tmp_path, monkeypatch):
    camera, log = tmp_path / "camera", tmp_path / "visits.csv"
    stranger = photograph(camera, 88, 1)
    attend(camera, known, log, AttendConfig(once=True))
    manage(monkeypatch, "--log", str(log))
    page = started("people", tab="Unknown")
    page.text_input(key="stranger-name-0").set_value("Grace")
    page = sound(page.run())
    page = sound(page.button(key="stranger-enroll-0").click().run())
    assert "Grace" in page.success[0].value
    with open_index(known) as engine:
        assert engine.identify(stranger).name == "Grace"


def test_a_face_of_an_unknown_picture_of_the_log_is_enrolled(faces, tmp_path, monkeypatch):
    camera, log = tmp_path / "camera", tmp_path / "visits.csv"
    picture = save_group(camera / "door.png", (8, 120, 1), (9, 96, 1))
    attend(camera, faces, log, AttendConfig(once=True))
    manage(monkeypatch, "--log", str(log))
    page = started("people", tab="Unknown")
    assert titles(page) == []
    page = sound(page.button(key="stranger-identify-0").click().run())
    assert titles(page) == ["1. Unknown", "2. Unknown"]
    page.text_input(key="stranger-face-name-2").set_value("Grace")
    page = sound(page.button(key="stranger-face-enroll-2").click().run())
    assert "Grace" in page.success[0].value
    assert titles(page) == ["1. Unknown", "2. Identified"]
    with open_index(faces, device="cpu") as engine:
        assert [each.name for each in engine.identify(picture).everyone] == [None, "Grace"]


def test_the_command_gives_the_app_its_log(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    words = app_command(Serving(None, log=Path("visits.csv")), 8501)
    monkeypatch.setattr("sys.argv", ["app.py", *words[words.index("--") + 1 :]])
    assert arguments().log == str(tmp_path / "visits.csv"), "absolute: the server runs in another folder"
