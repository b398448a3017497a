"""Filters built from the columns of the index: sliders for numbers and dates, choices for few values.

Each is a parameter `f.COLUMN` of the address, and becomes a condition in the language of filters.
"""

from __future__ import annotations

import json
import math
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any, TypeAlias

import streamlit as st

from app_parts.address import choose, offer
from app_parts.tiles import literal, plain

if TYPE_CHECKING:
    from app_parts.address import Address
    from app_parts.shared_index import SharedIndex
    from search.filters.columns import ColumnInfo

Bound: TypeAlias = int | float | date
MOST_COLUMNS = 12
"""Columns with a filter of their own; the language of filters covers the rest."""
_EXACT = 2**53 - 1
"""The largest integer that a slider in a browser can hold."""


def column_filters(opened: SharedIndex, address: Address) -> list[str]:
    """Show a filter for each column that has one, and return the conditions of those in use."""
    offered = [column for column in opened.info.columns if _choices(opened, column) or _bounds(column)]
    if not offered:
        return []
    used = any(f"f.{column.name}" in address.values for column in offered)
    with st.expander("Filters", icon=":material/tune:", expanded=used):
        conditions = [_filter(opened, column, address) for column in offered[:MOST_COLUMNS]]
        if len(offered) > MOST_COLUMNS:
            st.caption(f"{len(offered) - MOST_COLUMNS} more columns can be used in the filter below.")
    return [condition for condition in conditions if condition]


def quoted(text: str) -> str:
    """A text as the language of filters quotes it."""
    return "'" + text.replace("'", "''") + "'"


def _filter(opened: SharedIndex, column: ColumnInfo, address: Address) -> str:
    choices = _choices(opened, column)
    return _choose(column, choices, address) if choices else _slide(column, address)


def _choices(opened: SharedIndex, column: ColumnInfo) -> list[str]:
    """The values to choose from; empty if there are too many, or only one."""
    if column.type == "boolean":
        values = ["true", "false"] if len(column.values) > 1 else []
    else:
        values = opened.choices(column.name) if column.type == "text" and column.values else []
    return values if len(values) > 1 else []


def _choose(column: ColumnInfo, choices: list[str], address: Address) -> str:
    name = f"f.{column.name}"
    chosen = [each for each in _listed(name, address) if each in choices]
    offer(name, chosen, [])
    st.multiselect(literal(column.name), choices, format_func=plain, key=name, on_change=choose, placeholder="Any")
    values = ", ".join(chosen if column.type == "boolean" else map(quoted, chosen))
    return f"{quoted(column.name)} in ({values})" if chosen else ""


def _listed(name: str, address: Address) -> list[str]:
    text = address.values.get(name)
    if text is None:
        return []
    try:
        values = json.loads(text)
    except (ValueError, RecursionError):
        values = None
    if not isinstance(values, list):
        address.complain(name, 'in the address is not a list such as ["red"], and is ignored')
        return []
    return [value for value in values if isinstance(value, str)]


def _slide(column: ColumnInfo, address: Address) -> str:
    name, bounds = f"f.{column.name}", _bounds(column) or (0, 0)
    low: Any = bounds[0]
    high: Any = bounds[1]
    chosen = _range(name, (low, high), address)
    offer(name, chosen, (low, high))
    st.slider(literal(column.name), low, high, key=name, on_change=choose)
    if chosen == (low, high):
        return ""
    return f"{quoted(column.name)} between {chosen[0]} and {chosen[1]}"


def _bounds(column: ColumnInfo) -> tuple[Bound, Bound] | None:
    """The ends of a slider; None if there is nothing to choose, or a browser cannot hold them."""
    low, high = (_bound(column, each) for each in (column.min, column.max))
    return None if low is None or high is None or low >= high else (low, high)  # type: ignore[operator]


def _bound(column: ColumnInfo, value: object) -> Bound | None:
    if isinstance(value, datetime):
        return value.astimezone(UTC).date()
    if isinstance(value, date):
        return value
    if column.type == "integer" and isinstance(value, int):
        return value if abs(value) <= _EXACT else None
    if column.type == "real" and isinstance(value, int | float):
        return float(value) if math.isfinite(value) and abs(value) <= _EXACT else None
    return None


def _range(name: str, bounds: tuple[Bound, Bound], address: Address) -> tuple[Bound, Bound]:
    """The range in the address, within the bounds of the column."""
    text = address.values.get(name)
    if text is None:
        return bounds
    try:
        first, second = (_read(part, bounds[0]) for part in text.split(".."))
    except ValueError:
        address.complain(name, f"in the address is not a range such as {bounds[0]}..{bounds[1]}, and is ignored")
        return bounds
    low, high = (min(max(each, bounds[0]), bounds[1]) for each in (first, second))
    return (low, high) if low <= high else (high, low)  # type: ignore[operator]


def _read(text: str, like: Bound) -> Bound:
    """Parse a bound of the same type; raises ValueError."""
    if isinstance(like, date):
        return date.fromisoformat(text)
    value: int | float = int(text) if isinstance(like, int) else float(text)
    if not math.isfinite(value) or len(text) > 25:
        raise ValueError(text)
    return value
