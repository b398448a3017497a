"""The page of the map, in this process: colours, selections, what is offered for them."""

from __future__ import annotations

import csv
import io
import json
import random
import shlex
import zipfile
from fractions import Fraction
from operator import attrgetter

import numpy as np
import pytest

import indexer
from app_parts.map import view
from app_parts.map.area import among, area_text
from app_parts.map.colours import NAMED, coloured
from app_parts.map.plane import fitted, packed
from app_parts.map.selection import corners_of, inside
from app_parts.map.tables import archive_of, csv_of, json_of
from indexer.collection.add import add
from search import open_index
from search.filters.language import parse_where
from tests.app.page import offered, sound, started, texts
from tests.conftest import FAST, fill

EVERYTHING = [[-2.0, -2.0], [2.0, -2.0], [2.0, 2.0], [-2.0, 2.0]]


@pytest.fixture
def mapped(own):
    """An index of 12 pictures with its map."""
    pictures, _ = own
    index = pictures.parent / "photos.index"
    indexer.make_map(index)
    return index


@pytest.fixture
def lasso(monkeypatch):
    """What the browser sends: tests set its `selection` and `hovered`."""
    state = {"selection": None, "hovered": None, "data": None}

    def drawn(data, key, selected):
        state["data"] = data
        return {name: state[name] for name in ("selection", "hovered")}

    monkeypatch.setattr(view, "draw_plane", drawn)
    return state


# Geometry -----------------------------------------------------------------------------------------------------------


def crossings(corners, point):
    """Even-odd by exact arithmetic: on which side of each crossed edge the point lies, by the sign of an area."""
    x, y = map(Fraction, point)
    odd = False
    for (ax, ay), (bx, by) in zip(corners, corners[1:] + corners[:1], strict=True):
        ax, ay, bx, by = map(Fraction, (ax, ay, bx, by))
        if (ay > y) == (by > y):
            continue
        area = (bx - ax) * (y - ay) - (by - ay) * (x - ax)
        odd ^= (area > 0) == (by > ay)
    return odd


@pytest.mark.parametrize("seed", range(6))
def test_inside_equals_exact_arithmetic(seed):
    rng = random.Random(seed)
    corners = [(rng.uniform(-1, 1), rng.uniform(-1, 1)) for _ in range(rng.choice([3, 4, 9, 40]))]
    points = np.array([(rng.uniform(-1.1, 1.1), rng.uniform(-1.1, 1.1)) for _ in range(300)], dtype=np.float32)
    assert inside(corners, points).tolist() == [crossings(corners, point) for point in points.astype(float).tolist()]


def test_a_polygon_with_a_level_side_and_one_without_area():
    points = np.array([[0.5, 0.5], [0.5, 1.0], [2.0, 0.5]], dtype=np.float32)
    assert inside([(0, 0), (1, 0), (1, 2), (0, 2)], points).tolist() == [True, True, False]
    assert inside([(0, 0), (1, 0), (0.5, 0)], points).tolist() == [False, False, False]
    assert inside([(0, 0), (1, 0), (1, 2)], np.empty((0, 2), np.float32)).tolist() == []


@pytest.mark.parametrize(
    "value",
    [None, 7, "x", [], [[0, 0], [1, 1]], [[0, 0], [1, 1], [1]], [[0, 0], [1, 1], ["a", 1]], [[0, 0]] * 5_000,
     [[0, 0], [1, 1], [float("nan"), 1]], [[0, 0], [1, 1], [1e300, 1]], [[0, 0], [1, 1], [True, 1]], {"a": 1}],
)  # fmt: skip
def test_what_is_no_polygon_selects_nothing(value):
    assert corners_of(value) is None


def test_points_fit_the_square():
    points = fitted(np.array([[10, 5], [30, 5], [20, 9]], dtype=np.float32))
    assert points.tolist() == pytest.approx(np.array([[-1, -0.2], [1, -0.2], [0, 0.2]]), abs=1e-6)
    assert fitted(np.array([[3, 3]], dtype=np.float32)).tolist() == [[0, 0]]


# Colours ------------------------------------------------------------------------------------------------------------


def test_frequent_values_have_colours_and_the_rest_is_other():
    values = [f"value {n}" for n in range(20) for _ in range(30 - n)] + [None, None]
    found = coloured(values, "light")
    assert [entry["name"] for entry in found.legend] == [f"value {n}" for n in range(12)] + ["8 others", "none"]
    assert sum(entry["count"] for entry in found.legend) == len(values)
    assert found.palette[:12] == list(NAMED["light"])
    assert len(set(found.palette)) == 14
    for value, code in zip(values, found.codes.tolist(), strict=True):
        number = 13 if value is None else min(int(value.split()[1]), 12)
        assert code == number


