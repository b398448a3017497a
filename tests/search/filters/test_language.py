"""The filter language against a slow evaluator in Python, and error messages about invalid filters."""

import random
import time
from datetime import date, datetime
from typing import Any

import numpy as np
import pytest

from search.errors import QueryError
from search.filters.conditions import Column, Comparison, Matches, Not, Value, Word
from search.filters.language import DEEPEST, LONGEST, condition_of, parse_where
from search.store.catalog import Catalog
from tests.search.filters.reference import MIDNIGHT, Maker, Row, made_rows, write_catalog


@pytest.fixture(scope="module")
def rows() -> list[Row]:
    return made_rows(random.Random(7), 80)


@pytest.fixture(scope="module")
def catalog(rows: list[Row], tmp_path_factory: pytest.TempPathFactory) -> Any:
    catalog = write_catalog(tmp_path_factory.mktemp("where") / "i", rows)
    yield catalog
    catalog.close()


def found(catalog: Catalog, where: Any) -> list[int]:
    return catalog.pictures.ids_where(condition_of(where))


@pytest.mark.parametrize("seed", range(8))
def test_random_filters_match_the_slow_evaluator(catalog: Catalog, rows: list[Row], seed: int) -> None:
    maker = Maker(random.Random(seed))
    sizes = set()
    for _ in range(100):
        text, truth = maker.make(3)
        expected = [row["id"] for row in rows if truth(row)]
        condition = parse_where(text)
        assert catalog.pictures.ids_where(condition) == expected, text
        assert catalog.places.rows_where(1, condition) == [number - 1 for number in expected], text
        assert catalog.pictures.count_where(condition) == len(expected), text
        assert catalog.places.rows_where(2, condition) == []
        sizes.add(len(expected))
    assert len(sizes) > 10, "filters that all answer alike would prove nothing"


def test_precedence_and_keywords() -> None:
    assert (
        parse_where("a=1 or b=2 and c=3") == parse_where("a=1 or (b=2 and c=3)") != parse_where("(a=1 or b=2) and c=3")
    )
    assert parse_where("not a=1 and b=2") == parse_where("(not a=1) and b=2")
    assert parse_where("a != 1") == parse_where("a <> 1") == Not(parse_where("a = 1")) == Not(parse_where("a == 1"))
    assert parse_where("a between 1 and 2") == parse_where("a >= 1 and a <= 2")
    assert parse_where("label=red shoe") == Comparison(Column("label"), "=", Value(Word("red shoe")))
    assert parse_where("A NOT IN (1) AND b Is nOt NuLl") == parse_where("not A in (1) and not b is null")
    assert parse_where("'my column' = \"it's\"") == Comparison(
        Column("my column"), "=", Value(Word("it's", quoted=True))
    )


@pytest.mark.parametrize(
    ("text", "says", "at"),
    [
        ("", "empty", 0),
        ("   ", "empty", 3),
        ("price >=", "expected a value after >=, found the end", 8),
        ("price", "between or is null after 'price', found the end", 5),
        ("price 7", "found '7'", 6),
        ("prise > 3", "no column 'prise'. Did you mean price?", 0),
        ("PRICE > 3", "Did you mean price?", 0),
        ("price > cheap", "price is a number, and 'cheap' is not", 8),
        ("price > 1e5x", "'1e5x' is not", 8),
        ("stock = '7 8'", "stock is a whole number", 8),
        ("note < 7", "quote the value: note < '7'", 7),
        ("sharp > true", "use = or !=", 8),
        ("sharp = 1", "sharp is true or false, and '1' is not", 8),
        ("seen > yesterday", "seen is a date with a time (2024-05-01T13:30, or", 7),
        ("seen > 2024-13", "'2024-13' is not", 7),
        ("seen > 2024-02-30", "'2024-02-30' is not", 7),
        ("seen > 0001-01-01T00:00+14:00", "is not", 7),
        ("bought = 2024-05-01T10:00", "bought is a date (2024-05-01, 2024-05 or 2024)", 9),
        ("bought = 0000", "'0000' is not", 9),
        ("seen glob '2024*'", "glob is for text, and seen is a date with a time", 0),
        ("note like 'x%'", "write glob", 5),
        ("note = null", "write is null", 7),
        ("note is 7", "expected null, found '7'", 8),
        ("note = in", "quote it", 7),
        ("note in cat", "in parentheses", 8),
        ("note in (cat", "a comma or the closing parenthesis", 12),
        ("note in ()", "expected a value, found ')'", 9),
        ("note in (cat,)", "another value after the comma", 13),
        ("(note = cat", "closing parenthesis, found the end", 11),
        ("note = cat)", "and, or, or the end", 10),
        ("note = cat and", "the name of a column, found the end", 14),
        ("note = cat price > 3", "and, or, or the end, found '>'", 17),
        ("note not = cat", "expected", 9),
        ("note = 'cat", "a quote that is not closed", 7),
        ("note = a, b", "and, or, or the end, found ','", 8),
        ("note ! cat", "'!' means nothing here", 5),
        ("stock between 1 or 2", "and with the upper end", 16),
        ("note = '\ud800'", "half a character", 7),
        ("\n\tprise = 3", "prise", 2),
    ],
)
def test_an_invalid_filter_is_explained_at_its_position(catalog: Catalog, text: str, says: str, at: int) -> None:
    with pytest.raises(QueryError) as raised:
        found(catalog, text)
    message, shown, caret = str(raised.value).split("\n")
    assert says in message
    assert caret.index("^") - 2 == at
    assert len(shown) == len(text) + 2


