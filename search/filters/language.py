"""Parse the language of `--where`: `taken >= 2024-01-01 and (camera glob 'Canon*' or label in (cat, dog))`.

    condition  = conjunction { "or" conjunction }
    conjunction = term { "and" term }
    term       = "not" term | "(" condition ")" | column test
    test       = ( "=" | "!=" | "<" | "<=" | ">" | ">=" ) value
               | [ "not" ] "in" "(" value { "," value } ")"
               | [ "not" ] "glob" value
               | [ "not" ] "between" value "and" value
               | "is" [ "not" ] "null"
    column     = word | quoted
    value      = word { word } | quoted

A word is any run of characters except blanks and `( ) , = ! < > ' "`. A quoted text is enclosed in two ' or two ", and
doubles that quote inside. Keywords are recognised in any case. A value of several words needs no quotes unless one of
them is a keyword.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Any, TypeAlias, get_args

from search.errors import FilterError
from search.filters.conditions import (
    And,
    Column,
    Comparator,
    Comparison,
    Condition,
    HasId,
    IsNull,
    Matches,
    Not,
    OneOf,
    Or,
    Place,
    Plain,
    Value,
    Word,
)
from search.text import without_controls

Where: TypeAlias = str | Mapping[str, Any] | Sequence[str] | Condition
"""A filter: text, `{"label": "shoe", "year": [2023, 2024]}`, several texts that must all hold, or a condition."""

LONGEST = 10_000
"""Maximum number of characters of a filter's text."""
DEEPEST = 50
"""Maximum nesting of parentheses and `not`, which bounds recursion in the parser and in code that walks the tree."""
_KEPT = 256
"""Parsed filters that are kept: the queries of a session often share one."""

_KEYWORDS = {"and", "or", "not", "in", "glob", "between", "is", "null"}
_TOKENS = re.compile(
    r"""\s*(?:(?P<sign><=|>=|!=|<>|==|[=<>(),])
          |(?P<quoted>'(?:[^']|'')*'|"(?:[^"]|"")*")
          |(?P<word>[^\s()=!<>,'"]+)
          |(?P<wrong>\S))""",
    re.VERBOSE,
)
_SIGNS = {"==": "=", "<>": "!="}
_TESTS = "=, !=, <, <=, >, >=, in, glob, between or is null"


def condition_of(where: Where | None) -> Condition | None:
    """Read a filter in any of its forms; None, an empty mapping and an empty list mean no filter.

    Raises:
        FilterError: the text violates the grammar, is too long or too deep, or a value of a mapping is invalid.
    """
    if where is None:
        return None
    if isinstance(where, str):
        return parse_where(where)
    if isinstance(where, Comparison | OneOf | Matches | IsNull | HasId | Not | And | Or):
        return where
    if isinstance(where, Mapping):
        return all_of([_equals(name, value) for name, value in where.items()])
    if isinstance(where, Sequence):
        return all_of([parse_where(text) for text in where])
    raise FilterError(f"a filter is text, a mapping of columns to values, or a list of texts, not {where!r}")


def all_of(conditions: Sequence[Condition]) -> Condition | None:
    """Join conditions by `and`; None if there are none."""
    return And(tuple(conditions)) if len(conditions) > 1 else conditions[0] if conditions else None


def parse_where(text: str) -> Condition:
    """Parse a filter's text.

    Raises:
        FilterError: the text is invalid; the message shows it with a caret at the place, and what was expected there.
    """
    if not isinstance(text, str):
        raise FilterError(f"a filter must be text, not {text!r}")
    if len(text) > LONGEST:
        raise FilterError(f"the filter is {len(text):,} characters long; the limit is {LONGEST:,}")
    return _parsed(text)


@lru_cache(_KEPT)
def _parsed(text: str) -> Condition:
    return _Parser(text).parse()


def where_error(message: str, place: Place | None) -> FilterError:
    """The error for an invalid filter, followed by the text with a caret at the place."""
    if place is None:
        return FilterError(f"cannot use the filter: {message}")
    line = without_controls(place.text)  # as long as it was: the caret stays in place
    first = max(0, place.start - 60)
    shown = line[first : place.start + 40]
    before, after = "… " if first else "", " …" if place.start + 40 < len(line) else ""
    caret = " " * (len(before) + place.start - first) + "^"
    return FilterError(f"cannot use the filter: {message}\n  {before}{shown}{after}\n  {caret}")


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    """`sign`, `quoted`, `word`, `keyword` or `end`."""
    text: str
    start: int
    stop: int

    def __str__(self) -> str:
        return "the end" if self.kind == "end" else repr(self.text)


