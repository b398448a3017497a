"""A camera's folder: who came, once a visit; strangers and unusable pictures apart; stopped and started again."""

import csv
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pillow_heif
import pytest
from PIL import Image

from indexer.people.attendance import Attendance, Visits, attend
from indexer.people.csv_log import CsvLog
from indexer.people.enroll import enroll
from search import DataError, QueryError
from search.config import AttendConfig
from search.pictures.exif import taken_at
from tests.people import FAST, calibrate_by_hand, person, photograph

NINE = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


@pytest.fixture
def people(tmp_path: Path) -> Path:
    for number, name in enumerate(["Ada", "=Bob", "Zoë"]):
        enroll(tmp_path / "people.index", name, [photograph(tmp_path / "known", number)], FAST)
    calibrate_by_hand(tmp_path / "people.index")
    return tmp_path / "people.index"


@pytest.fixture
def camera(tmp_path: Path) -> Path:
    (tmp_path / "camera").mkdir()
    return tmp_path / "camera"


def arrive(camera: Path, number: int, minutes: float, shot: int = 1) -> Path:
    path = camera / f"{minutes:06.1f}-{number}-{shot}.png"
    person(number, shot).save(path)
    moment = (NINE + timedelta(minutes=minutes)).timestamp()
    os.utime(path, (moment, moment))
    return path


def rows(file: Path) -> list[dict[str, str]]:
    with file.open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def test_a_row_a_visit(people: Path, camera: Path, tmp_path: Path) -> None:
    for number, minutes in [(0, 0), (0, 20), (0, 45), (0, 76), (1, 5), (40, 6)]:
        arrive(camera, number, minutes)
    (camera / "broken.jpg").write_bytes(b"\xff\xd8\xff")
    log = tmp_path / "log.csv"
    attend(camera, people, log, AttendConfig(once=True), device="cpu")
    assert [(row["time"], row["name"]) for row in rows(log)] == [
        ("2026-03-02T09:00:00+00:00", "Ada"),
        ("2026-03-02T09:05:00+00:00", "'=Bob"),  # no formula in a spreadsheet
        ("2026-03-02T10:16:00+00:00", "Ada"),
    ]
    assert float(rows(log)[0]["distance"]) < 0.3
    assert 0.5 < float(rows(log)[0]["probability"]) <= 1
    unknown = rows(tmp_path / "log.unknown.csv")
    assert [row["reason"] == "unknown" for row in unknown] == [True, False]
    assert unknown[1]["picture"].endswith("broken.jpg")


