from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from experiments import few_examples
from experiments.few_examples_page import differences, verdict
from experiments.imbalance import Imbalanced, accuracies, draw_imbalanced, nearest_scores
from search.errors import DataError

TINY = {"kind": "resnet", "stem": 4, "widths": [4, 8], "depths": [1, 1], "pooled": 1, "dim": 8}


def make_classes(folder: Path, classes: int, pictures: int, side: int = 8) -> list[Path]:
    folders = []
    for number in range(classes):
        folders.append(folder / f"c{number:02}")
        folders[-1].mkdir(parents=True)
        for picture in range(pictures):
            pixels = np.full((side, side, 3), number * 20, np.uint8)
            pixels[0, 0] = picture
            Image.fromarray(pixels).save(folders[-1] / f"{picture:03}.png")
    return folders


def test_half_of_the_classes_are_cut_and_queries_are_not_training_pictures(tmp_path: Path) -> None:
    folders = make_classes(tmp_path, 6, 30)
    of = draw_imbalanced(folders, folders, examples=12, few=4, queries=10, size=8, seed=1)
    assert len(of.cut) == 3
    for number in range(6):
        assert np.count_nonzero(of.classes == number) == (4 if number in of.cut else 12)
        assert np.count_nonzero(of.query_classes == number) == 10
        # The first pixel says which picture it was.
        learnt, queries = (
            set(s[c == number][:, 0, 0, 0].tolist())
            for s, c in ((of.squares, of.classes), (of.queries, of.query_classes))
        )
        assert not learnt & queries
    other = draw_imbalanced(folders, folders, examples=12, few=4, queries=10, size=8, seed=2)
    assert not np.array_equal(of.squares, other.squares)
    with pytest.raises(DataError, match="too few"):
        draw_imbalanced(folders, folders, examples=25, few=4, queries=10, size=8, seed=1)


def test_nearest_scores_rank_as_the_nearest_example() -> None:
    random = np.random.default_rng(0)
    rows = [random.normal(size=(count, 6)).astype(np.float32) for count in (15, 9)]
    examples, queries = (each / np.linalg.norm(each, axis=1, keepdims=True) for each in rows)
    classes = np.repeat(np.arange(3), 5)
    scores = nearest_scores(examples, classes, queries, temperature=0.1)
    np.testing.assert_allclose(scores.sum(axis=1), 1.0)
    for row, vector in enumerate(queries):
        nearest = min(range(15), key=lambda place: float(np.linalg.norm(examples[place] - vector)))
        assert scores[row].argmax() == classes[nearest]
        best = [max(float(vector @ examples[place]) for place in range(15) if classes[place] == c) for c in range(3)]
        powers = np.exp(np.array(best) / 0.1)
        np.testing.assert_allclose(scores[row], powers / powers.sum(), rtol=1e-4)


def test_accuracies_by_part() -> None:
    empty = np.zeros((4, 1, 1, 3), np.uint8)
    of = Imbalanced(empty, np.arange(4), empty, np.array([0, 0, 1, 2]), np.array([0]))
    scores = np.eye(4)[[0, 1, 1, 2]]
    assert accuracies(scores, of) == {"all": 0.75, "cut": 0.5, "full": 1.0}


def test_verdicts_follow_the_interval() -> None:
    assert verdict([0.1, 0.11, 0.12]) == "confirmed"
    assert verdict([-0.1, -0.11, -0.12]) == "refuted"
    assert verdict([0.5, -0.4, 0.1]) == "open"
    assert verdict([0.5]) == "open"
    seeds = [{"a": {"all": 0.5}, "b": {"all": 0.25}}, {"a": {"all": 0.5}, "b": {"all": 0.75}}]
    assert differences(seeds, "a", "b", "all") == [0.25, -0.25]


@pytest.mark.slow
def test_from_pictures_to_page_and_again_from_stored_figures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for part in ("train", "test"):
        make_classes(tmp_path / "data" / "fashion-mnist" / part, 10, 6)
    make_classes(tmp_path / "data" / "tiny-imagenet" / "train", 12, 9)
    monkeypatch.setattr(few_examples, "EXAMPLES", 5)
    monkeypatch.setattr(few_examples, "QUERIES", 3)
    for data in few_examples.DATA.values():
        monkeypatch.setitem(data.changes, "network", TINY)
        monkeypatch.setitem(data.changes, "input_size", 16)
    places = ("--datasets", tmp_path / "data", "--work", tmp_path / "work", "--docs", tmp_path / "docs")
    arguments = [*(str(each) for each in places), "--seeds", "2", "--steps", "2"]
    few_examples.main(arguments)
    page = tmp_path / "docs" / "results" / "few_examples.md"
    text = page.read_text()
    assert text.count("| siamese, nearest example |") == 2
    assert 1000 < (tmp_path / "docs" / "images" / "few_examples.png").stat().st_size < 150 * 1024
    monkeypatch.setattr(few_examples, "one_seed", lambda *given: pytest.fail("was kept"))
    few_examples.main(arguments)
    assert page.read_text() == text
