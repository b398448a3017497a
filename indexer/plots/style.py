"""Shared style of all figures: colours, font sizes, and how a figure is made and saved.

Figures use matplotlib's objects, not pyplot, so that they do not depend on or change the global state of a process
that may draw something else.
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
"""Two pixels per point, so that sizes in points are whole pixels."""

INK, MUTED, GRID, PAPER = "#1f2933", "#66727f", "#e3e7eb", "#ffffff"
BLUE, ORANGE, GREEN, RED, PURPLE, SKY = "#0072b2", "#e69f00", "#009e73", "#d55e00", "#cc79a7", "#56b4e9"
"""Distinguishable with any kind of colour vision. Source: Okabe and Ito, "Color Universal Design", 2008."""

CLASS_COLORS = (BLUE, ORANGE, GREEN, RED, PURPLE, SKY, "#6a3d9a", "#8c6d31", "#111111", "#b3c100")
"""Colours of classes; more classes than these could not be distinguished by colour."""
OTHER = "#b8c0c8"

TITLE, TEXT, SMALL = 11.0, 8.5, 7.0
"""Font sizes in points."""

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
    """Make a figure whose axes are in pixels, from the upper left corner, so that pictures stay sharp."""
    figure = new_figure(width, height)
    axes = figure.add_axes((0, 0, 1, 1), xlim=(0, width), ylim=(height, 0))
    axes.set_axis_off()
    return figure, axes


def head(figure: Figure, title: str, about: str, *, left: int = 40) -> None:
    """Write a title and a line that describes the data, within the upper 100 pixels."""
    width, height = figure.get_size_inches() * DPI
    write(figure, left / width, 1 - 30 / height, title, size=TITLE, weight="bold", va="top")
    write(figure, left / width, 1 - 64 / height, about, color=MUTED, va="top")


def write(place: Any, x: float, y: float, text: str, **style: Any) -> Any:
    """Write text into a figure or axes literally: a label may contain `$`, or characters that the font lacks."""
    style = {"size": TEXT, "color": INK, **style}
    return place.text(x, y, drawable(text), parse_math=False, **style)


def drawable(text: str) -> str:
    """Replace characters that the font lacks by a square."""
    font = _font()
    return "".join(c if c == "\n" or (c.isprintable() and font.get_char_index(ord(c))) else _MISSING for c in text)


def shortened(text: str, most: int) -> str:
    """Shorten text to `most` characters by cutting its beginning, because the end of a path identifies it."""
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
    """One colour per class; none for a single class, or for more classes than colours can distinguish."""
    distinct = sorted({label for label in labels if label is not None})
    return dict(zip(distinct, CLASS_COLORS, strict=False)) if 1 < len(distinct) <= len(CLASS_COLORS) else {}


def plain_axes(axes: Axes, title: str, *, x: str = "", y: str = "") -> None:
    """Apply the style of the figures to axes: a title at the left, two spines, a faint grid."""
    axes.set_title(title, loc="left", size=TEXT + 0.5, color=INK, weight="bold", pad=8)
    axes.set_xlabel(x, size=TEXT, color=MUTED)
    axes.set_ylabel(y, size=TEXT, color=MUTED)
    axes.tick_params(labelsize=SMALL + 0.5, colors=MUTED, length=3)
    axes.grid(color=GRID, linewidth=0.7)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(OTHER)


def save(figure: Figure, path: Path) -> Path:
    """Write a PNG without date or software name, so that the same figure gives the same bytes."""
    with output_file(path) as stream:
        figure.savefig(stream, format="png", dpi=DPI, facecolor=PAPER, metadata={"Software": None})
    return path


@cache
def _font() -> FT2Font:
    from matplotlib.font_manager import findfont, get_font

    return get_font(findfont("DejaVu Sans"))