class _Parser:
    """Recursive descent with one method per rule of the grammar; each advances past the tokens that it consumes."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = self._tokenize()
        self._at = 0
        self._depth = 0

    def parse(self) -> Condition:
        """Parse the complete text."""
        if self._next.kind == "end":
            raise self._error("it is empty; write, for example, label = shoe")
        condition = self._condition()
        if self._next.kind != "end":
            raise self._expected("and, or, or the end")
        return condition

    # Rules -------------------------------------------------------------------------------------------------------

    def _condition(self) -> Condition:
        conjunctions = [self._conjunction()]
        while self._accept("keyword", "or"):
            conjunctions.append(self._conjunction())
        return Or(tuple(conjunctions)) if len(conjunctions) > 1 else conjunctions[0]

    def _conjunction(self) -> Condition:
        terms = [self._term()]
        while self._accept("keyword", "and"):
            terms.append(self._term())
        return And(tuple(terms)) if len(terms) > 1 else terms[0]

    def _term(self) -> Condition:
        self._depth += 1
        if self._depth > DEEPEST:
            raise self._error(f"parentheses and not are nested more than {DEEPEST} deep")
        if self._accept("keyword", "not"):
            term: Condition = Not(self._term())
        elif self._accept("sign", "("):
            term = self._condition()
            self._require("sign", ")", "and, or, or the closing parenthesis")
        else:
            term = self._test(self._column())
        self._depth -= 1
        return term

    def _test(self, column: Column) -> Condition:
        token = self._next
        sign = _SIGNS.get(token.text, token.text)
        if token.kind == "sign" and sign in (*get_args(Comparator), "!="):
            self._at += 1
            value = self._value(f"a value after {token.text}")
            return Not(Comparison(column, "=", value)) if sign == "!=" else Comparison(column, sign, value)  # type: ignore[arg-type]
        if self._accept("keyword", "is"):
            negated = self._accept("keyword", "not")
            self._require("keyword", "null", "null")
            return Not(IsNull(column)) if negated else IsNull(column)
        negated = self._accept("keyword", "not")
        test = self._worded_test(column)
        return Not(test) if negated else test

    def _worded_test(self, column: Column) -> Condition:
        if self._accept("keyword", "in"):
            self._require("sign", "(", "a list of values in parentheses")
            values = [self._value("a value")]
            while self._accept("sign", ","):
                values.append(self._value("another value after the comma"))
            self._require("sign", ")", "a comma or the closing parenthesis")
            return OneOf(column, tuple(values))
        if self._accept("keyword", "glob"):
            return Matches(column, self._value("a pattern after glob"))
        if self._accept("keyword", "between"):
            low = self._value("a value after between")
            self._require("keyword", "and", "and with the upper end")
            return And((Comparison(column, ">=", low), Comparison(column, "<=", self._value("the upper end"))))
        raise self._expected(f"{_TESTS} after {column.name!r}")

    def _column(self) -> Column:
        token = self._next
        if token.kind not in ("word", "quoted"):
            raise self._expected("the name of a column")
        self._at += 1
        return Column(_unquoted(token), Place(self._text, token.start))

    def _value(self, expected: str) -> Value:
        first = self._next
        place = Place(self._text, first.start)
        if first.kind == "quoted":
            self._at += 1
            return Value(Word(_unquoted(first), quoted=True), place)
        if first.kind != "word":
            raise self._expected(expected)
        while self._next.kind == "word":
            last = self._next
            self._at += 1
        return Value(Word(self._text[first.start : last.stop]), place)

    # Tokens ------------------------------------------------------------------------------------------------------

    @property
    def _next(self) -> _Token:
        return self._tokens[self._at]

    def _accept(self, kind: str, text: str) -> bool:
        token = self._next
        accepted = token.kind == kind and token.text.lower() == text
        self._at += accepted
        return accepted

    def _require(self, kind: str, text: str, expected: str) -> None:
        if not self._accept(kind, text):
            raise self._expected(expected)

    def _expected(self, what: str) -> FilterError:
        token = self._next
        hint = ""
        if token.text.lower() == "null" and self._at and self._tokens[self._at - 1].text in ("=", "!="):
            hint = "; to find missing values, write is null"
        elif token.kind == "keyword":
            hint = f"; if {token} is a name or a value, quote it"
        elif token.text.lower() == "like":
            hint = "; for patterns write glob, with * and ?"
        return self._error(f"expected {what}, found {token}{hint}")

    def _error(self, message: str) -> FilterError:
        return where_error(message, Place(self._text, self._next.start))

    def _tokenize(self) -> list[_Token]:
        tokens: list[_Token] = []
        at = 0
        while match := _TOKENS.match(self._text, at):
            kind, at = str(match.lastgroup), match.end()
            text, start = match[kind], match.start(kind)
            if kind == "wrong":
                wrong = "a quote that is not closed" if text in "'\"" else f"{text!r} means nothing here"
                raise where_error(wrong, Place(self._text, start))
            if kind == "word" and text.lower() in _KEYWORDS:
                kind = "keyword"
            tokens.append(_Token(kind, text, start, at))
        end = len(self._text)
        return [*tokens, _Token("end", "", end, end)]


def _unquoted(token: _Token) -> str:
    if token.kind != "quoted":
        return token.text
    quote = token.text[0]
    return token.text[1:-1].replace(2 * quote, quote)


def _equals(name: object, value: object) -> Condition:
    """Convert one entry of a mapping: equality, a list of values, or None for missing values."""
    if not isinstance(name, str):
        raise FilterError(f"the column names of a filter must be text, not {name!r}")
    column = Column(name)
    if value is None:
        return IsNull(column)
    if isinstance(value, AbstractSet | list | tuple):
        known = tuple(Value(_plain(name, each)) for each in value if each is not None)
        missing = len(known) < len(value)
        return Or((OneOf(column, known), IsNull(column))) if missing else OneOf(column, known)
    return Comparison(column, "=", Value(_plain(name, value)))


def _plain(name: str, value: object) -> Plain:
    if hasattr(value, "item") and not isinstance(value, Plain):  # a NumPy scalar
        value = value.item()
    if not isinstance(value, str | int | float | bool | date):
        raise FilterError(f"cannot filter {name!r} by {value!r}: use text, a number, true or false, a date, or a list")
    return value
