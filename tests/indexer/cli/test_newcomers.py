"""What a newcomer meets: misspelled values, files that are not there, options that make no sense, the help."""

import json
from pathlib import Path

import pytest
from typer.main import get_command

from indexer.cli.app import SECTIONS, app
from indexer.collection.remove import remove
from search import QueryError, open_index
from search.errors import FilterError, MissingPictureError
from search.filters.language import parse_where
from search.query.nearest_values import MOST_VALUES, nearest_values, nothing_matches
from tests.command_line import twinlens


@pytest.fixture
def asked(pictures: Path) -> Path:
    return sorted(pictures.rglob("*.png"))[0]


# A filter that matches nothing ----------------------------------------------------------------------------------------


def test_a_misspelled_label_is_named(index: Path, asked: Path) -> None:
    done = twinlens("query", asked, "--index", index, "--where", "label = lable1")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"{asked}: no picture matches label = lable1; nearest label: label1\n"
    told = json.loads(twinlens("query", asked, "--index", index, "--where", "label = lable1", "--json").stdout)
    assert told == {
        "query": str(asked),
        "hits": [],
        "nothing": "no picture matches label = lable1; nearest label: label1",
    }
    assert "nothing" not in json.loads(twinlens("query", asked, "--index", index, "--json").stdout)


@pytest.mark.thinned(3)
@pytest.mark.parametrize(
    ("where", "hints"),
    [
        ("label = LABEL1", ["nearest label: label1"]),
        ("label in (lable0, nothing, 'labl2')", ["nearest label: label0", "nearest label: label2"]),
        ("label = zebra", []),
        ("label = label1 and width > 9999", []),
        ("width > 9999", []),
        ("not label in (label0, label1, label2)", []),
        ("kind = 'dayli' and label = labell0", ["nearest kind: daily", "nearest label: label0"]),
        ("price = 4", []),
    ],
)
def test_the_nearest_values_of_a_filter(
    index: Path, pictures: Path, tmp_path: Path, where: str, hints: list[str]
) -> None:
    rows = [f"{path.relative_to(pictures)},daily,3" for path in sorted(pictures.rglob("*.png"))]
    (tmp_path / "m.csv").write_text("\n".join(["path,kind,price", *rows]), encoding="utf-8")
    assert twinlens("metadata", tmp_path / "m.csv", "--index", index, "--root", pictures).returncode == 0
    with open_index(index) as engine:
        assert engine.count(where) == 0
        found = nothing_matches(engine, parse_where(where), "it")
        assert found == "; ".join(["no picture matches it", *hints])
        assert nothing_matches(engine, parse_where("label = label0"), "it") is None


def test_a_column_without_values_is_named(index: Path) -> None:
    """The pictures have no EXIF, and so no date."""
    done = twinlens(
        "query", "--id", 1, "--index", index, "--where", "label = label1 and taken > 2020 and camera glob x*"
    )
    assert done.stdout.endswith(
        "no picture matches label = label1 and taken > 2020 and camera glob x*; no picture has any taken; "
        "no picture has any camera\n"
    )


