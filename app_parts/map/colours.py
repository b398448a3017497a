"""Colour the points of the map by a label, a cluster or a column."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

import numpy as np

from app_parts.tiles import plain

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

NAMED = {
    "light": (
        *("#0072b2", "#d55e00", "#009e73", "#b8529a", "#e69f00", "#56b4e9"),
        *("#6a3d9a", "#8c5a2b", "#7f9a00", "#c1121f", "#0f8b8d", "#3a3a3a"),
    ),
    "dark": (
        *("#4aa3df", "#ff8a4c", "#2fc79a", "#e59ac4", "#f2b134", "#9bd7ff"),
        *("#b094ec", "#cfa36b", "#c9d93b", "#ff6b6b", "#5fd6d2", "#e8e6e0"),
    ),
}
"""Colours of the most frequent values, by theme; the first six are those of Okabe and Ito, adapted to the ground."""
OTHER = {"light": "#b4b0a6", "dark": "#5b6068"}
NOTHING = {"light": "#dcd8ce", "dark": "#3b3f45"}
RAMPS = {
    "light": ("#440154", "#3b528b", "#21918c", "#5ec962", "#c4c800"),
    "dark": ("#6a55b0", "#4f8fc4", "#2fb5a5", "#7ad151", "#fde725"),
}
"""Stops of the scale for numbers, those of viridis without the colours that the ground would swallow."""
_STEPS = 64
_ENDS = (1, 99)
"""Percentiles between which the scale runs: one outlier would leave a single colour for all others."""


@dataclass(frozen=True, slots=True)
class Colours:
    """The colour of each of N points."""

    codes: NDArray[np.uint8]
    """`(N,)`: a place in the palette."""
    palette: list[str]
    legend: list[dict[str, Any]] = field(default_factory=list)
    """Name, number of points and colour of each value; empty for numbers."""
    scale: dict[str, str] | None = None
    """What the ends of the scale stand for; None for names."""


def coloured(values: Sequence[Any], theme: str) -> Colours:
    """Colour points by their values, one per point, None where there is none.

    Numbers, dates and moments get a scale. Of everything else, the 12 most frequent values get a colour each.
    """
    present = [value for value in values if value is not None]
    if present and all(isinstance(value, int | float | date) and not isinstance(value, bool) for value in present):
        return _scaled(values, theme)
    return _named(values, theme)


def _named(values: Sequence[Any], theme: str) -> Colours:
    counts = Counter(value for value in values if value is not None)
    frequent = sorted(counts, key=lambda value: (-counts[value], str(value)))[: len(NAMED[theme])]
    code = {value: number for number, value in enumerate(frequent)}
    other, nothing = len(frequent), len(frequent) + 1
    codes = np.array([nothing if value is None else code.get(value, other) for value in values], dtype=np.uint8)
    palette = [*NAMED[theme][: len(frequent)], OTHER[theme], NOTHING[theme]]
    legend = [_entry(text_of(value), counts[value], code[value]) for value in frequent]
    if rest := counts.total() - sum(counts[value] for value in frequent):
        legend.append(_entry(f"{len(counts) - len(frequent):,} others", rest, other))
    if missing := len(values) - counts.total():
        legend.append(_entry("none", missing, nothing))
    return Colours(codes, palette, legend)


def _entry(name: str, count: int, colour: int) -> dict[str, Any]:
    return {"name": name, "count": count, "colour": colour}


def _scaled(values: Sequence[Any], theme: str) -> Colours:
    """Place 0 of the palette is for points without a value."""
    numbers = np.array([np.nan if value is None else _number(value) for value in values], dtype=np.float64)
    known = np.isfinite(numbers)
    least, most = float(numbers[known].min()), float(numbers[known].max())
    low, high = (float(end) for end in np.percentile(numbers[known], _ENDS, method="nearest"))
    codes = np.zeros(len(values), dtype=np.uint8)
    share = (np.clip(numbers[known], low, high) - low) / (high - low) if high > low else np.zeros(known.sum())
    codes[known] = 1 + np.rint(share * (_STEPS - 1)).astype(np.uint8)
    named = dict(zip(numbers[known].tolist(), (value for value in values if value is not None), strict=True))
    scale = {
        "low": ("≤ " if low > least else "") + text_of(named[low]),
        "high": ("≥ " if high < most else "") + text_of(named[high]),
    }
    missing = len(values) - int(known.sum())
    legend = [_entry("none", missing, 0)] if missing else []
    return Colours(codes, [NOTHING[theme], *_ramp(RAMPS[theme])], legend, scale)


def _number(value: Any) -> float:
    if isinstance(value, datetime):
        return (value if value.tzinfo else value.replace(tzinfo=UTC)).timestamp()
    return float(value.toordinal() if isinstance(value, date) else value)


def _ramp(stops: Sequence[str]) -> list[str]:
    given = np.array([[int(stop[at : at + 2], 16) for at in (1, 3, 5)] for stop in stops], dtype=np.float64)
    places = np.linspace(0, len(stops) - 1, _STEPS)
    channels = [np.rint(np.interp(places, np.arange(len(stops)), given[:, at])).astype(int) for at in range(3)]
    return [f"#{red:02x}{green:02x}{blue:02x}" for red, green, blue in zip(*channels, strict=True)]


def text_of(value: Any) -> str:
    """A value as one line of text."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:.6g}"
    return plain(value.isoformat(sep=" ") if isinstance(value, datetime) else value)


def of_ids(ids: Sequence[int], values: Mapping[int, Any]) -> list[Any]:
    """The value of each picture; None where it has none."""
    return [values.get(key) for key in ids]
