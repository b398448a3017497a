"""Filters built from the columns of an index."""

from __future__ import annotations

from datetime import date

import pytest

from indexer.metadata.load import load_metadata
from search import open_index
from tests.app.page import neighbours, offered, sound, started
from tests.app.test_address import HOSTILE, parameters


@pytest.fixture
def annotated(own, index, tmp_path):
    """Metadata of every type, for every picture but the last; one column has quotes and markup in its name."""
    rows = [
        f"label{n % 3}/{n:04d}.png,{n},{n / 2},2024-05-{n + 1:02d},2024-05-{n + 1:02d}T12:00,{n % 2 == 0},"
        f"{('red', 'blue, green', chr(39) + 'q' + chr(39))[n % 3]},unique{n * 7},same"
        for n in range(11)
    ]
    rows = [
        row.replace("True", "true").replace("False", "false").replace("blue, green", '"blue, green"') for row in rows
    ]
    head = "path,number,price,day,moment,sold,it's **c**,note,constant"
    (tmp_path / "m.csv").write_text("\n".join([head, *rows]))
    load_metadata(index, tmp_path / "m.csv", root=own[0])
    return index


def matching(index, where):
    with open_index(index) as engine:
        return engine.ids(where)


def test_each_column_gets_the_filter_that_fits(annotated):
    page = started()
    options = {"k", "radius", "diversity"}
    assert {slider.key for slider in page.slider} == {*options, "f.number", "f.price", "f.day", "f.moment"}
    assert {each.key for each in page.multiselect} == {"f.sold", "f.it's **c**", "f.note"}
    assert page.slider(key="f.day").value == (date(2024, 5, 1), date(2024, 5, 11))
    assert page.multiselect(key="f.it's **c**").options == ["'q'", "blue, green", "red"]
    assert offered(page) == list(range(1, 13)), "a filter that is not used includes pictures without a value"


CHOICES = [
    ("f.number", (2, 6), "number between 2 and 6", "2..6"),
    ("f.price", (1.5, 5.0), "price between 1.5 and 5", "1.5..5.0"),
    ("f.day", (date(2024, 5, 3), date(2024, 5, 4)), "day between 2024-05-03 and 2024-05-04", "2024-05-03..2024-05-04"),
    (
        "f.moment",
        (date(2024, 5, 3), date(2024, 5, 4)),
        "moment between 2024-05-03 and 2024-05-04",
        "2024-05-03..2024-05-04",
    ),
    ("f.sold", ["true"], "sold = true", '["true"]'),
    ("f.it's **c**", ["'q'", "blue, green"], "'it''s **c**' in ('''q''', 'blue, green')", '["\'q\'", "blue, green"]'),
]


@pytest.mark.parametrize(("key", "value", "where", "text"), CHOICES, ids=[choice[0] for choice in CHOICES])
def test_a_filter_selects_what_the_language_selects_and_is_in_the_address(annotated, key, value, where, text):
    page = started()
    widget = next(each for each in [*page.slider, *page.multiselect] if each.key == key)
    page = sound(widget.set_value(value).run())
    expected = matching(annotated, where)
    assert 0 < len(expected) < 12
    assert offered(page) == expected
    assert parameters(page) == {key: text}
    again = started(**{key: text})
    assert offered(again) == expected
    assert next(each for each in [*again.slider, *again.multiselect] if each.key == key).value == value


def test_filters_add_up_and_go_into_the_command(annotated):
    page = started(
        picture="1", label="label0", where="number > 1 or price < 0", **{"f.number": "0..7", "f.sold": '["true"]'}
    )
    expected = matching(annotated, ["label = label0", "number > 1 or price < 0", "number <= 7", "sold = true"])
    assert sorted(neighbours(page)) == [each for each in expected if each != 1]
    assert len(neighbours(page)) == 1
    assert matching(annotated, ["label = label0", "number > 1 or price < 0"]) != expected


@pytest.mark.slow
def test_invalid_ranges_and_choices_are_reported(annotated):
    for name in ("f.number", "f.day", "f.price", "f.sold"):
        for value in [*HOSTILE, "5..", "..", "1..2..3", "nan..inf", "[" * 100_000, '{"a": 1}', "1e999..2"]:
            page = started(**{name: value})
            assert len(page.error) <= 1
            assert all(f" {name}=" in error.value for error in page.error), value[:20]
            assert offered(page), value[:20]
    assert not started(**{"f.none": "1..2"}).error, "a parameter of no column is unknown, and kept"
    page = started(**{"f.number": "-50..3"})
    assert page.slider(key="f.number").value == (0, 3)
    assert offered(started(**{"f.number": "7..3"})) == matching(annotated, "number between 3 and 7")
