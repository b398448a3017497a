"""A slow evaluator of filters in Python, and a generator of random filters with their expected results."""

import random
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from search.store.catalog import Catalog
from search.store.records import FileRecord, PictureRecord, SegmentRecord

TYPES = {
    "note": "text",
    "stock": "integer",
    "price": "real",
    "sharp": "boolean",
    "bought": "date",
    "seen": "datetime",
    'odd "name"': "text",
}
NOTES = ["cat", "Cat", "cat dog", "10", "9", "é", "it's", 'say "so"', "a*c", "[x]", "", "and", "\udcff", "x" * 300]
MIDNIGHT = datetime(2024, 5, 1, tzinfo=UTC)
SEEN = [
    MIDNIGHT,
    MIDNIGHT - timedelta(microseconds=1),
    MIDNIGHT + timedelta(hours=13, minutes=30),
    datetime(2024, 5, 31, 23, 59, 59, tzinfo=UTC),
    datetime(2023, 12, 31, 23, tzinfo=UTC),
    datetime(2024, 5, 1, 13, 30, 0, 500_000, tzinfo=UTC),
    datetime(9999, 12, 31, 23, tzinfo=UTC),
]
BOUGHT = [date(2024, 5, 1), date(2024, 4, 30), date(2024, 12, 31), date(2023, 1, 1), date(1, 1, 1), date(9999, 12, 31)]
NUMBERS = [0, 1, -1, 7, 10, 2**63 - 1, -(2**63), 2**53 + 1]
REALS = [0.0, -0.5, 7.0, 1e300, 3.25, 10.0]

Row = dict[str, Any]


def made_rows(source: random.Random, count: int) -> list[Row]:
    def maybe(values: list[Any]) -> Any:
        return None if source.random() < 0.25 else source.choice(values)

    return [
        {
            "id": number,
            "path": f"/pictures/{source.choice('abc')}/{number}.png",
            "label": maybe(["cat", "dog", "7"]),
            "width": source.randint(1, 4),
            "height": source.randint(1, 4),
            "bytes": source.randint(1, 9),
            "note": maybe(NOTES),
            "stock": maybe(NUMBERS),
            "price": maybe(REALS),
            "sharp": maybe([True, False]),
            "bought": maybe(BOUGHT),
            "seen": maybe(SEEN),
            'odd "name"': maybe(["x", "y"]),
        }
        for number in range(1, count + 1)
    ]


def stored(value: Any) -> Any:
    if isinstance(value, datetime):
        text = value.replace(tzinfo=None).isoformat()
        return text.rstrip("0") if value.microsecond else text
    if isinstance(value, date):
        return value.isoformat()
    return value.encode("utf-8", "surrogateescape") if isinstance(value, str) else value


def write_catalog(folder: Path, rows: list[Row]) -> Catalog:
    folder.mkdir(parents=True)
    catalog = Catalog.write(folder)
    with catalog.transaction():
        catalog.files.add([FileRecord("v", 1, "x")])
        catalog.segments.add(SegmentRecord(1, "v", None, len(rows), "flat", {}, None), "now")
        catalog.pictures.put(
            PictureRecord(
                row["id"],
                Path(row["path"]),
                "x",
                row["bytes"],
                0,
                row["width"],
                row["height"],
                row["label"],
                1,
                row["id"] - 1,
            )
            for row in rows
        )
        catalog.metadata.add_columns(TYPES)
        told = [row for row in rows if any(row[name] is not None for name in TYPES)]  # the others have no row at all
        catalog.metadata.put(list(TYPES), ((row["id"], [stored(row[name]) for name in TYPES]) for row in told))
    return catalog


# A filter as a test sees it: its text, and what it answers for a row -------------------------------------------------


def glob(pattern: str, text: str) -> bool:
    """A slow and plain matcher: `*`, `?`, `[a-c]`, `[^a-c]`; an unclosed bracket matches nothing."""
    if not pattern:
        return not text
    first, rest = pattern[0], pattern[1:]
    if first == "*":
        return any(glob(rest, text[start:]) for start in range(len(text) + 1))
    if not text:
        return False
    if first != "[":
        return (first in ("?", text[0])) and glob(rest, text[1:])
    negated = rest.startswith("^")
    rest = rest[negated:]
    stop = rest.find("]", 1)
    if stop < 0:
        return False
    body, found, at = rest[:stop], False, 0
    while at < len(body):
        if body[at + 1 : at + 2] == "-" and at + 2 < len(body):
            found |= body[at] <= text[0] <= body[at + 2]
            at += 3
        else:
            found |= body[at] == text[0]
            at += 1
    return found != negated and glob(rest[stop + 1 :], text[1:])


def ends_of(text: str) -> tuple[datetime, datetime]:
    """First and last moment of a year, month or day."""
    parts = [int(part) for part in text.split("-")]
    year, month, day = [*parts, 1, 1][:3]
    first = datetime(year, month, day, tzinfo=UTC)
    if len(parts) == 1:
        last = datetime(year, 12, 31, tzinfo=UTC)
    elif len(parts) == 2:
        last = max(datetime(year, month, d, tzinfo=UTC) for d in (28, 29, 30, 31) if _there(year, month, d))
    else:
        last = first
    return first, last.replace(hour=23, minute=59, second=59, microsecond=999_999)


