"""`calibrate`, `verify` and `query --same-only`, as a shell sees them."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest
from PIL import Image
from typer.testing import CliRunner

from indexer.cli.app import app
from indexer.collection.build import build
from search import TwinlensError
from tests.conftest import FAST
from tests.indexer.calibration.conftest import fill_subjects


def twinlens(*words: object) -> subprocess.CompletedProcess[str]:
    """The command in this process, which has everything imported; reports errors as `indexer.cli.base.run` does."""
    done = CliRunner().invoke(app, [str(word) for word in words])
    if isinstance(done.exception, TwinlensError):
        return subprocess.CompletedProcess(words, 1, done.stdout, f"error: {done.exception}")
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return subprocess.CompletedProcess(words, done.exit_code, done.stdout, done.stderr)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `people`, their index `plain`, and `calibrated`, another that was calibrated; do not change it."""
    folder = tmp_path_factory.mktemp("calibrate")
    fill_subjects(folder / "people")
    Image.new("RGB", (40, 40), "red").save(folder / "red.png")
    for name in ("plain", "calibrated"):
        build(folder / "people", folder / name, FAST)
    done = twinlens("calibrate", folder / "calibrated", "--max-far", 0.05, "--resamples", 40, "--json")
    assert done.returncode == 0, done.stderr
    (folder / "told.json").write_text(done.stdout)
    return folder


def told(done: subprocess.CompletedProcess[str]) -> dict[str, object]:
    assert done.returncode == 0, done.stderr
    found: dict[str, object] = json.loads(done.stdout)
    return found


def test_calibrate_in_json(home: Path) -> None:
    found = json.loads((home / "told.json").read_text())
    assert (found["pictures"], found["subjects"], found["rule"]) == (32, 8, "far<=0.05")
    assert found["far"]["low"] <= found["far"]["value"] <= found["far"]["high"]
    assert found["stored"] == str(home / "calibrated")
    assert "rates" not in found


def test_info_tells_of_it(home: Path) -> None:
    shown = told(twinlens("info", home / "calibrated", "--json"))["calibration"]
    assert isinstance(shown, dict)
    assert shown["threshold"] == json.loads((home / "told.json").read_text())["threshold"]
    assert "chosen by far<=0.05" in twinlens("info", home / "calibrated").stdout
    assert told(twinlens("info", home / "plain", "--json"))["calibration"] is None
    assert "not calibrated" in twinlens("info", home / "plain").stdout


def test_query_has_probabilities_and_same_only(home: Path) -> None:
    picture, index = home / "people" / "s00" / "0.png", home / "calibrated"
    hits = told(twinlens("query", picture, "--index", index, "-k", 32, "--json"))["hits"]
    near = told(twinlens("query", picture, "--index", index, "-k", 32, "--same-only", "--json"))
    assert isinstance(hits, list)
    threshold = json.loads((home / "told.json").read_text())["threshold"]
    assert near["hits"] == [hit for hit in hits if hit["distance"] <= threshold]
    assert "nothing" not in near
    assert all(0 <= hit["probability"] <= 1 for hit in hits)
    assert "probability" in twinlens("query", picture, "--index", index).stdout
    assert "probability" not in twinlens("query", picture, "--index", home / "plain").stdout
    red = ("query", home / "red.png", "--index", index, "--same-only")
    assert told(twinlens(*red, "--json"))["hits"] == []
    assert told(twinlens(*red, "--json"))["nothing"] == "nothing here shows the same thing"
    done = twinlens(*red)
    assert done.returncode == 0
    assert "nothing here shows the same thing" in done.stdout
    refused = twinlens("query", picture, "--index", home / "plain", "--same-only")
    assert refused.returncode == 1
    assert "twinlens calibrate" in refused.stderr


def near_one(home: Path) -> Path:
    """The picture that is nearest to s00/0.png."""
    found = told(twinlens("query", home / "people" / "s00" / "0.png", "--index", home / "calibrated", "--json"))
    assert isinstance(found["hits"], list)
    return Path(found["hits"][1]["path"])


def test_verify_answers_both_ways_with_exit_code_0(home: Path) -> None:
    one = home / "people" / "s00" / "0.png"
    for other, same in ((near_one(home), True), (home / "red.png", False)):
        found = told(twinlens("verify", one, other, "--index", home / "calibrated", "--json"))
        assert (found["same"], found["calibrated"]) == (same, True)
        assert (found["distance"] <= found["threshold"]) == same  # type: ignore[operator]
        done = twinlens("verify", one, other, "--index", home / "calibrated")
        assert done.returncode == 0
        assert done.stdout.startswith("the same" if same else "different")
        assert "FAR" in done.stdout
    several = (one, home / "red.png", near_one(home))
    best = told(twinlens("verify", *several, "--index", home / "calibrated", "--references", "best", "--json"))
    assert best["same"] is True
    assert "several" in twinlens("verify", *several, "--index", home / "calibrated").stdout


