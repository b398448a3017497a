"""The commands, as a shell sees them."""

import json
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.command_line import own_process as twinlens
from tests.conftest import draw

ROOT = Path(__file__).parents[3]


def test_query_in_json(pictures: Path, index: Path) -> None:
    one, two = sorted(pictures.rglob("*.png"))[:2]
    done = twinlens("query", one, two, "--index", index, "-k", 3, "--json")
    assert done.returncode == 0, done.stderr
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert [answer["query"] for answer in answers] == [str(one), str(two)]
    assert [answer["hits"][0]["path"] for answer in answers] == [str(one), str(two)]
    assert all(len(answer["hits"]) == 3 for answer in answers)


def test_both_doors_are_the_same(pictures: Path, index: Path) -> None:
    picture = next(pictures.rglob("*.png"))
    words = ("query", picture, "--index", index, "--where", "label=label1", "--json")
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["scripts"]
    module, _, function = scripts["twinlens"].partition(":")
    command = [sys.executable, "-c", f"from {module} import {function}; {function}()", *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert twinlens(*words).stdout == done.stdout != ""


def test_query_for_people(pictures: Path, index: Path) -> None:
    done = twinlens("query", next(pictures.rglob("*.png")), "--index", index, "-k", 2)
    assert "0.0000" in done.stdout
    assert "label" in done.stdout


def test_no_path_is_folded_in_a_pipe(index: Path, tmp_path: Path) -> None:
    folder = tmp_path / ("a long name of a folder " * 8).strip()
    folder.mkdir()
    asked = folder / "one.png"
    draw(99).save(asked)
    assert twinlens("add", folder, "--index", index).returncode == 0
    title, _, first = twinlens("query", asked, "--index", index, "-k", 1).stdout.splitlines()
    assert title == str(asked)
    assert first.rstrip().endswith(f"  {asked}")


def test_a_broken_picture_does_not_stop_the_others(index: Path, tmp_path: Path) -> None:
    (tmp_path / "bad.png").write_bytes(b"bad")
    draw(3).save(tmp_path / "good.png")
    done = twinlens("query", tmp_path / "bad.png", tmp_path / "good.png", "--index", index, "--json")
    assert done.returncode == 3
    first, second = map(json.loads, done.stdout.splitlines())
    assert "error" in first
    assert second["hits"][0]["path"].endswith("0003.png")


def test_info(index: Path) -> None:
    told = json.loads(twinlens("info", index, "--json").stdout)
    assert (told["images"], told["encoder"], told["kind"], told["segments"]) == (12, "color-layout", "flat", 1)
    assert told["dim"] > 1
    assert "12" in twinlens("info", index).stdout


def test_check_and_evaluate(index: Path) -> None:
    assert twinlens("check", index).returncode == 0
    told = json.loads(twinlens("evaluate", index, "--json").stdout)
    assert told["queries"] == 12
    assert 0 <= told["recall_at"]["1"] <= told["recall_at"]["5"] <= 1
    low, high = told["intervals"]["map_at_r"]
    assert 0 <= low <= told["map_at_r"] <= high <= 1
    vectors = next((index / "segments").glob("*.npy"))
    vectors.write_bytes(vectors.read_bytes()[:-1] + b"!")
    done = twinlens("check", index)
    assert done.returncode == 1
    assert vectors.name in done.stdout


@pytest.mark.slow
def test_evaluate_for_people(pictures: Path, index: Path) -> None:
    done = twinlens("evaluate", index)
    assert done.returncode == 0, done.stderr
    assert all(name in done.stdout for name in ("R@1", "R@10", "mAP@R", "NMI", "95 % interval"))
    (pictures / "label0" / "bad.png").write_bytes(b"bad")
    done = twinlens(
        "evaluate", pictures, "--encoder", "color-layout", "--include", "label[01]", "--robustness", "--queries", "2"
    )
    assert done.returncode == 3
    assert "8 pictures, 2 classes" in done.stdout
    assert "quality 20" in done.stdout
    assert "bad.png" in done.stderr


@pytest.mark.parametrize("words", [("--card",), ("--include", "x"), ("--card", "--encoder", "color-layout")])
def test_evaluate_refuses_what_does_not_fit(index: Path, words: tuple[str, ...]) -> None:
    done = twinlens("evaluate", index, *words)
    assert done.returncode == 2
    assert words[0] in done.stderr


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("query", "x.png", "--index", "nowhere"), "twinlens build"),
        (("info", "nowhere"), "nowhere"),
        (("evaluate", "nowhere"), "nowhere"),
        (("evaluate", "nowhere", "--encoder", "color-layout"), "no such folder"),
        (("build", "nowhere", "--index", "i"), "nowhere"),
    ],
)
def test_errors_are_one_line_with_a_remedy(words: tuple[str, ...], says: str) -> None:
    done = twinlens(*words)
    assert done.returncode == 1
    assert done.stderr.startswith("error: ")
    assert says in done.stderr
    assert "Traceback" not in done.stderr


def test_unknown_names_are_refused_before_any_work(pictures: Path, tmp_path: Path) -> None:
    for option, value, code in (("--kind", "magic", 2), ("--encoder", "magic", 1)):
        done = twinlens("build", pictures, "--index", tmp_path / "i", option, value)
        assert done.returncode == code
        assert "magic" in done.stderr
        assert not (tmp_path / "i").exists()


def test_build_in_json(pictures: Path, tmp_path: Path) -> None:
    done = twinlens("build", pictures, "--index", tmp_path / "i", "--encoder", "color-layout", "--json")
    told = json.loads(done.stdout)
    assert (told["images"], told["embedded"], told["kind"], told["skipped"]) == (12, 12, "flat", [])
    assert {"scan", "read and decode", "encode", "build structure", "commit"} <= set(told["seconds"])