def _there(year: int, month: int, day: int) -> bool:
    try:
        return date(year, month, day) is not None
    except ValueError:
        return False


def compared(value: Any, operator: str, literal: Any) -> bool:
    if value is None:
        return operator == "!="
    if isinstance(value, str):
        value, low = stored(value), stored(literal)
        high = low
    elif isinstance(value, date):
        at = value if isinstance(value, datetime) else datetime(value.year, value.month, value.day, tzinfo=UTC)
        value, (low, high) = at, ends_of(literal) if isinstance(literal, str) else (literal, literal)
    else:
        low = high = literal
    answers = {
        "=": low <= value <= high,
        "!=": not low <= value <= high,
        "<": value < low,
        "<=": value <= high,
        ">": value > high,
        ">=": value >= low,
    }
    return bool(answers[operator])


class Maker:
    """Generator of random filters: `make` returns a text and a function from a row to a boolean."""

    def __init__(self, source: random.Random) -> None:
        self.source = source

    def make(self, depth: int) -> tuple[str, Any]:
        kind = self.source.choice(["test", "test", "not", "and", "or"] if depth else ["test"])
        if kind == "test":
            return self.test()
        if kind == "not":
            text, truth = self.make(depth - 1)
            return f"{self.word('not')} ({text})", lambda row: not truth(row)
        parts = [self.make(depth - 1) for _ in range(self.source.randint(2, 4))]
        text = f" {self.word(kind)} ".join(f"({part})" for part, _ in parts)
        together = all if kind == "and" else any
        return text, lambda row: together(truth(row) for _, truth in parts)

    def test(self) -> tuple[str, Any]:
        name = self.source.choice(["id", "path", "label", "width", *TYPES])
        kind = {"id": "integer", "width": "integer", "path": "text", "label": "text"}.get(name) or TYPES[name]
        column = self.quoted(name) if self.source.random() < 0.3 or " " in name else name
        form = self.source.choice(["compare", "compare", "in", "null", "between", "glob"])
        if form == "glob" and kind == "text":
            pattern = self.source.choice(
                ["*", "c*", "*t", "?at", "[cd]*", "[^c]*", "*[a-c]/*.png", "a*c", "[", "é", ""]
            )
            no, turn = self.negated()
            return (
                f"{column} {no}{self.word('glob')} {self.quoted(pattern)}",
                lambda row: turn(row[name] is not None and glob(pattern, row[name])),
            )
        if form == "null":
            no, turn = self.negated()
            return f"{column} {self.word('is')} {no}{self.word('null')}", lambda row: turn(row[name] is None)
        if form == "in":
            literals = [self.literal(kind) for _ in range(self.source.randint(1, 4))]
            no, turn = self.negated()
            return (
                f"{column} {no}{self.word('in')} ({', '.join(text for text, _ in literals)})",
                lambda row: turn(any(compared(row[name], "=", value) for _, value in literals)),
            )
        if form == "between" and kind != "boolean":
            (low, least), (high, greatest) = self.literal(kind), self.literal(kind)
            no, turn = self.negated()
            return (
                f"{column} {no}{self.word('between')} {low} {self.word('and')} {high}",
                lambda row: turn(compared(row[name], ">=", least) and compared(row[name], "<=", greatest)),
            )
        operator = self.source.choice(["=", "!="] if kind == "boolean" else ["=", "!=", "<", "<=", ">", ">="])
        text, value = self.literal(kind)
        space = self.source.choice(["", " "])
        return f"{column}{space}{operator}{space}{text}", lambda row: compared(row[name], operator, value)

    def literal(self, kind: str) -> tuple[str, Any]:
        """A value as text and as its meaning; a date stands for all of its day."""
        if kind == "text":
            value = self.source.choice([*NOTES, "dog", "/pictures/b/3.png"])
            return self.quoted(value), value
        if kind == "integer":
            number = self.source.choice([*NUMBERS, 2, 3, 2.5, 2**63, -(2**63) - 1, 10**30])
            return str(number), number
        if kind == "real":
            real = self.source.choice([*REALS, 7, 10**400, 0.1])
            return str(real), real
        if kind == "boolean":
            truth = self.source.choice([True, False])
            return self.source.choice([str(truth), str(truth).lower()]), truth
        periods = ["2024-05-01", "2024-05", "2024", "2023", "2024-04-30", "9999", "0001-01-01"]
        if kind == "date" or self.source.random() < 0.5:
            period = self.source.choice(periods)
            return period, period
        moment = self.source.choice(SEEN)
        forms = [moment.isoformat(), self.quoted(moment.replace(tzinfo=None).isoformat(" "))]
        if moment.year < 9999:
            forms.append(moment.astimezone(datetime.fromisoformat("2024-01-01T00:00+05:30").tzinfo).isoformat())
        return self.source.choice(forms), moment

    def negated(self) -> tuple[str, Any]:
        if self.source.random() < 0.3:
            return f"{self.word('not')} ", lambda truth: not truth
        return "", bool

    def quoted(self, text: str) -> str:
        quote = self.source.choice("'\"")
        return quote + text.replace(quote, 2 * quote) + quote

    def word(self, word: str) -> str:
        return self.source.choice([word, word.upper()])