def test_every_door_says_that_a_calibration_is_weak(home: Path, tmp_path: Path) -> None:
    found = json.loads((home / "told.json").read_text())
    assert (found["weak"], found["frr"]["value"]) == (True, 0.625)
    assert "of the same pairs are rejected; calibrate again with --max-far 0.1 (FAR" in found["cautions"][0]
    assert [each["option"] for each in found["proposals"]] == ["--max-far 0.1", "--eer"]
    picture, index, warning = home / "people" / "s00" / "0.png", home / "calibrated", "this calibration is weak: "
    answer = told(twinlens("verify", picture, near_one(home), "--index", index, "--json"))
    assert (answer["same"], answer["weak"], answer["prior"]) == (True, True, 1 / 8)
    assert answer["cautions"] == [caution for caution in found["cautions"] if "--method" not in caution]
    shown = twinlens("verify", picture, near_one(home), "--index", index).stdout
    assert shown.startswith("the same by the threshold alone: this calibration is weak\n")
    assert "at a prior of 0.125" in shown
    assert all(f"caution      {caution}" in shown for caution in answer["cautions"])
    assert told(twinlens("query", picture, "--index", index, "--json"))["cautions"] == answer["cautions"]
    assert "cautions" not in told(twinlens("query", picture, "--index", home / "plain", "--json"))
    assert warning in twinlens("query", picture, "--index", index).stderr
    assert warning in twinlens("query", "--id", 1, "--index", index).stderr
    assert warning not in twinlens("query", picture, "--index", home / "plain").stderr
    assert f"caution   {answer['cautions'][0]}" in twinlens("info", index).stdout
    shutil.copytree(index, tmp_path / "people")
    assert twinlens("enroll", "ann", picture, "--index", tmp_path / "people", "--force").returncode == 0
    identified = twinlens("identify", picture, "--index", tmp_path / "people", "--force", "--json")
    assert warning in identified.stderr
    assert told(identified)["cautions"] == answer["cautions"]


def test_a_proposal_has_the_figures_that_it_names(home: Path, tmp_path: Path) -> None:
    proposals = json.loads((home / "told.json").read_text())["proposals"]
    shutil.copytree(home / "calibrated", tmp_path / "again")
    for each in proposals:
        done = told(twinlens("calibrate", tmp_path / "again", *each["option"].split(), "--resamples", 30, "--json"))
        assert done["threshold"] == pytest.approx(each["threshold"], abs=0.01)
        assert (done["far"]["value"], done["frr"]["value"]) == pytest.approx((each["far"], each["frr"]), abs=0.01)  # type: ignore[index]
        assert done["proposals"] == []


def test_verify_without_a_calibration(home: Path) -> None:
    one, other = home / "people" / "s00" / "0.png", home / "red.png"
    found = told(twinlens("verify", one, other, "--encoder", "color-layout", "--json"))
    assert (found["same"], found["probability"], found["calibrated"]) == (None, None, False)
    by_index = told(twinlens("verify", one, other, "--index", home / "plain", "--json"))
    assert by_index["distance"] == pytest.approx(found["distance"], abs=1e-6)
    done = twinlens("verify", one, other, "--index", home / "plain")
    assert done.returncode == 0
    assert "twinlens calibrate" in done.stdout


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (("verify", "red.png", "red.png"), 2, "--index / --encoder"),
        (("verify", "red.png", "gone.png", "--encoder", "color-layout"), 1, "gone.png"),
        (("calibrate", "plain", "--eer", "--max-far", "0.1"), 2, "one of them"),
        (("calibrate", "plain", "--cost-false-accept", "1"), 1, "set both"),
        (("calibrate", "plain", "--max-far", "0.001"), 1, "rule of three"),
        (("calibrate", "plain", "--max-far", "2"), 1, "less than 1"),
        (("calibrate", "people"), 1, "neither an index nor"),
        (("calibrate", "plain", "--pairs", "gone.csv"), 1, "gone.csv"),
    ],
)
def test_what_does_not_fit_is_refused(
    home: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], code: int, says: str
) -> None:
    monkeypatch.chdir(home)
    done = twinlens(*words)
    assert done.returncode == code
    assert says in done.stderr


def test_calibrate_for_people_names_what_it_skipped(home: Path, tmp_path: Path) -> None:
    fill_subjects(tmp_path / "people", 6)
    (tmp_path / "people" / "s00" / "0.png").write_bytes(b"no picture")
    build(home / "people", tmp_path / "i", FAST)
    done = twinlens(
        "calibrate",
        tmp_path / "i",
        tmp_path / "people",
        "--cost-false-accept",
        5,
        "--cost-false-reject",
        1,
        "--method",
        "isotonic",
        "--resamples",
        30,
        "--report",
        tmp_path / "report",
    )
    assert done.returncode == 3, done.stderr
    assert "0.png" in done.stderr
    assert "23 pictures of 6 subjects" in done.stdout
    assert "chosen by cost 5:1" in done.stdout
    assert "caution" in done.stdout
    assert (tmp_path / "report" / "report.md").is_file()