def test_files_are_taken_when_they_are_whole(people: Path, camera: Path, tmp_path: Path) -> None:
    with Attendance(camera, people, tmp_path / "log.csv", device="cpu") as attendance:
        path = arrive(camera, 0, 0)
        whole = path.read_bytes()
        path.write_bytes(whole[: len(whole) // 2])
        assert attendance.look() == []
        path.write_bytes(whole)  # the camera goes on writing
        assert attendance.look() == []
        assert [seen.name for seen in attendance.look()] == ["Ada"]
        assert attendance.look() == []
        path.write_bytes(arrive(tmp_path, 2, 1).read_bytes())  # the same name, another picture
        attendance.look()
        assert [seen.name for seen in attendance.look()] == ["Zoë"]


def test_a_stopped_run_goes_on(people: Path, camera: Path, tmp_path: Path) -> None:
    log = tmp_path / "log.csv"
    for minutes in (0, 20):
        arrive(camera, 0, minutes)
        attend(camera, people, log, AttendConfig(once=True), device="cpu")
    arrive(camera, 50, 30)
    for _ in range(2):
        attend(camera, people, log, AttendConfig(once=True), device="cpu")
    arrive(camera, 0, 48)  # 28 minutes after Ada was seen last, 48 after the row in the log
    attend(camera, people, log, AttendConfig(once=True), device="cpu")
    assert [row["name"] for row in rows(log)] == ["Ada"]
    assert len(rows(tmp_path / "log.unknown.csv")) == 1


def test_killed_between_log_and_journal(people: Path, camera: Path, tmp_path: Path) -> None:
    log, journal = tmp_path / "log.csv", tmp_path / "log.seen.csv"
    arrive(camera, 0, 0)
    arrive(camera, 60, 1)
    attend(camera, people, log, AttendConfig(once=True), device="cpu")
    expected = log.read_bytes(), (tmp_path / "log.unknown.csv").read_bytes()
    journal.write_text(journal.read_text("utf-8").splitlines(keepends=True)[0] + "half a row, no end", "utf-8")
    attend(camera, people, log, AttendConfig(once=True), device="cpu")
    assert (log.read_bytes(), (tmp_path / "log.unknown.csv").read_bytes()) == expected
    assert len(rows(journal)) == 2


def test_people_enrolled_meanwhile_are_known(people: Path, camera: Path, tmp_path: Path) -> None:
    with Attendance(camera, people, tmp_path / "log.csv", device="cpu") as attendance:
        arrive(camera, 7, 0)
        assert [seen.name for seen in attendance.look(settled=True)] == [None]
        enroll(people, "Grace", [photograph(tmp_path / "known", 7)], FAST)
        arrive(camera, 7, 1)
        assert [seen.name for seen in attendance.look(settled=True)] == ["Grace"]


def test_what_cannot_be_attended_is_said_first(people: Path, camera: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such folder"):
        attend(tmp_path / "nowhere", people, tmp_path / "log.csv")
    other = tmp_path / "other.csv"
    other.write_text("a,b\n", "utf-8")
    with pytest.raises(DataError, match="another kind of file"):
        attend(camera, people, other, AttendConfig(once=True), device="cpu")
    enroll(tmp_path / "raw.index", "Ada", [photograph(tmp_path / "known", 0)], FAST)
    with pytest.raises(QueryError, match="twinlens calibrate"):
        attend(camera, tmp_path / "raw.index", tmp_path / "raw.csv", AttendConfig(once=True), device="cpu")
    assert not (tmp_path / "raw.csv").exists()


def test_visits_grow_and_meet() -> None:
    visits = Visits(30)

    def at(minutes: float) -> datetime:
        return NINE + timedelta(minutes=minutes)

    assert [visits.add_sighting("a", at(m)) for m in (0, 30, 60, 91)] == [True, False, False, True]
    assert visits.add_sighting("b", at(0))
    assert not visits.add_sighting("a", at(-30)), "a picture that comes late belongs to the visit that it began"
    assert [Visits(0).add_sighting("a", at(0)), Visits(0).add_sighting("a", at(0))] == [True, True]


def test_a_log_keeps_what_it_was_given(tmp_path: Path) -> None:
    log = CsvLog(tmp_path / "l.csv", ("a", "b"))
    cells = ["=1+1", "'quoted'", "-x", 'x,"y"', "\udcff.png", "", "é"]
    for cell in cells:
        log.add(a=cell, b="b")
    assert [row["a"] for row in CsvLog(log.file, ("a", "b")).rows()] == cells
    log.add(a="two\nlines", b="b")
    assert [row["a"] for row in log.rows()][-1] == "two\\nlines"
    assert len(log.file.read_bytes().splitlines()) == len(cells) + 2


def test_the_time_of_the_shutter(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif.get_ifd(0x8769).update({0x9003: "2026:05:06 07:08:09", 0x9011: "+02:00"})
    person(1).save(tmp_path / "a.jpg", exif=exif)
    assert taken_at(tmp_path / "a.jpg") == datetime(2026, 5, 6, 5, 8, 9, tzinfo=UTC)
    exif.get_ifd(0x8769).update({0x9003: "0000:00:00 00:00:00"})
    person(1).save(tmp_path / "b.jpg", exif=exif)
    exif.get_ifd(0x8769).update({0x9003: "2026:05:06 07:08:09"})
    pillow_heif.from_pillow(person(1)).save(tmp_path / "e.heic", exif=exif.tobytes())
    names = ("f.avif", "f.png", "f.tiff", "f.webp")
    for name in names:
        person(1).save(tmp_path / name, exif=exif.tobytes())
    for name in ("e.heic", *names):
        assert taken_at(tmp_path / name) == datetime(2026, 5, 6, 5, 8, 9, tzinfo=UTC)
    person(1).save(tmp_path / "c.png")
    (tmp_path / "d.jpg").write_bytes(b"no picture")
    assert [taken_at(tmp_path / name) for name in ("b.jpg", "c.png", "d.jpg", "none.jpg")] == [None] * 4


def test_a_log_that_a_spreadsheet_rewrote_is_named(people: Path, camera: Path, tmp_path: Path) -> None:
    log, journal = tmp_path / "log.csv", tmp_path / "log.seen.csv"
    arrive(camera, 0, 0)
    attend(camera, people, log, AttendConfig(once=True), device="cpu")
    kept = log.read_text("utf-8"), journal.read_text("utf-8")
    for time in ("02/03/2026 09:00", "2026-03-02 09:00", ""):
        log.write_text(kept[0].replace("2026-03-02T09:00:00+00:00", time), "utf-8")
        with pytest.raises(DataError, match=r"log\.csv: was altered: time"):
            attend(camera, people, log, AttendConfig(once=True), device="cpu")
    log.write_text(kept[0], "utf-8")
    size = str((next(camera.iterdir())).stat().st_size)
    journal.write_text(kept[1].replace(f",{size},", ",1.2E+04,"), "utf-8")
    with pytest.raises(DataError, match=r"log\.seen\.csv: was altered: bytes"):
        attend(camera, people, log, AttendConfig(once=True), device="cpu")


def test_one_log_has_one_writer(people: Path, camera: Path, tmp_path: Path) -> None:
    log = tmp_path / "log.csv"
    with (
        Attendance(camera, people, log, device="cpu"),
        pytest.raises(DataError, match="another twinlens attend"),
    ):
        attend(camera, people, log, AttendConfig(once=True), device="cpu")
    attend(camera, people, log, AttendConfig(once=True), device="cpu")
    assert log.exists()


def test_a_visit_goes_on_whatever_the_name_is_written_with(people: Path, camera: Path, tmp_path: Path) -> None:
    name, log = "\u0639\u0644\u06cc\u200c\u0631\u0636\u0627", tmp_path / "log.csv"
    enroll(people, name, [photograph(tmp_path / "known", 9)], FAST)
    for minutes in (0, 10):
        arrive(camera, 9, minutes)
        attend(camera, people, log, AttendConfig(once=True), device="cpu")
    assert [row["name"] for row in rows(log)] == [name]


@pytest.mark.parametrize("text", ["my notes, without a line break", "a title\nand a last line", "time,other\n1,2\nhal"])
def test_a_file_that_is_no_log_keeps_every_byte(text: str, people: Path, camera: Path, tmp_path: Path) -> None:
    for name in ("log.csv", "log.unknown.csv", "log.seen.csv"):
        file = tmp_path / name
        file.write_text(text)
        with pytest.raises(DataError, match=rf"{name}: is another kind of file"):
            attend(camera, people, tmp_path / "log.csv", AttendConfig(once=True), device="cpu")
        assert file.read_text() == text
        file.unlink()


@pytest.mark.parametrize("left", ["", "a", "a,b", "a,b\n", "a,b\n1,2\n3", "a,b\n1,2\n3,4"])
def test_half_a_row_of_a_log_is_cut(left: str, tmp_path: Path) -> None:
    (tmp_path / "log.csv").write_text(left)
    log = CsvLog(tmp_path / "log.csv", ("a", "b"))
    log.add(a="5", b="6")
    whole = left.partition("\n")[2].rpartition("\n")[0]
    assert (tmp_path / "log.csv").read_text() == "a,b\n" + (whole and f"{whole}\n") + "5,6\n"


def test_a_log_is_followed_by_its_link_and_the_files_beside_it_are_not(
    people: Path, camera: Path, tmp_path: Path
) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "log.csv").symlink_to(tmp_path / "disk" / "log.csv")
    arrive(camera, 0, 0)
    attend(camera, people, tmp_path / "log.csv", AttendConfig(once=True), device="cpu")
    assert (tmp_path / "log.csv").is_symlink()
    assert [row["name"] for row in rows(tmp_path / "disk" / "log.csv")] == ["Ada"]
    (tmp_path / "mine").write_text("my thesis")
    for name in ("log.csv.lock", "log.seen.csv", "log.unknown.csv"):
        (tmp_path / "disk" / name).unlink(missing_ok=True)
        (tmp_path / "disk" / name).symlink_to(tmp_path / "mine")
        with pytest.raises(DataError, match=name.removesuffix(".lock")):
            attend(camera, people, tmp_path / "log.csv", AttendConfig(once=True), device="cpu")
        assert (tmp_path / "mine").read_text() == "my thesis"
        (tmp_path / "disk" / name).unlink()