def test_numbers_have_a_scale():
    found = coloured([*range(1000), None, 10**9], "dark")
    assert found.scale == {"low": "≤ 10", "high": "≥ 990"}
    assert found.codes[1000] == 0
    assert found.codes[500] == 33
    assert found.codes[0] == 1
    assert found.codes[1001] == 64
    assert found.legend == [{"name": "none", "count": 1, "colour": 0}]


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_awkward_values(theme):
    from datetime import UTC, date, datetime

    assert coloured([], theme).legend == []
    assert coloured([None], theme).legend == [{"name": "none", "count": 1, "colour": 1}]
    assert coloured([5, 5], theme).codes.tolist() == [1, 1]
    assert coloured([2.5, 7.0], theme).scale == {"low": "2.5", "high": "7"}
    assert coloured([True, False, True], theme).legend[0] == {"name": "true", "count": 2, "colour": 0}
    assert coloured([date(2024, 1, 5), date(2024, 2, 1)], theme).scale == {"low": "2024-01-05", "high": "2024-02-01"}
    moments = [datetime(2024, 1, 5, 7, tzinfo=UTC), datetime(2024, 1, 5, 8, tzinfo=UTC)]
    assert coloured(moments, theme).codes.tolist() == [1, 64]
    assert coloured(["<b>x</b>\n\x1b[31m", "\udcff"], theme).legend[0]["name"].isprintable()


