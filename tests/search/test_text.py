"""Text for people and for files: what stays in place, what fits a line, and the one form of a time."""

from datetime import UTC, date, datetime, timedelta, timezone

import pytest

from search.text import counted, html_line, reason_of, utc_now, utc_text, utc_today, without_controls


@pytest.mark.parametrize("text", ["plain", "a\tb\nc", "é\x1b[31mred", "\u202edriht", "👍 ok"])
def test_controls_become_spaces_one_by_one(text: str) -> None:
    shown = without_controls(text)
    assert len(shown) == len(text)
    assert shown.isprintable()
    assert all(new == old or (new == " " and not old.isprintable()) for old, new in zip(text, shown, strict=True))


def test_a_reason_is_one_line_and_never_empty() -> None:
    assert reason_of(ValueError("a\n  b\tc ")) == "a b c"
    assert reason_of(MemoryError()) == "MemoryError"


def test_times_are_stored_in_utc_to_the_second() -> None:
    moment = datetime(2024, 5, 1, 13, 30, 59, 999_999, tzinfo=timezone(timedelta(hours=2)))
    assert utc_text(moment) == "2024-05-01T11:30:59+00:00"
    before = datetime.now(UTC).date()
    assert date.fromisoformat(utc_today()) in {before, datetime.now(UTC).date()}
    assert abs(datetime.fromisoformat(utc_now()) - datetime.now(UTC)) < timedelta(minutes=5)


@pytest.mark.parametrize(
    ("number", "text"), [(0, "0 pictures"), (1, "1 picture"), (2, "2 pictures"), (12345, "12,345 pictures")]
)
def test_one_thing_is_no_plural(number: int, text: str) -> None:
    assert counted(number, "picture") == text


def test_a_line_of_html_has_no_markup_of_the_data() -> None:
    assert html_line("<b>\"'&\n</b>") == "&lt;b&gt;&quot;&#x27;&amp;\\n&lt;/b&gt;"
