"""What a query is, checked once for every door."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from search.config import QueryConfig
from search.errors import QueryError

Where = Mapping[str, str]
"""A filter: `{"label": "shoe"}`."""

FILTERS = ("label",)
"""Columns that a filter can name."""


@dataclass(frozen=True, slots=True)
class Query:
    """How many neighbours, and among which pictures."""

    k: int = QueryConfig.k
    where: Where | None = None
    same_only: bool = QueryConfig.same_only
    collapse: bool = QueryConfig.collapse

    def __post_init__(self) -> None:
        if isinstance(self.k, bool) or not isinstance(self.k, int) or self.k < 1:
            raise QueryError(f"k must be a whole number of at least 1, not {self.k!r}")
        for column in self.where or ():
            if column not in FILTERS:
                raise QueryError(f"cannot filter by {column!r}: known columns are {', '.join(FILTERS)}")


def parse_where(conditions: list[str]) -> dict[str, str]:
    """Read `column=value` conditions, as the command line takes them."""
    where: dict[str, str] = {}
    for condition in conditions:
        column, sign, value = condition.partition("=")
        if not sign or not column.strip():
            raise QueryError(f"cannot read the filter {condition!r}: write COLUMN=VALUE, for example label=shoe")
        where[column.strip()] = value.strip()
    return where
