"""Filters as expressions of Milvus: quoting, numbers that it cannot compare, and what is left to a scan."""

from __future__ import annotations

import pytest

from search.filters.language import condition_of
from search.store.milvus.expressions import to_expression
from search.store.milvus.layout import Field, filter_fields

FIELDS = filter_fields({"note": "text", "stock": "integer", "price": "real", "sharp": "boolean", "seen": "datetime"})


def written(where: object) -> str:
    condition = condition_of(where)  # type: ignore[arg-type]
    assert condition is not None
    return to_expression(condition, FIELDS, lambda leaf, field: [3, 8])


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ("label = cat", 'label == "cat"'),
        ({"label": 'a"b\\c\n\t\r'}, r'label == "a\"b\\c\n\t\r"'),
        ("not label = cat", '(not (label == "cat") or label is null)'),
        ("not width = 5", "(not (width == 5))"),
        ("not (label = a or width > 3)", '((not (label == "a") or label is null) and (not (width > 3)))'),
        ("not (label = a and width > 3)", '((not (label == "a") or label is null) or (not (width > 3)))'),
        ("not not label = a", 'label == "a"'),
        ("width is null", "id < 0"),
        ("width is not null", "id >= 0"),
        ("note is null", "m1 is null"),
        ("not note is null", "m1 is not null"),
        ("stock < 2.5", "m2 <= 2"),
        ("stock >= 2.5", "m2 >= 3"),
        ("stock = 2.5", "id < 0"),
        ("stock < 1e30", "m2 is not null"),
        ("stock > 1e30", "id < 0"),
        ("stock in (1, 2.5, 3)", "m2 in [1, 3]"),
        ("stock = -9223372036854775808", "id in [3, 8]"),
        ("price = 2", "m3 == 2.0"),
        ("price = 9007199254740993", "id in [3, 8]"),
        ("sharp = true", "m4 == true"),
        ("sharp in (true, false)", "m4 == true or m4 == false"),
        ("seen >= 2024-05", 'm5 >= "2024-05"'),
        ("seen = 2024-05", '(m5 >= "2024-05" and m5 < "2024-05~")'),
        ("seen <= 2024-05", 'm5 < "2024-05~"'),
        ("note glob 'ab*'", '(m1 >= "ab" and m1 < "ac")'),
        ("note glob '*'", "m1 is not null"),
        ("note glob 'ab'", 'm1 == "ab"'),
        ("note glob 'a?'", "id in [3, 8]"),
        ("note glob '*b'", "id in [3, 8]"),
        ("not note glob '*b'", "id not in [3, 8]"),
        ({"note": "\x07"}, "id in [3, 8]"),
        ({"note": "caf\udce9"}, "id in [3, 8]"),
        ({"note": []}, "id < 0"),
    ],
)
def test_what_is_written(where: object, expected: str) -> None:
    assert written(where) == expected


def test_a_prefix_ends_before_the_next_code_point() -> None:
    assert written("note glob 'z\ud7ff*'") == '(m1 >= "z\ud7ff" and m1 < "z\ue000")'
    assert written({"note": "x"}) == 'm1 == "x"'
    assert FIELDS["note"] == Field("m1", "text", True)


def test_many_periods_are_scanned() -> None:
    years = ", ".join(str(year) for year in range(1900, 2024))
    assert written(f"seen in ({years})") == "id in [3, 8]"