def test_the_caret_of_a_long_filter(catalog: Catalog) -> None:
    text = "note = a or " * 40 + "prise = 3" + " or note = a" * 40
    with pytest.raises(QueryError, match="prise") as raised:
        found(catalog, text)
    _, shown, caret = str(raised.value).split("\n")
    assert shown[caret.index("^") :].startswith("prise")
    assert len(shown) < 120


def test_hostile_filters_are_answered_or_refused_quickly(catalog: Catalog, rows: list[Row]) -> None:
    begun = time.perf_counter()
    deep = "(" * (DEEPEST - 1) + "width > 0" + ")" * (DEEPEST - 1)
    assert len(found(catalog, deep)) == len(rows)
    assert len(found(catalog, "not " * (DEEPEST - 2) + "width > 0")) == len(rows)
    for text in ("(" * 5000, "not " * 2400, "not (" * 1900, f"({deep})", "(" * DEEPEST + "width>0" + ")" * DEEPEST):
        with pytest.raises(QueryError, match="deep"):
            found(catalog, text)
    with pytest.raises(QueryError, match=f"limit is {LONGEST:,}"):
        found(catalog, "x" * (LONGEST + 1))
    for joiner in ("and", "or"):
        long = f" {joiner} ".join(["id>0"] * (LONGEST // (6 + len(joiner)) - 1))
        assert len(found(catalog, long)) == len(rows)
    assert found(catalog, {"id": list(range(1, 30_001))}) == [row["id"] for row in rows]
    assert found(catalog, {"seen": ["2024-05-01", "2023", MIDNIGHT] * 10_000}) == found(
        catalog, "seen in (2024-05-01, 2023)"
    )
    with pytest.raises(QueryError, match="30,001 values"):
        found(catalog, {"id": list(range(30_001))})
    assert found(catalog, "note glob '" + "*x" * 60 + "*y'") == []
    assert found(catalog, "stock = " + "9" * 9000) == []
    with pytest.raises(QueryError, match="price is a number"):
        found(catalog, "price = " + "9" * 4000 + "x" * 4000)
    with pytest.raises(QueryError, match="bytes long"):
        found(catalog, Matches(Column("note"), Value("x" * (LONGEST + 1))))
    assert time.perf_counter() - begun < 20


def test_no_value_and_no_name_becomes_sql(catalog: Catalog, rows: list[Row]) -> None:
    for evil in ("'; DROP TABLE pictures; --", '" OR 1=1 --', "?", ":id", "x') OR ('1'='1", "%s", "\\'"):
        assert found(catalog, {"note": evil}) == []
        assert found(catalog, {"note": [evil]}) == []
        with pytest.raises(QueryError, match="no column"):
            found(catalog, {evil: "x"})
    assert catalog.pictures.count_where(None) == len(rows)
    with pytest.raises(QueryError, match="no filter"):
        found(catalog, {})


def test_mutated_filters_are_answered_or_explained(catalog: Catalog) -> None:
    source = random.Random(5)
    maker = Maker(source)
    pieces = [
        *"()=<>!,'\"*[\0\n",
        "and ",
        " or ",
        " not ",
        " in ",
        " is ",
        "null",
        "note",
        "é",
        "\udcff",
        "\ud800",
        "9" * 30,
    ]
    answered, wrong = 0, []
    for _ in range(2000):
        text = maker.make(2)[0]
        for _ in range(source.randint(1, 2)):
            at = source.randint(0, len(text))
            text = text[:at] + source.choice(pieces) * source.randint(0, 1) + text[at + source.randint(0, 3) :]
        try:
            answered += catalog.pictures.count_where(parse_where(text)) >= 0
        except QueryError as error:
            wrong.append(str(error))
    assert all(message.startswith("cannot use the filter: ") and message.endswith("^") for message in wrong)
    assert min(answered, len(wrong)) > 200


def test_mappings_lists_and_python_values(catalog: Catalog, rows: list[Row]) -> None:
    def those(truth: Any) -> list[int]:
        return [row["id"] for row in rows if truth(row)]

    assert condition_of(None) is condition_of({}) is condition_of([]) is None
    assert found(catalog, {"label": "cat"}) == found(catalog, "label=cat") == those(lambda row: row["label"] == "cat")
    assert found(catalog, {"label": 7}) == those(lambda row: row["label"] == "7")
    both = those(lambda row: row["label"] == "cat" and row["width"] == 2)
    assert found(catalog, {"label": "cat", "width": 2}) == found(catalog, ["label=cat", "width = 2"]) == both
    assert found(catalog, {"width": np.int64(2)}) == those(lambda row: row["width"] == 2)
    assert found(catalog, {"label": None}) == those(lambda row: row["label"] is None)
    assert found(catalog, {"label": ("cat", None)}) == those(lambda row: row["label"] in ("cat", None))
    assert found(catalog, {"label": {"cat", "dog"}}) == those(lambda row: row["label"] in ("cat", "dog"))
    assert found(catalog, {"label": []}) == []
    assert found(catalog, {"sharp": True}) == those(lambda row: row["sharp"] is True)
    assert found(catalog, {"price": 7}) == those(lambda row: row["price"] == 7)
    assert found(catalog, {"seen": MIDNIGHT}) == those(lambda row: row["seen"] == MIDNIGHT)
    may_first = those(lambda row: row["seen"] and row["seen"].date() == date(2024, 5, 1))
    assert found(catalog, {"seen": date(2024, 5, 1)}) == found(catalog, {"seen": "2024-05-01"}) == may_first != []
    assert found(catalog, {"note": "\udcff"}) == those(lambda row: row["note"] == "\udcff")
    assert found(catalog, parse_where("label=cat")) == found(catalog, "label=cat")


@pytest.mark.parametrize(
    ("where", "says"),
    [
        ({"price": True}, "price is a number"),
        ({"price": float("nan")}, "price is a number"),
        ({"sharp": 1}, "sharp is true or false"),
        ({"note": True}, "note is text"),
        ({"bought": MIDNIGHT}, "bought is a date"),
        ({"seen": datetime(1, 1, 1, tzinfo=datetime.fromisoformat("2024-01-01T00:00+14:00").tzinfo)}, "is not"),
        ({"note": object()}, "cannot filter 'note'"),
        ({"note": {"a": "b"}}, "cannot filter 'note'"),
        ({7: "x"}, "column names of a filter must be text"),
        (7, "a filter is text, a mapping"),
        ([7], "must be text"),
        ({"note": "\ud800"}, "half a character"),
    ],
)
def test_invalid_values(catalog: Catalog, where: Any, says: str) -> None:
    with pytest.raises(QueryError, match=says):
        found(catalog, where)


def test_missing_values_are_false_and_their_negation_is_true(catalog: Catalog, rows: list[Row]) -> None:
    without = {row["id"] for row in rows if row["price"] is None}
    assert without
    for test in ("price = 7", "price < 7", "price >= 7", "price in (7)", "price between 0 and 9"):
        assert not without & set(found(catalog, test))
        assert without <= set(found(catalog, f"not ({test})"))
    assert without <= set(found(catalog, "price != 7"))
    assert without == set(found(catalog, "price is null"))