def test_the_bytes_for_the_browser_hold_points_and_colours():
    points = np.array([[0.25, -1.0], [1.0, 0.5], [0.0, 0.0]], dtype=np.float32)
    data = packed(points, coloured(["ä", "b", "ä"], "light"), "Map")
    length = int.from_bytes(data[:4], "little")
    header = json.loads(data[4 : 4 + length])
    start = -(-(4 + length) // 4) * 4
    assert np.frombuffer(data, "<f4", 6, start).tolist() == points.ravel().tolist()
    assert list(data[start + 24 :]) == [0, 1, 0]
    assert (header["count"], header["legend"][0]["name"]) == (3, "ä")


# The page -----------------------------------------------------------------------------------------------------------


def test_without_a_map_the_page_says_how_to_make_one(own):
    index = own[0].parent / "photos.index"
    page = started("map")
    assert "no map yet" in texts(page)
    assert [shlex.split(block.value) for block in page.code] == [["twinlens", "map", str(index), "--keep"]]
    assert not page.button


def test_the_page_without_a_selection(mapped):
    page = started("map")  # with the real component
    assert "12 pictures as points, similar ones side by side." in texts(page)
    assert page.selectbox(key="by").options[:3] == ["label", "cluster", "taken"]


def test_a_selection_lists_its_pictures(mapped, lasso):
    with open_index(mapped) as engine:
        found = engine.map()
    points = fitted(found.positions)
    corners = [[-0.6, -1.1], [0.7, -1.2], [1.2, 0.4], [-0.2, 0.8]]
    expected = [key for key, at in zip(found.ids.tolist(), points.tolist(), strict=True) if crossings(corners, at)]
    assert 0 < len(expected) < 12
    lasso["selection"] = corners
    page = started("map")
    assert f"{len(expected)} pictures selected" in [header.value for header in page.header]


def test_nothing_selected_a_tampered_selection_and_a_hovered_point(mapped, lasso):
    lasso["selection"] = [[5, 5], [6, 5], [6, 6]]
    assert any("holds no picture" in info.value for info in started("map").info)
    for wrong in ("x", [[0, 0]], [["<b>", 1]] * 4, {"a": 1}):
        lasso["selection"] = wrong
        assert not started("map").header
    lasso["selection"] = None
    for number in (0, 11, 12, -1, "x", None, 10**30):
        lasso["hovered"] = number
        started("map")


def test_colours_follow_the_address(mapped, lasso):
    def names():
        data = lasso["data"]
        return [entry["name"] for entry in json.loads(data[4 : 4 + int.from_bytes(data[:4], "little")])["legend"]]

    started("map")
    assert names() == ["label0", "label1", "label2"]
    page = started("map", by="cluster")
    assert sorted(names())[0].startswith("label")
    assert page.selectbox(key="by").value == "cluster"
    page.selectbox(key="by").set_value("label")
    sound(page.run())
    assert names() == ["label0", "label1", "label2"]
    page = started("map", by="<b>nonsense</b>")
    assert any("is not a column of this index" in error.value for error in page.error)


def test_search_among_the_selection_opens_the_search(mapped, lasso):
    lasso["selection"] = EVERYTHING
    page = started("map")
    button = next(each for each in page.button if each.label == "Search among them")
    button.click()
    sound(page.run())
    assert page.query_params["area"] == "-2.0,-2.0 2.0,-2.0 2.0,2.0 -2.0,2.0"
    assert "Only 12 pictures of a part of the map" in texts(page)


def test_the_search_is_among_the_pictures_of_an_area(mapped):
    with open_index(mapped) as engine:
        found = engine.map()
    points = fitted(found.positions).tolist()
    corners = [(-0.612345, -1.1), (0.7, -1.2), (1.2, 0.4), (-0.2, 0.8)]
    expected = [key for key, at in zip(found.ids.tolist(), points, strict=True) if crossings(corners, at)]
    assert 0 < len(expected) < 12
    page = started(area=area_text(corners))
    assert offered(page) == expected
    sound(page.button(key="area-end").click().run())
    assert len(offered(page)) == 12
    page = started(area=area_text([(5, 5), (6, 5), (6, 6)]))
    assert offered(page) == []
    for wrong in ("", "x", "1,2 3,4", "1,2 3,4 5", "nan,1 2,3 4,5", "<b>"):
        page = started(area=wrong)
        assert any("is not a part of the map" in error.value for error in page.error)
        assert len(offered(page)) == 12


def test_an_area_needs_a_map(own):
    page = started(area="0,0 1,0 1,1")
    assert any("needs a map" in error.value for error in page.error)
    assert offered(page)


def test_a_filter_of_ids_finds_these_ids(mapped):
    with open_index(mapped) as engine:
        for ids in ([], [1], [3, 4], [1, 2, 3, 7, 9, 10, 12], list(range(1, 13)), [2, 4, 6]):
            assert engine.ids(parse_where(among(ids))) == ids


def test_pictures_are_labelled_only_where_the_app_manages(mapped, lasso, monkeypatch):
    lasso["selection"] = EVERYTHING
    assert not [field for field in started("map").text_input if field.label == "Value"]
    monkeypatch.setattr("sys.argv", ["app.py", "--manage"])
    page = started("map")
    next(field for field in page.text_input if field.label == "Value").set_value("sunny <b>")
    sound(next(button for button in page.button if button.label == "Label them").click().run())
    with open_index(mapped) as engine:
        assert engine.values("group") == dict.fromkeys(range(1, 13), "sunny <b>")
        assert engine.labels() == {"label0": 4, "label1": 4, "label2": 4}
    page = started("map", by="group")
    next(field for field in page.text_input if field.label == "Column").set_value("label")
    next(field for field in page.text_input if field.label == "Value").set_value("x")
    sound(next(button for button in page.button if button.label == "Label them").click().run())
    assert page.error


def test_the_map_is_made_from_the_page_where_the_app_manages(own, lasso, monkeypatch):
    monkeypatch.setattr("sys.argv", ["app.py", "--manage"])
    page = started("map")
    next(button for button in page.button if button.label == "Make the map").click()
    sound(page.run())
    assert "12 pictures as points, similar ones side by side." in texts(page)


def test_later_pictures_are_counted_and_an_old_map_is_said_to_be_outdated(mapped, lasso, tmp_path):
    fill(tmp_path / "later", 3, first=50)
    add(mapped, [tmp_path / "later"], FAST)
    page = started("map")
    assert "3 came later and are placed by their neighbours" in texts(page)
    assert any("since this map was made" in warning.value for warning in page.warning)


def test_a_damaged_map_is_reported(mapped):
    (file,) = (mapped / "maps").iterdir()
    file.write_bytes(b"x" * 10)
    page = started("map")
    assert any("damaged" in error.value for error in page.error)
    assert page.code


# Files --------------------------------------------------------------------------------------------------------------


def test_tables_and_archives_hold_the_selection(mapped, tmp_path):
    (tmp_path / "m.jsonl").write_text(json.dumps({"id": 2, "note": 'a "b", c'}) + "\n")
    indexer.load_metadata(mapped, tmp_path / "m.jsonl")
    with open_index(mapped) as engine:
        ids = [2, 5, 9]
        records = {record.id: record for record in engine.pictures()}
        records[9].path.unlink()
        rows = list(csv.DictReader(io.StringIO(csv_of(engine, ids).decode())))
        assert [int(row["id"]) for row in rows] == ids
        assert rows[0]["note"] == 'a "b", c'
        assert [row["path"] for row in rows] == [str(records[key].path) for key in ids]
        listed = json.loads(json_of(engine, ids))
        assert [row["id"] for row in listed] == ids
        assert listed[0]["metadata"] == {"note": 'a "b", c'}
        with zipfile.ZipFile(io.BytesIO(archive_of(engine, ids, attrgetter("path")))) as archive:
            names = archive.namelist()
            assert names == ["pictures.csv", *(f"{key:06d}-{records[key].path.name}" for key in ids[:2]), "skipped.txt"]
            assert archive.read(names[1]) == records[2].path.read_bytes()
            assert records[9].path.name in archive.read("skipped.txt").decode()
