"""The table against a loop over pictures, also with missing pictures or labels."""

from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image

from indexer.alterations import COPIES, Alteration
from indexer.evaluation import robustness as robustness_module
from indexer.evaluation.robustness import measure_robustness
from search.encoders import load_encoder
from search.errors import PictureError
from tests.conftest import draw
from tests.marks import MarksEncoder, group

ENCODER = load_encoder("color-layout")
PICTURES = [draw(seed) for seed in range(30)]
VECTORS = ENCODER.encode(PICTURES)
LABELS = [None, "alone", *(f"label{seed % 4}" for seed in range(2, 30))]


def load(row: int) -> Image.Image:
    return PICTURES[row]


def slowly(alter: Callable[[Image.Image], Image.Image], rows: list[int]) -> tuple[float, float]:
    right, found = [], []
    for row in rows:
        vector = ENCODER.encode([alter(PICTURES[row])])[0]
        nearness = [float(vector @ other) for other in VECTORS]
        found.append(nearness[row] >= max(nearness) - 1e-6)
        others = [other for other in range(30) if other != row]
        if row >= 2:
            right.append(LABELS[max(others, key=lambda other: nearness[other])] == LABELS[row])
    return sum(right) / len(right), sum(found) / len(found)


@pytest.mark.parametrize(("queries", "rows"), [(1000, range(30)), (30, range(30)), (4, [0, 9, 19, 29])])
def test_against_the_loop(queries: int, rows: range | list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(robustness_module, "_BATCH", 7)
    table = measure_robustness(ENCODER, load, VECTORS, LABELS, alterations=COPIES, queries=queries)
    assert table.queries == len(rows)
    assert table.recall_at_1 == pytest.approx(slowly(lambda image: image, list(rows))[0])
    assert [(row.kind, row.strength) for row in table.rows] == [(each.kind, each.strength) for each in COPIES]
    for row, each in zip(table.rows, COPIES, strict=True):
        assert (row.recall_at_1, row.copies_found) == pytest.approx(slowly(each.alter, list(rows)))
    assert table.copies_found == pytest.approx(sum(row.copies_found for row in table.rows) / 6)


def test_unaltered_copies_are_found_and_duplicates_count_as_found() -> None:
    nothing = [Alteration("nothing", "at all", lambda image: image)]
    vectors = np.concatenate([VECTORS, VECTORS])
    table = measure_robustness(ENCODER, lambda row: PICTURES[row % 30], vectors, [None] * 60, alterations=nothing)
    assert table.rows[0].copies_found == 1.0
    assert table.recall_at_1 is None
    assert table.rows[0].recall_at_1 is None
    assert table.copies_found is None  # of the six


def test_a_missing_picture_is_not_a_query_but_stays_in_the_gallery() -> None:
    def all_but_one(row: int) -> Image.Image:
        if row == 5:
            raise PictureError("five.png", "no such file")
        return PICTURES[row]

    table = measure_robustness(ENCODER, all_but_one, VECTORS, LABELS, alterations=COPIES[:1])
    recall, found = slowly(COPIES[0].alter, [row for row in range(30) if row != 5])
    assert (table.queries, table.rows[0].recall_at_1, table.rows[0].copies_found) == pytest.approx((29, recall, found))
    assert [error.source for error in table.skipped] == ["five.png"]


def test_no_pictures() -> None:
    def gone(row: int) -> Image.Image:
        raise PictureError(f"{row}.png", "no such file")

    table = measure_robustness(ENCODER, gone, VECTORS, LABELS, alterations=COPIES)
    assert (table.queries, table.rows, len(table.skipped), table.copies_found) == (0, (), 30, None)
    assert table.to_dict()["recall_at_1"] is None
    assert measure_robustness(ENCODER, load, VECTORS[:0], [], alterations=COPIES).queries == 0


def test_a_single_picture_finds_itself() -> None:
    table = measure_robustness(ENCODER, load, VECTORS[:1], ["a"], alterations=COPIES)
    assert table.copies_found == 1.0
    assert table.recall_at_1 is None


def test_an_altered_picture_without_a_face_counts_as_missed() -> None:
    encoder, pictures = MarksEncoder(), [group((number, 60)) for number in range(4)]
    vectors = encoder.encode(pictures)
    lost = iter([False, True, True, False])

    def alter(image: Image.Image) -> Image.Image:
        return group() if next(lost) else image

    def erase(image: Image.Image) -> Image.Image:
        return group()

    alterations = [Alteration("half", "of them", alter), Alteration("all", "of them", erase)]
    table = measure_robustness(encoder, lambda row: pictures[row], vectors, [None] * 4, alterations=alterations)
    assert [row.copies_found for row in table.rows] == [0.5, 0.0]
