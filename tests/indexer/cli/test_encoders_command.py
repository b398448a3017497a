"""`twinlens encoders`, and the files that its figures come from."""

from __future__ import annotations

import json
import re
from pathlib import Path
from types import SimpleNamespace

import pytest
from typer.testing import CliRunner

from benchmarks.encoder_menu import PAGE, with_table, write_figures
from indexer.cli.app import app
from indexer.cli.base import OptionError
from indexer.evaluation import encoder_speed
from search.encoders import available, load_encoder
from search.encoders.menu import FIGURES_FILE, WEIGHTS, read_figures

ROOT = Path(__file__).parents[3]


def listed(*words: str) -> list[dict[str, object]]:
    done = CliRunner().invoke(app, ["encoders", *words, "--json"])
    assert done.exit_code == 0, done.output
    found: list[dict[str, object]] = json.loads(done.stdout)["encoders"]
    return found


def test_json_is_the_menu() -> None:
    assert listed() == [{**entry.to_dict(), "here": None} for entry in available()]
    assert [each["name"] for each in listed("best", "color-layout")] == ["color-layout", "best"]


def test_the_table_has_every_encoder_and_says_how_to_install_it() -> None:
    done = CliRunner().invoke(app, ["encoders"])
    assert done.exit_code == 0
    head, *rows = done.stdout.splitlines()
    assert head.split() == ["name", "installed", "size", "dim", "pixels", "pictures/s", "R@1", "copies"]
    for entry, row in zip(available(), rows, strict=False):
        assert row.split()[:2] == [entry.name, "yes" if entry.installed else "no"]
        line = next(line for line in rows if line.startswith(f"{entry.name}: "))
        assert entry.job in line
        assert entry.licence in line
        assert ("not installed" in line) != entry.installed
        assert entry.install in line
    assert "here/s" not in done.stdout


def test_an_unknown_name_is_refused() -> None:
    done = CliRunner().invoke(app, ["encoders", "nonsense"])
    assert isinstance(done.exception, OptionError)
    assert "there are photo," in str(done.exception)


def test_measuring_downloads_nothing_unless_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encoder_speed, "pictures_per_second", lambda encoder: 12.0)
    monkeypatch.setattr("search.encoders.load_encoder", lambda name, device: name)
    entries = {entry.name: entry for entry in available()}
    here = {each["name"]: each["here"] for each in listed("--measure")}
    assert here["color-layout"] == 12.0
    for name, entry in entries.items():
        expected = entry.installed and entry.measurable and not entry.download
        assert here[name] == (12.0 if expected else None), name
    assert {each["name"]: each["here"] for each in listed("best", "--measure")} == {
        "best": 12.0 if entries["best"].installed else None
    }
    assert listed("timm:NAME", "--measure")[0]["here"] is None
    assert "here/s" in CliRunner().invoke(app, ["encoders", "--measure"]).stdout


def test_speed_counts_pictures_after_the_first_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, batches = iter([0.0, 0.0, 1.0, 2.0, 4.0]), []
    monkeypatch.setattr(encoder_speed.time, "perf_counter", lambda: next(clock))
    encoder = SimpleNamespace(encode=lambda pictures: batches.append(len(pictures)))
    assert encoder_speed.pictures_per_second(encoder, 3.0) == 3 * 32 / 4  # type: ignore[arg-type]
    assert batches == [32] * 4
    monkeypatch.undo()
    assert encoder_speed.pictures_per_second(load_encoder("color-layout"), 0.01) > 0


def test_the_table_in_the_docs_is_current() -> None:
    page = PAGE.read_text("utf-8")
    assert page == with_table(page), "run python -m benchmarks.encoder_menu"


def test_the_benchmark_adds_its_figures(tmp_path: Path) -> None:
    file = tmp_path / FIGURES_FILE
    first = SimpleNamespace(mean_recall=0.123456, mean_copies=0.9, pictures_per_second=300.04)
    second = SimpleNamespace(mean_recall=0.5, mean_copies=0.8, pictures_per_second=20.0)
    write_figures({"small": first, "teacher": first}, file)
    write_figures({"photo": second}, file)
    assert read_figures(file) == {
        "small": {"recall_at_1": 0.1235, "copies_found": 0.9, "pictures_per_second": 300.0},
        "photo": {"recall_at_1": 0.5, "copies_found": 0.8, "pictures_per_second": 20.0},
    }


def test_the_figures_are_those_of_the_page() -> None:
    figures = read_figures(WEIGHTS / FIGURES_FILE)
    rows = {
        "mean over collections": "recall_at_1",
        "mean over kinds and collections": "copies_found",
        "pictures per second": "pictures_per_second",
    }
    compared = set()
    text = (ROOT / "docs" / "results" / "photo.md").read_text("utf-8")
    for row, figure in rows.items():
        for found in re.finditer(rf"^\|  \| (.*) \|\n\|[-:|]+\|\n(?:\|.*\n)*?\| {row} \| (.*) \|$", text, re.MULTILINE):
            for name, value in zip(found[1].split(" | "), found[2].split(" | "), strict=True):
                if name in figures:
                    digits = len(value.partition(".")[2])
                    assert round(figures[name][figure], digits) == float(value), (name, row)
                    compared.add((name, figure))
    assert compared == {(name, figure) for name in figures for figure in rows.values()}
