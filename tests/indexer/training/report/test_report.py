"""The report of a run: its figures, and which pictures are drawn."""

import itertools
import math
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from indexer.plots.grid import MOST, place_on_grid
from indexer.plots.style import class_colors, short_names
from indexer.training.history import HistoryRow
from indexer.training.report import write_report
from indexer.training.report.neighbors import even_queries, nearest_others, worst_mistakes
from indexer.training.report.separation import pairs

ALL = ["curves.png", "distances.png", "gallery.png", "map.png"]


def row(step: int, **values: float | None) -> HistoryRow:
    plain = {
        "minutes": step / 60,
        "learning_rate": 1e-3,
        "loss": 1 / step,
        "spread": 0.2,
        "active": 0.5,
        "recall_at_1": 0.3,
        "map_at_r": 0.1,
        "copies_found": 0.9,
    }
    return HistoryRow(step=step, **{**plain, **values})


def unit(count: int, dim: int = 4) -> np.ndarray:
    vectors = np.random.default_rng(0).normal(size=(count, dim)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def squares(count: int) -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, (count, 8, 8, 3), dtype=np.uint8)


def report(out: Path, history: list[HistoryRow], labels: list[str], dim: int = 4) -> list[str]:
    count = len(labels)
    drawn = write_report(
        out, history=history, squares=squares(count), vectors=unit(count, dim), labels=labels, title="a $ run"
    )
    return sorted(path.name for path in drawn)


@pytest.mark.slow
def test_all_pictures_are_drawn_reproducibly(tmp_path: Path) -> None:
    history = [row(10), row(20, recall_at_1=None), row(30)]
    labels = ["cats/big", "cats/small", "dogs", "日本語"] * 3
    assert report(tmp_path, history, labels) == ALL
    for name in ALL:
        with Image.open(tmp_path / "report" / name) as image:
            assert min(image.size) > 300
            assert len(image.convert("RGB").getcolors(1 << 24) or ()) > 10
    before = {name: (tmp_path / "report" / name).read_bytes() for name in ALL}
    report(tmp_path, history, labels)
    assert before == {name: (tmp_path / "report" / name).read_bytes() for name in ALL}


@pytest.mark.parametrize(
    ("history", "labels", "expected"),
    [
        ([], [], []),
        ([row(1)], [], ["curves.png"]),
        ([row(1, recall_at_1=None, map_at_r=None, copies_found=None, active=None)], [], ["curves.png"]),
        ([], ["a"], ["map.png"]),
        ([], ["a", "a"], ["gallery.png", "map.png"]),
        ([], ["a", "b"], ["gallery.png", "map.png"]),
        ([], ["a", "a", "b"], ["distances.png", "gallery.png", "map.png"]),
    ],
)
def test_pictures_without_data_are_left_out(
    tmp_path: Path, history: list[HistoryRow], labels: list[str], expected: list[str]
) -> None:
    (tmp_path / "report").mkdir()
    (tmp_path / "report" / "distances.png").write_bytes(b"of an earlier report")
    assert report(tmp_path, history, labels) == expected
    assert (tmp_path / "report" / "distances.png").exists() == ("distances.png" in expected)


def test_two_dimensions_are_drawn_without_projection(tmp_path: Path) -> None:
    assert "map.png" in report(tmp_path, [], ["a", "a", "b", "b"], dim=2)


def test_counts_must_match(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="do not match"):
        write_report(tmp_path, history=[], squares=squares(2), vectors=unit(3), labels=["a"] * 3, title="")


def test_pairs_are_all_pairs() -> None:
    vectors, labels = unit(9), ["a", "b", "c"] * 3
    found = pairs(vectors, labels)
    assert found is not None
    same, different = [], []
    for i, j in itertools.combinations(range(9), 2):
        gap = math.dist(vectors[i].tolist(), vectors[j].tolist())
        (same if labels[i] == labels[j] else different).append(gap)
    np.testing.assert_allclose(np.sort(found.same), np.sort(same), atol=1e-5)
    np.testing.assert_allclose(np.sort(found.different), np.sort(different), atol=1e-5)
    by_hand = np.mean([(s < d) + 0.5 * (s == d) for s in same for d in different])
    assert found.auc == pytest.approx(by_hand, abs=1e-9)
    assert 0 <= found.overlap <= 1


def test_neighbours_against_a_slow_loop() -> None:
    vectors = unit(12)
    found = nearest_others(vectors, 3)
    for i in range(12):
        gaps = sorted((math.dist(vectors[i].tolist(), vectors[j].tolist()), j) for j in range(12) if j != i)[:3]
        assert found.rows[i].tolist() == [j for _, j in gaps]
        np.testing.assert_allclose(found.distances[i], [gap for gap, _ in gaps], atol=1e-5)
    assert nearest_others(vectors[:2], 5).rows.tolist() == [[1], [0]]


def test_mistakes_are_sorted_by_distance_and_unique() -> None:
    vectors = unit(20)
    labels = [f"{number % 4}" for number in range(20)]
    found = nearest_others(vectors, 3)
    worst = worst_mistakes(found, labels, 5)
    assert all(labels[found.rows[query, 0]] != labels[query] for query in worst)
    assert found.distances[worst, 0].tolist() == sorted(found.distances[worst, 0].tolist())
    assert len({frozenset((query, int(found.rows[query, 0]))) for query in worst}) == len(worst)
    assert worst_mistakes(found, ["a"] * 20, 5) == []


def test_queries_come_from_different_classes() -> None:
    labels = [f"{number % 10:02}" for number in range(50)]
    chosen = even_queries(labels, 6)
    assert len({labels[query] for query in chosen}) == 6
    assert even_queries(["a", "b"], 6) == [0, 1]


@pytest.mark.parametrize("count", [0, 1, 2, 30])
def test_every_point_gets_its_own_cell(count: int) -> None:
    points = np.random.default_rng(0).normal(size=(count, 2)).astype(np.float32)
    grid = place_on_grid(points)
    assert len({tuple(cell) for cell in grid.cells.tolist()}) == count
    if count:
        assert (grid.cells >= 0).all()
        assert (grid.cells < (grid.columns, grid.rows)).all()
    if count == 30:  # left stays left, up stays up
        assert np.corrcoef(points[:, 0], grid.cells[:, 0])[0, 1] > 0.9
        assert np.corrcoef(points[:, 1], grid.cells[:, 1])[0, 1] < -0.9


def test_too_many_points_are_rejected() -> None:
    with pytest.raises(ValueError, match="too many"):
        place_on_grid(np.zeros((MOST + 1, 2), np.float32))


def test_names_and_colours_of_classes() -> None:
    assert short_names(["a/cat", "b/dog", None]) == {"a/cat": "cat", "b/dog": "dog"}
    assert short_names(["a/cat", "b/cat"]) == {"a/cat": "a/cat", "b/cat": "b/cat"}
    assert len(set(class_colors("abc").values())) == 3
    assert class_colors("a") == {}
    assert class_colors("abcdefghijk") == {}
