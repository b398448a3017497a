"""A warning where a command writes among the pictures."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from indexer.cli.app import app
from indexer.cli.inside_collection import warn_inside_collection

WARNING = "lies inside the pictures of"


def run(*words: object) -> str:
    done = CliRunner().invoke(app, [str(word) for word in words])
    assert done.exit_code == 0, done.output
    return done.stderr


@pytest.mark.parametrize(
    ("command", "option", "name"),
    [
        ("map", "--out", "map.png"),
        ("export", "--out", "exported"),
        ("duplicates", "--html", "copies.html"),
        ("duplicates", "--csv", "copies.csv"),
        ("duplicates", "--list", "copies.txt"),
    ],
)
def test_writing_among_the_pictures_warns(
    command: str, option: str, name: str, index: Path, pictures: Path, tmp_path: Path
) -> None:
    (tmp_path / "link").symlink_to(pictures)
    for place, warns in [(pictures, True), (tmp_path / "link" / "label0", True), (tmp_path, False)]:
        assert (WARNING in run(command, index, option, place / f"{place.name}-{name}")) == warns, place


def test_the_page_of_a_map_warns_too(index: Path, pictures: Path, tmp_path: Path) -> None:
    said = run("map", index, "--out", tmp_path / "map.png", "--html", pictures / "map.html")
    assert said.count(WARNING) == 1
    assert "map.html" in said


def test_a_folder_with_a_like_name_is_another(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    warn_inside_collection([tmp_path / "pictures"], [tmp_path / "pictures of maps" / "map.png", None])
    assert capsys.readouterr().err == ""
    warn_inside_collection([tmp_path / "pictures"], [tmp_path / "other" / ".." / "pictures" / "map.png"])
    assert WARNING in capsys.readouterr().err
