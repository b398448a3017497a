"""Enrol, identify and forget, in an index folder with and without pictures."""

import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from indexer.collection.build import build
from indexer.health.check import check
from indexer.people.enroll import enroll, unenroll
from search import DataError, IndexFolderError, IndexLockedError, PictureError, QueryError, open_index
from search.config import IdentifyConfig
from search.store.catalog import Catalog
from tests import conftest
from tests.older_catalogs import downgrade
from tests.people import FAST, calibrate_by_hand, person, photograph


@pytest.fixture
def people(tmp_path: Path) -> Path:
    """An index of five people, each known from one picture."""
    for number in range(5):
        enroll(tmp_path / "people.index", f"person {number}", [photograph(tmp_path / "known", number)], FAST)
    calibrate_by_hand(tmp_path / "people.index")
    return tmp_path / "people.index"


def test_known_from_one_picture_and_strangers_refused(people: Path, tmp_path: Path) -> None:
    with open_index(people, device="cpu") as engine:
        for number in range(5):
            found = engine.identify(photograph(tmp_path / "door", number, shot=7))
            assert found.name == f"person {number}"
            assert found.nearest.probability is not None
            assert found.nearest.probability > 0.5
        for number in range(5, 15):
            assert engine.identify(person(number)).name is None
        assert [each.name for each in engine.identities()] == [f"person {n}" for n in range(5)]
        own = engine.identify(tmp_path / "known" / "person2-0.png")
        assert own.nearest.distance == pytest.approx(0.0, abs=1e-6)


def test_an_index_of_people_alone_is_a_whole_index(people: Path, tmp_path: Path) -> None:
    assert check(people) == []
    with open_index(people) as engine:
        assert (len(engine), engine.info().images, engine.search(person(1), k=3)) == (0, 0, [])
    conftest.fill(tmp_path / "p", 4)
    build(tmp_path / "p", people, conftest.FAST)
    with open_index(people) as engine:
        assert (len(engine), len(engine.identities())) == (4, 5)
        assert engine.calibration is not None
        assert engine.identify(person(3, 1)).name == "person 3"


def test_people_beside_pictures(index: Path, tmp_path: Path) -> None:
    report = enroll(index, "  Zoë 山田 ", [photograph(tmp_path / "k", 1), photograph(tmp_path / "k", 1, 2)])
    assert (report.name, report.added, report.templates, report.warnings) == ("Zoë 山田", 2, 2, ())
    with open_index(index) as engine:
        assert len(engine) == 12
        found = engine.identify(person(1, 5), IdentifyConfig(threshold=0.3))
        assert found.name == "Zoë 山田"
    assert check(index) == []
    assert unenroll(index, ["Zoë 山田"]) == 2
    with open_index(index) as engine:
        assert engine.identities() == []
        with pytest.raises(QueryError, match="no identity is enrolled"):
            engine.identify(person(1))


def test_more_pictures_only_where_they_are_asked_for(people: Path, tmp_path: Path) -> None:
    again = photograph(tmp_path / "known", 0, shot=3)
    with pytest.raises(DataError, match="enrolled already"):
        enroll(people, "person 0", [again], FAST)
    assert enroll(people, "person 0", [again], replace(FAST, add=True)).templates == 2
    with pytest.raises(DataError, match="is a reference picture of person 0 already"):
        enroll(people, "person 0", [again], replace(FAST, add=True, force=True))
    with pytest.raises(DataError, match=r"is a reference picture of person 0\. Force it"):
        enroll(people, "twin", [again], FAST)
    assert enroll(people, "twin", [again], replace(FAST, force=True)).added == 1
    with pytest.raises(QueryError, match="same picture"):
        enroll(people, "new", [again, again], FAST)


def test_a_name_hard_to_tell_apart_is_warned_of(people: Path, tmp_path: Path) -> None:
    report = enroll(people, "double", [photograph(tmp_path / "k", 2, shot=9)], FAST)
    assert len(report.warnings) == 1
    assert report.warnings[0].startswith("double is similar to person 2: their distance is 0.1")
    assert enroll(people, "another", [photograph(tmp_path / "k", 77)], FAST).warnings == ()


@pytest.mark.parametrize("name", ["", "   ", "a\nb", "\x00", "x" * 201, "\u200d", "a\u2028b", "a\u202egpj", "\udcff"])
def test_what_is_no_name(name: str, tmp_path: Path) -> None:
    with pytest.raises(QueryError, match="is not a valid name"):
        enroll(tmp_path / "i", name, [photograph(tmp_path, 0)], FAST)
    assert not (tmp_path / "i").exists()