def test_of_many_values_none_is_named(index: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert MOST_VALUES >= 1000
    monkeypatch.setattr("search.query.nearest_values.MOST_VALUES", 2)
    with open_index(index) as engine:
        assert nearest_values(engine, parse_where("label = lable1")) == []


def test_remove_export_and_duplicates_name_it_too(index: Path, tmp_path: Path) -> None:
    with pytest.raises(QueryError, match="no picture matches the filter; nearest label: label1; nothing was removed"):
        remove(index, where="label = lable1", dry_run=True)
    done = twinlens("export", index, "--out", tmp_path / "e", "--where", "label = lable1", "--json")
    assert json.loads(done.stdout)["pictures"] == 0
    assert done.stderr == f"{index}: no picture matches label = lable1; nearest label: label1\n"
    done = twinlens("duplicates", index, "--where", "label = lable1")
    assert done.returncode == 0
    assert "nearest label: label1" in done.stderr


# Exit codes -----------------------------------------------------------------------------------------------------------


@pytest.mark.thinned(3)
@pytest.mark.parametrize(
    "words",
    [
        ("calibrate", "INDEX", "--max-far", "2"),
        ("calibrate", "INDEX", "--max-far", "nan"),
        ("calibrate", "INDEX", "--cost-false-accept", "1"),
        ("calibrate", "INDEX", "--prior", "1.5"),
        ("identify", "x.png", "--index", "INDEX", "--max-false-accept", "3"),
        ("attend", ".", "--index", "INDEX", "--log", "x.csv", "--once", "--max-false-accept", "0"),
        ("rebuild", "--index", "INDEX", "--kind", "nosuch"),
        ("build", ".", "--index", "INDEX", "--kind", "FLAT"),
        ("remove", "--index", "INDEX"),
        ("remove", "--index", "INDEX", "--dry-run"),
    ],
)
def test_options_of_other_commands_that_make_no_sense_are_2(index: Path, words: tuple[str, ...]) -> None:
    done = twinlens(*(index if word == "INDEX" else word for word in words))
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


@pytest.mark.thinned(3)
@pytest.mark.parametrize(
    "words",
    [
        ("-k", "0"),
        ("-k", "-1"),
        ("-k", "one"),
        ("--crop", "1,2"),
        ("--crop", "0,0,2,1"),
        ("--crop", "0.5,0,0.5,1"),
        ("--crop", "nan,0,1,1"),
        ("--where", "label ="),
        ("--where", ""),
        ("--where", "colour = red"),
        ("--where", "width = wide"),
        ("--where", "x" * 20_000),
        ("--show", "colour"),
        ("--device", "moon"),
        ("--no",),
    ],
)
def test_an_option_that_makes_no_sense_is_2(index: Path, asked: Path, words: tuple[str, ...]) -> None:
    done = twinlens("query", asked, "--index", index, *words)
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_a_filter_that_makes_no_sense_is_2_everywhere(index: Path, tmp_path: Path) -> None:
    for words in (
        ("remove", "--index", index, "--dry-run"),
        ("export", index, "--out", tmp_path / "e"),
        ("duplicates", index),
    ):
        for where in ("label =", "colour = red", "width glob x"):
            assert twinlens(*words, "--where", where).returncode == 2, (words, where)
    assert not (tmp_path / "e").exists()


@pytest.mark.parametrize(
    "words", [("--threshold", "3"), ("--threshold", "-1"), ("--threshold", "nan"), ("--probability", "2")]
)
def test_a_threshold_that_is_no_distance_is_2(index: Path, words: tuple[str, ...]) -> None:
    assert twinlens("duplicates", index, *words).returncode == 2


@pytest.mark.slow
def test_a_file_that_is_not_there_is_1_and_the_others_are_answered(index: Path, asked: Path, tmp_path: Path) -> None:
    (tmp_path / "bad.png").write_bytes(b"bad")
    gone = tmp_path / "gone.png"
    for command in (("query",), ("query", "--json"), ("identify", "--threshold", "1", "--force")):
        if command[0] == "identify":
            assert twinlens("enroll", "Ada", asked, "--index", index, "--force").returncode == 0
        assert twinlens(*command, gone, "--index", index).returncode == 1
        both = twinlens(*command, gone, asked, "--index", index)
        assert both.returncode == 1
        assert str(asked) in both.stdout
        assert twinlens(*command, tmp_path / "bad.png", gone, "--index", index).returncode == 1
        assert twinlens(*command, tmp_path / "bad.png", asked, "--index", index).returncode == 3
    assert twinlens("query", asked, "--not", gone, "--index", index).returncode == 1
    with open_index(index) as engine, pytest.raises(MissingPictureError, match="no such file"):
        engine.search(gone)


def test_filters_have_an_error_of_their_own(index: Path) -> None:
    with open_index(index) as engine:
        for where in ("label =", "colour = red", {"width": object()}, 3):
            with pytest.raises(FilterError):
                engine.count(where)  # type: ignore[arg-type]


# Words ----------------------------------------------------------------------------------------------------------------


def test_a_dry_run_says_what_it_would_do(index: Path, asked: Path) -> None:
    done = twinlens("remove", "--index", index, "--dry-run", asked)
    assert done.stdout == (
        f"{index}: 12 pictures (would remove 1; this was a dry run, nothing was changed)\nwould remove {asked}\n"
    )
    every = twinlens("remove", "--index", index, "--dry-run", "--glob", "*")
    assert "would remove 12" in every.stdout
    assert "\nremoved " not in every.stdout
    assert json.loads(twinlens("info", index, "--json").stdout)["images"] == 12
    assert f"\nremoved {asked}" in twinlens("remove", "--index", index, asked).stdout


def test_the_help_lists_every_command_under_a_heading() -> None:
    shown = twinlens("--help").stdout
    assert "\nCommands:" not in shown
    places = [shown.index(f"\n{heading}:\n") for heading in SECTIONS]
    assert places == sorted(places)
    ends = [*places[1:], len(shown)]
    for (heading, commands), start, end in zip(SECTIONS.items(), places, ends, strict=True):
        assert all(f"\n  {name} " in shown[start:end] for name in commands), heading
    assert [each.name for each in get_command(app).commands.values()] == [
        name for of in SECTIONS.values() for name in of
    ]
    assert "..." not in shown[places[0] :], "no text is cut"


def test_the_version() -> None:
    done = twinlens("--version")
    assert (done.returncode, done.stdout.split()[0]) == (0, "twinlens")


@pytest.mark.thinned(3)
@pytest.mark.parametrize("command", [name for commands in SECTIONS.values() for name in commands])
def test_help_is_not_parsed_as_markup(command: str) -> None:
    shown = twinlens(command, "--help").stdout
    assert shown.startswith(f"Usage: twinlens {command}")
    assert "╭" not in shown
    if command == "build":
        assert "[default: that of the index; photo for a new one]" in " ".join(shown.split())


# Counts ---------------------------------------------------------------------------------------------------------------


@pytest.mark.thinned(3)
@pytest.mark.parametrize("count", ["1000000000", str(10**30), "-1"])
def test_counts_of_commands_are_bounded(index: Path, pictures: Path, tmp_path: Path, count: str) -> None:
    for words in (
        ("build", pictures, "--index", index, "--workers"),
        ("build", pictures, "--index", index, "--batch-size"),
        ("calibrate", index, "--max-pairs"),
        ("calibrate", index, "--resamples"),
        ("map", index, "--out", tmp_path / "m.png", "--limit"),
        ("train", pictures, "--out", tmp_path / "t", "--dim"),
        ("train", pictures, "--out", tmp_path / "t", "--input-size"),
        ("train", pictures, "--out", tmp_path / "t", "--batch", "2"),
        ("app", "--index", index, "--port"),
    ):
        done = twinlens(*words, count)
        assert done.returncode in (1, 2), words
        assert "Traceback" not in done.stderr
