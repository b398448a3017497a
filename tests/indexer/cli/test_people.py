"""The commands of identification: what they print, and their exit codes."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from indexer.cli.app import app
from search import TwinlensError
from tests.command_line import twinlens
from tests.people import calibrate_by_hand, person, photograph


def run(*words: object) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words])


@pytest.fixture
def people(tmp_path: Path) -> Path:
    index = tmp_path / "people.index"
    for number, name in enumerate(["Ada", "Zoë 山"]):
        done = run("enroll", name, photograph(tmp_path / "k", number), "--index", index, "--encoder", "color-layout")
        assert done.exit_code == 0, done.output
        assert f"{name}: 1 added, 1 reference picture" in done.stdout
    calibrate_by_hand(index)
    return index


def test_identify_for_people_and_in_json(people: Path, tmp_path: Path) -> None:
    known, stranger = photograph(tmp_path, 1, 4), photograph(tmp_path, 50)
    done = run("identify", known, stranger, "--index", people)
    assert done.exit_code == 0
    assert f"{known}: Zoë 山, distance 0." in done.stdout
    assert f"{stranger}: unknown (nearest: " in done.stdout
    answers = [
        json.loads(line) for line in run("identify", known, stranger, "--index", people, "--json").stdout.splitlines()
    ]
    assert [answer["name"] for answer in answers] == ["Zoë 山", None]
    assert answers[0]["probability"] > 0.5 > answers[1]["probability"]
    assert [each["name"] for each in answers[1]["candidates"]] == sorted(
        ["Ada", "Zoë 山"], key=lambda name: next(c["distance"] for c in answers[1]["candidates"] if c["name"] == name)
    )
    assert answers[0]["quality"]["problems"] == []


def test_poor_and_broken_pictures_do_not_stop_the_others(people: Path, tmp_path: Path) -> None:
    (tmp_path / "bad.png").write_bytes(b"bad")
    person(0).point(lambda value: value // 20).save(tmp_path / "night.png")
    night, good = tmp_path / "night.png", photograph(tmp_path, 0, 2)
    done = run("identify", tmp_path / "bad.png", night, good, "--index", people, "--json")
    assert done.exit_code == 3
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert "error" in answers[0]
    assert "too dark" in answers[1]["error"]
    assert answers[2]["name"] == "Ada"
    assert run("identify", night, good, "--index", people, "--force").exit_code == 0


def test_listing_and_forgetting(people: Path) -> None:
    told = json.loads(run("identities", "--index", people, "--json").stdout)["identities"]
    assert [(each["name"], len(each["templates"])) for each in told] == [("Ada", 1), ("Zoë 山", 1)]
    assert "1 reference picture, since" in run("identities", "--index", people).stdout
    assert run("unenroll", "Ada", "Zoë 山", "--index", people).stdout.startswith("removed Ada, Zoë 山: 2")
    assert "no identity is enrolled" in run("identities", "--index", people).stdout


def test_warnings_go_to_standard_error(people: Path, tmp_path: Path) -> None:
    done = run("enroll", "double", photograph(tmp_path, 0, 9), "--index", people, "--json")
    assert "double is similar to Ada" in done.stderr
    assert json.loads(done.stdout)["warnings"]


def test_attend_once(people: Path, tmp_path: Path) -> None:
    photograph(tmp_path / "camera", 0, 1)
    done = run("attend", tmp_path / "camera", "--index", people, "--log", tmp_path / "log.csv", "--once")
    assert done.exit_code == 0, done.output
    assert "Ada (0." in done.stdout
    assert (tmp_path / "log.csv").read_text("utf-8").count("Ada") == 1


def test_errors_are_one_line(people: Path, tmp_path: Path) -> None:
    done = run("enroll", "Ada", photograph(tmp_path, 3), "--index", people)
    assert isinstance(done.exception, TwinlensError)
    shell = twinlens("identify", photograph(tmp_path, 0), "--index", tmp_path / "nowhere")
    assert shell.returncode == 1
    assert shell.stderr.startswith("error: ")
    assert shell.stderr.count("\n") == 1
