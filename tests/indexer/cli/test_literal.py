"""Names and values that look like markup are printed as they are, by every command."""

import csv
import html
import io
import json
import shutil
from pathlib import Path

import pytest
from rich.console import Console

from indexer.cli.console import ConsoleProgress, TrainingConsole, _build_bar
from indexer.cli.rich_text import literal, literal_table
from indexer.collection.build import build
from tests.command_line import twinlens
from tests.conftest import FAST, draw

LABELS = [
    "[archive]",
    "shoe [size 42]",
    "a[/b]c",
    "[bold red]x",
    ":cat:",
    "[link=http://x.org]y[/link]",
    "\\[z]",
    "[/]",
    "$x_1$",
    "<b>w</b>",
    "*v*",
    "{task.total}",
    "%s {0}",
    "[not a tag",
    "][",
]
COPIED = range(len(LABELS))
"""Numbers of pictures of which there is a copy."""
COLUMNS = ["weight [kg]", "[/x]", "[red]", ":dog:"]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an index `ix` of pictures of such labels and columns, in a folder of such a name."""
    home = tmp_path_factory.mktemp("literal")
    pictures = home / "pics [red] :cat:"
    pictures.mkdir()
    rows = []
    for number, label in enumerate(LABELS):
        draw(number).save(pictures / f"{number}[b].png")
        rows.append((f"{number}[b].png", label))
    for number in COPIED:
        shutil.copy(pictures / f"{number}[b].png", pictures / f"{number}[copy].png")
        rows.append((f"{number}[copy].png", LABELS[number]))
    write(home / "labels.csv", ["path", "label"], rows)
    write(home / "meta.csv", ["path", *COLUMNS], [(name, label, 1, label, 2) for name, label in rows])
    build(pictures, home / "ix", FAST.__class__(**{**FAST.__dict__, "labels": str(home / "labels.csv")}))
    done = twinlens("metadata", home / "meta.csv", "--index", home / "ix", "--root", pictures)
    assert done.returncode == 0, done.stderr
    assert all(name in done.stdout for name in COLUMNS)
    return home


def write(file: Path, head: list[str], rows: list[tuple[object, ...]]) -> None:
    text = io.StringIO()
    csv.writer(text).writerows([head, *rows])
    file.write_text(text.getvalue(), encoding="utf-8")


def picture(place: Path, number: int) -> Path:
    return place / "pics [red] :cat:" / f"{number}[b].png"


def test_query_prints_labels_columns_and_paths_as_they_are(place: Path) -> None:
    done = twinlens("query", picture(place, 0), "--index", place / "ix", "-k", 99, "--show", "*")
    assert done.returncode == 0, done.stderr
    title, head, *rows = done.stdout.splitlines()
    assert title == str(picture(place, 0))
    assert all(name in head for name in COLUMNS)
    assert len(rows) == len(LABELS) + len(COPIED)
    for number, label in enumerate(LABELS):
        row = next(row for row in rows if row.rstrip().endswith(str(picture(place, number))))
        assert row.count(label) >= 3, "the label, and two columns of it"
    again = twinlens("query", picture(place, 0), "--index", place / "ix", "-k", 1, "--show", "weight [kg]")
    assert "weight [kg]" in again.stdout.splitlines()[1]


def test_errors_and_options_print_what_was_given(place: Path) -> None:
    for words, code in (
        (["query", "x[red]y[/b].png", "--index", place / "ix"], 1),
        (["query", picture(place, 0), "--index", place / "[/no]"], 1),
        (["query", picture(place, 0), "--index", place / "ix", "--show", "[/b] :cat:"], 2),
        (["query", picture(place, 0), "--index", place / "ix", "--crop", "[/b]"], 2),
        (["query", picture(place, 0), "--index", place / "ix", "--where", "[/b] = :cat:"], 2),
        (["query", picture(place, 0), "--index", place / "ix", "-k", "[/b]"], 2),
        (["query", picture(place, 0), "--index", place / "ix", "--device", "[/b]"], 2),
        (["[/b]", "--[/c]"], 2),
    ):
        done = twinlens(*words)
        assert done.returncode == code, (words, done.stderr)
        assert "Traceback" not in done.stderr
        assert "╭" not in done.stderr, "a panel of rich, which parses markup"
    assert "x[red]y[/b].png" in twinlens("query", "x[red]y[/b].png", "--index", place / "ix").stderr


@pytest.mark.slow
def test_the_other_commands_print_them_too(place: Path) -> None:
    index = place / "ix"
    told = twinlens("info", index).stdout
    assert all(f"column    {name} (" in told for name in COLUMNS)
    groups = twinlens("duplicates", index, "--threshold", 2, "--html", place / "page.html", "--csv", place / "d.csv")
    assert groups.returncode == 0, groups.stderr
    assert str(picture(place, 3)) in groups.stdout
    page = (place / "page.html").read_text(encoding="utf-8")
    assert "<b>w</b>" not in page
    assert html.escape("<b>w</b>") in page
    with (place / "d.csv").open(encoding="utf-8", newline="") as file:
        assert {row["label"] for row in csv.DictReader(file)} == set(LABELS)
    enrolled = twinlens("enroll", "Ada [boss] :cat:", picture(place, 0), "--index", index, "--force")
    assert enrolled.stdout.startswith("Ada [boss] :cat:: 1 added"), enrolled.stderr
    assert twinlens("identities", "--index", index).stdout.startswith("Ada [boss] :cat:  (")
    who = twinlens("identify", picture(place, 0), "--index", index, "--threshold", 1, "--force")
    assert f"{picture(place, 0)}: Ada [boss] :cat:, distance" in who.stdout
    same = twinlens("verify", picture(place, 0), picture(place, 1), "--index", index)
    assert same.returncode == 0
    assert str(index) in same.stdout


def test_the_map_takes_any_label(place: Path) -> None:
    done = twinlens("map", place / "ix", "--out", place / "map.png", "--html", place / "map.html")
    assert done.returncode == 0, done.stderr
    page = (place / "map.html").read_text(encoding="utf-8")
    assert "<b>w</b>" not in page
    assert html.escape("<b>w</b>") in page
    assert (place / "map.png").stat().st_size > 1000


@pytest.mark.slow
def test_evaluate_names_a_collection_as_it_is(place: Path, tmp_path: Path) -> None:
    for number in range(6):
        (tmp_path / "c [red]" / f"[/b]{number % 2}").mkdir(parents=True, exist_ok=True)
        draw(number).save(tmp_path / "c [red]" / f"[/b]{number % 2}" / f"{number}.png")
    done = twinlens("evaluate", tmp_path / "c [red]", "--encoder", "color-layout", "--robustness", "--queries", 2)
    assert done.returncode == 0, done.stderr
    assert "c [red]: 6 pictures, 2 classes" in done.stdout
    assert "2 pictures altered" in done.stdout


def test_json_holds_them_unchanged(place: Path) -> None:
    told = json.loads(twinlens("query", picture(place, 0), "--index", place / "ix", "-k", 99, "--json").stdout)
    assert {hit["label"] for hit in told["hits"]} == set(LABELS)


@pytest.mark.parametrize("label", LABELS)
def test_a_table_and_a_bar_print_text_as_it_is(label: str) -> None:
    shown = Console(file=io.StringIO(), width=200, force_terminal=True, color_system="truecolor")
    table = literal_table(label, title=literal(label))
    table.add_row(literal(label))
    shown.print(table)
    out = shown.file.getvalue()  # type: ignore[attr-defined]
    assert out.count(label) == 3
    bar = _build_bar()
    bar.add_task(label, total=3)
    shown.print(bar.get_renderable())
    assert label in shown.file.getvalue()[len(out) :]  # type: ignore[attr-defined]


def test_progress_without_a_terminal_writes_any_stage(capsys: pytest.CaptureFixture[str]) -> None:
    with ConsoleProgress() as progress:
        progress.begin("[/b] :cat:", 2)
        progress.advance(1)
    assert capsys.readouterr().out == ""
    with TrainingConsole():
        pass
