"""Blended queries and crops, against the formula by hand."""

import io
import json
import math
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from indexer.cli.app import app
from search import PictureError, QueryError, open_index
from search.config import QueryConfig
from search.crop import Crop
from search.query.blend import blend
from tests.conftest import draw
from tests.search.test_engine import assert_same, brute_force


def by_hand(wanted: list[np.ndarray], weights: list[float], unwanted: list[np.ndarray]) -> np.ndarray:
    total = np.zeros(len(wanted[0]))
    for vector, weight in zip(wanted, weights, strict=True):
        total += weight / math.fsum(weights) * vector.astype(np.float64)
    for vector in unwanted:
        total -= QueryConfig.unwanted_weight / len(unwanted) * vector.astype(np.float64)
    return total / math.sqrt(math.fsum(total**2))


def test_what_is_unwanted_is_subtracted(index: Path) -> None:
    with open_index(index) as engine:
        for count in (1, 2, 3):
            unwanted = [draw(seed) for seed in range(50, 50 + count)]
            query = by_hand([engine.embed(draw(5))], [1], [engine.embed(picture) for picture in unwanted])
            hits = engine.search(draw(5), 12, without=unwanted)
            assert_same(hits, brute_force(engine, query.astype(np.float32), 12))
        away = engine.search(draw(5), 12, without=[draw(7)])
        plain = engine.search(draw(5), 12)
        place = [[hit.path.name for hit in hits].index("0007.png") for hits in (plain, away)]
        assert place[1] > place[0]


def test_several_are_one_query(index: Path) -> None:
    with open_index(index) as engine:
        pictures, weights = [draw(2), draw(3), draw(60)], [1, 2.5, 0]
        vectors = [engine.embed(picture) for picture in pictures]
        for chosen in (weights, None):
            query = by_hand(vectors, chosen or [1, 1, 1], [engine.embed(draw(9))]).astype(np.float32)
            hits = engine.search_together(pictures, 5, weights=chosen, without=[draw(9)], where="label != label2")
            labels = {record.id: record.label for record in engine.pictures()}
            truth = [each for each in brute_force(engine, query, 12) if labels[each[0]] != "label2"]
            assert_same(hits, truth[:5])
        alone = engine.search_together([draw(2)], 5)
        assert [hit.id for hit in alone] == [hit.id for hit in engine.search(draw(2), 5)]


def test_blends_that_cannot_be(index: Path) -> None:
    unit = np.eye(3, dtype=np.float32)
    for weights in ([1], [1, -1], [0, 0], [1, math.nan], [1, math.inf], [[1, 2]]):
        with pytest.raises(QueryError, match="as many weights"):
            blend(unit[:2], unit[:0], weights)  # type: ignore[arg-type]
    with pytest.raises(QueryError, match="cancel out"):
        blend(np.stack([unit[0], -unit[0]]), unit[:0])
    with open_index(index) as engine:
        with pytest.raises(QueryError, match="at least one"):
            engine.search_together([])
        with pytest.raises(QueryError, match="same-only compares"):
            engine.search(draw(0), same_only=True, without=[draw(1)])
        with pytest.raises(PictureError, match=r"none\.png"):
            engine.search(draw(0), without=["none.png"])


def test_a_crop_is_the_picture_cut_by_hand(index: Path) -> None:
    picture = draw(5, (90, 70))
    other = Image.new("RGB", (180, 70), "white")
    other.paste(picture, (90, 0))
    with open_index(index) as engine:
        expected = [(hit.id, hit.distance) for hit in engine.search(picture, 6)]
        assert_same(engine.search(other, 6, crop=Crop(0.5, 0, 1, 1)), expected)
        assert_same(engine.search(picture, 6, crop=Crop(0, 0, 1, 1)), expected)


class SlowFile(io.BytesIO):
    """A picture that takes a tenth of a second to read."""

    def read(self, size: int | None = -1) -> bytes:
        time.sleep(0.1)
        return super().read(size)


@pytest.mark.parametrize("crop", [None, Crop(0.2, 0.2, 0.9, 0.9)])
def test_reading_the_picture_counts_as_decoding_with_a_crop_too(index: Path, crop: Crop | None) -> None:
    buffer = io.BytesIO()
    draw(5).save(buffer, "PNG")
    with open_index(index) as engine:
        timing = engine.ask(SlowFile(buffer.getvalue()), 3, crop=crop).timing
    assert timing.decode >= 0.1