def test_a_poor_or_broken_picture_leaves_nothing_behind(people: Path, tmp_path: Path) -> None:
    blank, broken = tmp_path / "blank.png", tmp_path / "broken.png"
    person(1).point(lambda value: 200).save(blank)
    broken.write_bytes(b"\x89PNG\r\n\x1a\n")
    good = photograph(tmp_path / "k", 9)
    for index in (people, tmp_path / "new.index"):
        for bad, reason in ((blank, "no contrast"), (broken, "broken"), (tmp_path / "none.png", "none.png")):
            with pytest.raises(PictureError, match=reason):
                enroll(index, "nine", [good, bad], FAST)
    with open_index(people) as engine:
        assert len(engine.identities()) == 5
        with pytest.raises(PictureError, match="no contrast"):
            engine.identify(blank)
        assert engine.identify(blank, IdentifyConfig(force=True)).name is None
    assert not (tmp_path / "new.index").exists()
    assert enroll(people, "blank", [blank], replace(FAST, force=True)).added == 1


def test_unenroll_knows_whom_one_meant(people: Path, tmp_path: Path) -> None:
    with pytest.raises(QueryError, match=r"'persn 3' is enrolled\. Did you mean 'person 3'"):
        unenroll(people, ["person 1", "persn 3"])
    with open_index(people) as engine:
        assert len(engine.identities()) == 5, "all of the names or none"
    with pytest.raises(IndexFolderError, match="no index here"):
        unenroll(tmp_path / "nowhere", ["x"])
    assert not (tmp_path / "nowhere").exists()


def test_a_second_writer_and_no_picture_are_refused(people: Path, tmp_path: Path) -> None:
    from indexer.pipeline.lock import writer_lock

    with writer_lock(people), pytest.raises(IndexLockedError):
        enroll(people, "x", [photograph(tmp_path, 8)], FAST)
    with pytest.raises(QueryError, match="at least one picture"):
        enroll(people, "x", [], FAST)


def test_an_index_of_the_first_format_opens_and_is_upgraded_by_a_writer(index: Path, tmp_path: Path) -> None:
    downgrade(index, 1)
    with open_index(index) as engine:
        assert len(engine) == 12
        assert engine.identities() == []
        assert len(engine.search(person(1), k=3)) == 3
    assert check(index) == []
    enroll(index, "Ada", [photograph(tmp_path / "k", 1)])
    with open_index(index) as engine:
        assert [each.name for each in engine.identities()] == ["Ada"]


def test_a_damaged_embedding_is_found(people: Path) -> None:
    catalog = Catalog.write(people)
    with catalog.transaction():
        catalog.database.many("UPDATE templates SET vector = zeroblob(7) WHERE id = ?", [(3,)])
    catalog.close()
    assert any("person2-0.png" in finding for finding in check(people))


def test_killed_enrolments_are_whole_or_nothing(tmp_path: Path) -> None:
    pictures = [str(photograph(tmp_path / "k", 0, shot)) for shot in range(6)]
    words = [sys.executable, "-m", "indexer", "enroll", "Ada", *pictures, "--encoder", "color-layout"]
    began = time.monotonic()
    subprocess.run([*words, "--index", str(tmp_path / "whole")], check=True, capture_output=True)
    seconds = time.monotonic() - began
    for moment in range(6):
        index = tmp_path / f"killed{moment}"
        process = subprocess.Popen(
            [*words, "--index", str(index)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        time.sleep(seconds * (0.5 + 0.08 * moment))
        process.kill()
        process.wait()
        if (index / "catalog.sqlite").exists():
            assert_six_or_none(index)
        enroll(index, "Eve", [photograph(tmp_path / "eve", 1)], FAST)
        assert check(index) == []
        assert_six_or_none(index)


def assert_six_or_none(index: Path) -> None:
    said, found = "", {}
    try:
        with open_index(index) as engine:
            found = {each.name: len(each.templates) for each in engine.identities()}
    except IndexFolderError as unfinished:
        said = str(unfinished)
    assert "again" in said or found.get("Ada", 6) == 6


@pytest.mark.parametrize(
    "name",
    [
        "\u0639\u0644\u06cc\u200c\u0631\u0636\u0627",
        "O\u2019Neill-Zoë",
        "\U0001fae8",
        "\U0001f469\u200d\U0001f52c",
        "a\u00a0b",
    ],
)
def test_names_in_any_writing(people: Path, tmp_path: Path, name: str) -> None:
    enroll(people, f" {name} ", [photograph(tmp_path / "k", 9)], FAST)
    with open_index(people) as engine:
        assert engine.identify(person(9, 3)).name == name
    assert unenroll(people, [name]) == 1


def test_an_index_cannot_be_a_file(people: Path, tmp_path: Path) -> None:
    file = photograph(tmp_path, 1)
    conftest.fill(tmp_path / "p", 1)
    for place in (file, file / "below"):
        with pytest.raises(IndexFolderError, match="cannot be an index folder"):
            enroll(place, "Ada", [file], FAST)
        with pytest.raises(IndexFolderError, match="cannot be an index folder"):
            build(tmp_path / "p", place, conftest.FAST)


def test_a_calibration_that_supports_no_threshold_stops_no_enrolment(people: Path, tmp_path: Path) -> None:
    calibrate_by_hand(people, different_pairs=1)
    assert enroll(people, "new", [photograph(tmp_path / "k", 30)], FAST).warnings == ()
