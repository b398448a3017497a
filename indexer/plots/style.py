"""What the pictures of a report have in common: colours, sizes, and how a figure is made and saved.

Figures are made by matplotlib's objects, never by pyplot: nothing here depends on, or changes, the state of a process
that may be drawing something else.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from search.files.writing import output_file

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.ft2font import FT2Font

DPI = 144
"""A point is two pixels, so sizes in pixels are whole ones."""

INK, MUTED, GRID, PAPER = "#1f2933", "#66727f", "#e3e7eb", "#ffffff"
BLUE, ORANGE, GREEN, RED, PURPLE, SKY = "#0072b2", "#e69f00", "#009e73", "#d55e00", "#cc79a7", "#56b4e9"
"""Told apart by readers with any kind of colour vision. Source: Okabe and Ito, "Color Universal Design", 2008."""

CLASS_COLORS = (BLUE, ORANGE, GREEN, RED, PURPLE, SKY, "#6a3d9a", "#8c6d31", "#111111", "#b3c100")
"""Of at most so many classes: more cannot be told apart by colour."""
OTHER = "#b8c0c8"

TITLE, TEXT, SMALL = 11.0, 8.5, 7.0
"""Sizes of type, in points."""

_LONGEST_NAME = 28
"""Characters of the name of a class."""
_MISSING = "\N{WHITE SQUARE}"


def new_figure(width: int, height: int) -> Figure:
    """Make an empty figure of `width` x `height` pixels."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width / DPI, height / DPI), dpi=DPI, facecolor=PAPER)
    FigureCanvasAgg(figure)
    return figure


def new_page(width: int, height: int) -> tuple[Figure, Axes]:
    """Make a figure whose only axes are its pixels, from the upper left corner, so that pictures stay sharp."""
    figure = new_figure(width, height)
    axes = figure.add_axes((0, 0, 1, 1), xlim=(0, width), ylim=(height, 0))
    axes.set_axis_off()
    return figure, axes


def head(figure: Figure, title: str, about: str, *, left: int = 40) -> None:
    """Write a title over a line that says on what the figure was made, within the upper 100 pixels."""
    width, height = figure.get_size_inches() * DPI
    write(figure, left / width, 1 - 30 / height, title, size=TITLE, weight="bold", va="top")
    write(figure, left / width, 1 - 64 / height, about, color=MUTED, va="top")


def write(place: Any, x: float, y: float, text: str, **style: Any) -> Any:
    """Put text into a figure or axes as it is: a label may hold `$`, or letters that the font lacks."""
    style = {"size": TEXT, "color": INK, **style}
    return place.text(x, y, drawable(text), parse_math=False, **style)


def drawable(text: str) -> str:
    """Text with a square in place of what the font has no picture of."""
    font = _font()
    return "".join(c if c == "\n" or (c.isprintable() and font.get_char_index(ord(c))) else _MISSING for c in text)


def shortened(text: str, most: int) -> str:
    """Text of at most so many characters; of a path the end is what tells."""
    return text if len(text) <= most else "…" + text[1 - most :]


def short_names(labels: Iterable[str | None]) -> dict[str, str]:
    """Name every class by the last folder of its label where no other class ends so, and by all of it otherwise."""
    distinct = sorted({label for label in labels if label is not None})
    ends = [label.rstrip("/").rsplit("/", 1)[-1] for label in distinct]
    return {
        label: shortened(end if ends.count(end) == 1 else label, _LONGEST_NAME)
        for label, end in zip(distinct, ends, strict=True)
    }


def class_colors(labels: Iterable[str | None]) -> dict[str, str]:
    """A colour a class; none at all where there is a single class, or more than can be told apart."""
    distinct = sorted({label for label in labels if label is not None})
    return dict(zip(distinct, CLASS_COLORS, strict=False)) if 1 < len(distinct) <= len(CLASS_COLORS) else {}


def plain_axes(axes: Axes, title: str, *, x: str = "", y: str = "") -> None:
    """Give axes the looks of the report: a title at the left, two spines, a faint grid."""
    axes.set_title(title, loc="left", size=TEXT + 0.5, color=INK, weight="bold", pad=8)
    axes.set_xlabel(x, size=TEXT, color=MUTED)
    axes.set_ylabel(y, size=TEXT, color=MUTED)
    axes.tick_params(labelsize=SMALL + 0.5, colors=MUTED, length=3)
    axes.grid(color=GRID, linewidth=0.7)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(OTHER)


def save(figure: Figure, path: Path) -> Path:
    """Write a PNG that says nothing of when or by what it was made: the same figure gives the same bytes."""
    with output_file(path) as stream:
        figure.savefig(stream, format="png", dpi=DPI, facecolor=PAPER, metadata={"Software": None})
    return path


@cache
def _font() -> FT2Font:
    from matplotlib.font_manager import findfont, get_font

    return get_font(findfont("DejaVu Sans"))
