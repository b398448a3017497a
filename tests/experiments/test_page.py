from pathlib import Path

import pytest
from scipy.stats import t

from experiments.page import figure, figure_path, mean_and_spread, table, took, write_page


def test_a_page_has_its_command_and_its_sections_in_order(tmp_path: Path) -> None:
    rows = table(["digit", "recall"], [["0", "0.99"], ["1", "0.98"]])
    page = write_page("some_name", "A title", "What it says.", [("First", rows), ("Second", "Text.")], 3.2, tmp_path)
    assert page == tmp_path / "results" / "some_name.md"
    text = page.read_text("utf-8")
    places = [text.index(part) for part in ("# A title", "What it says.", "## First", "| 0 | 0.99 |", "## Second")]
    assert places == sorted(places)
    assert "`python -m experiments.some_name`" in text
    assert "3 minutes" in text
    assert text.endswith("Text.\n")


def test_a_table_rejects_a_ragged_row() -> None:
    assert table(["a", "b"], []).splitlines() == ["| a | b |", "|---|---:|"]
    with pytest.raises(ValueError, match="3 columns under a header of 2"):
        table(["a", "b"], [["1", "2", "3"]])


def test_the_spread_matches_students_t() -> None:
    low, high = t.interval(0.95, df=2, loc=2.0, scale=1.0 / 3**0.5)  # of 1, 2, 3: mean 2, standard deviation 1
    assert mean_and_spread([1.0, 2.0, 3.0], 3) == f"2.000 ± {(high - low) / 2:.3f}"
    assert mean_and_spread([0.5]) == "0.5000"
    with pytest.raises(ValueError, match="no values"):
        mean_and_spread([])


def test_a_figure_is_linked_to_its_file(tmp_path: Path) -> None:
    path = figure_path("name_map", tmp_path)
    page = tmp_path / "results" / "name.md"
    assert path.parent.is_dir()
    assert figure("name_map", "two clusters") == "![two clusters](../images/name_map.png)"
    assert (page.parent / "../images/name_map.png").resolve() == path.resolve()


@pytest.mark.parametrize(("minutes", "words"), [(0.2, "less than a minute"), (1.2, "a minute"), (29.6, "30 minutes")])
def test_minutes_in_words(minutes: float, words: str) -> None:
    assert took(minutes) == words