@pytest.mark.parametrize("size", [(1, 1), (1, 50), (7, 3), (100, 100)])
def test_every_part_has_a_pixel(size: tuple[int, int]) -> None:
    image = Image.new("RGB", size)
    for left, right in ((0, 1e-9), (1 - 1e-9, 1), (0.3, 0.7), (0.3, 0.3000001), (0, 1)):
        cut = Crop(left, left, right, right).of(image)
        for side, whole in zip(cut.size, size, strict=True):
            assert max(1, (right - left) * whole - 1e-6) <= side <= min(whole, (right - left) * whole + 2)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "0,0,1",
        "0,0,1,1,1",
        "a,0,1,1",
        "0,0,1,2",
        "-0.1,0,1,1",
        "0.5,0,0.5,1",
        "1,0,0,1",
        "0,0,nan,1",
        "0,0.9,1,0.1",
        "10,10,50,50",
    ],
)
def test_crops_that_cannot_be(text: str) -> None:
    with pytest.raises(QueryError, match="crop"):
        Crop.read(text)


def test_the_command(pictures: Path, index: Path) -> None:
    one, two = pictures / "label2" / "0005.png", pictures / "label1" / "0007.png"

    def hits(*words: object) -> list[int]:
        done = CliRunner().invoke(app, ["query", *map(str, words), "--index", str(index), "--json"])
        assert done.exit_code == 0, done.output
        return [hit["id"] for hit in json.loads(done.stdout)["hits"]]

    with open_index(index) as engine:
        assert hits(one, "--not", two) == [hit.id for hit in engine.search(one, without=[two])]
        assert hits(one, two, "--together") == [hit.id for hit in engine.search_together([one, two])]
        assert hits(one, "--crop", "0,0,.5,1") == [hit.id for hit in engine.search(one, crop=Crop(0, 0, 0.5, 1))]
    for wrong in (("--together", "--crop", "0,0,1,1"), ("--together", "--same-only")):
        assert CliRunner().invoke(app, ["query", str(one), "--index", str(index), *wrong]).exit_code == 2


@pytest.fixture
def bad(tmp_path: Path) -> Path:
    (tmp_path / "bad.png").write_bytes(b"no picture")
    return tmp_path / "bad.png"


@pytest.mark.parametrize(
    ("words", "queries", "culprit", "code"),
    [
        ("{good} {bad} {other} --together", [["{good}", "{bad}", "{other}"]], "{bad}", 3),
        ("{bad} --together", [["{bad}"]], "{bad}", 3),
        ("{good} {none} --together", [["{good}", "{none}"]], "{none}", 1),
        ("{good} {other} --together --not {other} --not {bad}", [["{good}", "{other}"]], "{bad}", 3),
        ("{good} --not {bad}", ["{good}"], "{bad}", 3),
        ("{good} {other} --not {good} --not {bad}", ["{good}", "{other}"], "{bad}", 3),
        ("{good} {other} --not {none}", ["{good}", "{other}"], "{none}", 1),
        ("{good} --not {bad} --crop 0,0,.5,1", ["{good}"], "{bad}", 3),
        ("{good} --not {bad} --collapse", ["{good}"], "{bad}", 3),
    ],
)
def test_a_blend_of_a_picture_that_cannot_be_read(
    words: str, queries: list[str | list[str]], culprit: str, code: int, pictures: Path, index: Path, bad: Path
) -> None:
    good, other = sorted(pictures.rglob("*.png"))[:2]
    places = {"good": good, "other": other, "bad": bad, "none": bad.with_name("none.png")}
    line = ["query", *(word.format(**places) for word in words.split()), "--index", str(index)]
    expected = [
        each.format(**places) if isinstance(each, str) else [part.format(**places) for part in each] for each in queries
    ]
    name = culprit.format(**places)

    done = CliRunner().invoke(app, [*line, "--json"])
    assert done.exit_code == code, done.output
    assert not done.stderr
    answers = [json.loads(text) for text in done.stdout.splitlines()]
    assert [answer["query"] for answer in answers] == expected
    assert all(answer.keys() == {"query", "error"} for answer in answers)
    assert all(answer["error"].startswith(f"{name}: ") for answer in answers)

    done = CliRunner().invoke(app, line)
    assert (done.exit_code, done.stdout) == (code, "")
    assert done.stderr.startswith(f"error: {name}: ")
    assert done.stderr.count("error: ") == 1, "what is wrong with one picture is said once"


def test_pictures_that_can_be_read_are_answered_beside_others(pictures: Path, index: Path, bad: Path) -> None:
    good, other = sorted(pictures.rglob("*.png"))[:2]
    line = ["query", str(bad), str(good), "--not", str(other), "--index", str(index), "--json"]
    done = CliRunner().invoke(app, line)
    assert done.exit_code == 3
    first, second = map(json.loads, done.stdout.splitlines())
    assert first["query"] == str(bad)
    assert not first["error"].startswith(str(bad)), "the query is named already"
    assert second["query"] == str(good)
    assert second["hits"]
