"""Write the map of an index as an interactive page: one HTML file that loads nothing else."""

from __future__ import annotations

import base64
import hashlib
import io
from collections import Counter
from typing import TYPE_CHECKING

from indexer.plots.map_page_script import SCRIPT, STYLE
from search.text import html_line

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from indexer.plots.grid import Grid
    from search.store.records import PictureRecord

_CELL = 96
"""Side of a grid cell in pixels at zoom 1."""
_UNLABELLED = "no label"


def map_page(squares: NDArray[np.uint8], grid: Grid, records: Sequence[PictureRecord], about: str) -> str:
    """HTML of the page: thumbnails `(N, S, S, 3)` in the cells of a grid, with zoom, search and a legend of the labels.

    Paths and labels are escaped. The content security policy allows only the page's own script, identified by its
    hash.
    """
    counts = Counter(record.label for record in records)
    labels = sorted(counts, key=lambda label: (label is None, label or ""))
    numbers = {label: number for number, label in enumerate(labels)}
    images = "\n".join(
        f'<img src="{_inline(square)}" data-caption="{_caption(record)}" alt="{html_line(record.path.name)}" '
        f'role="button" tabindex="-1" data-label="{numbers[record.label]}" '
        f'style="{_place(column, row)};--c:{_color(numbers[record.label])}">'
        for square, record, (column, row) in zip(squares, records, grid.cells.tolist(), strict=True)
    )
    legend = "\n".join(_entry(number, label, counts[label]) for label, number in numbers.items())
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{_policy()}">
<meta name="viewport" content="width=device-width, initial-scale=1"><title>Map of the index</title>
<style>{STYLE}
#plane {{ width: {grid.columns * _CELL}px; height: {grid.rows * _CELL}px }}
#plane img {{ width: {_CELL - 4}px; height: {_CELL - 4}px }}</style></head>
<body><header><h1>Map of the index</h1><p>{html_line(about)}</p></header>
<aside aria-label="Search and labels">
<label for="search">Search paths and labels (key /)</label><input id="search" type="search" autocomplete="off">
<p id="found" role="status"></p>
<div class="tools"><button id="in" title="Zoom in (+)" aria-label="Zoom in">+</button>
<button id="out" title="Zoom out (-)" aria-label="Zoom out">&minus;</button>
<button id="all" title="Show everything (0)">Fit</button><button id="reset">Reset</button></div>
<p class="how">Wheel or pinch to zoom, drag to move, click a picture to enlarge it. Keys: arrows, Enter, + and -.</p>
<h2>Labels</h2><p class="how">Click a label to highlight it; untick it to hide its pictures.</p>
<ul id="legend">
{legend}
</ul></aside>
<main aria-label="Map"><div id="plane">{images}</div></main>
<div id="hover" hidden aria-hidden="true"><div id="caption"></div></div>
<dialog id="box" aria-label="Picture"><p id="path"></p><p id="label"></p>
<button id="close" autofocus>Close</button></dialog>
<script>{SCRIPT}</script></body></html>
"""


def _policy() -> str:
    script = base64.b64encode(hashlib.sha256(SCRIPT.encode()).digest()).decode("ascii")
    return f"default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'sha256-{script}'"


def _entry(number: int, label: str | None, count: int) -> str:
    name = html_line(_UNLABELLED if label is None else label)
    return (
        f'<li><input type="checkbox" checked data-label="{number}" aria-label="Show {name}">'
        f'<button data-label="{number}" aria-pressed="false" style="--c:{_color(number)}">{name} ({count:,})</button>'
        "</li>"
    )


def _place(column: int, row: int) -> str:
    return f"left:{column * _CELL}px;top:{row * _CELL}px"


def _color(number: int) -> str:
    """A different colour for each label: hues a golden angle apart, in three lightnesses."""
    return f"hsl({number * 137.508 % 360:.0f} 65% {(45, 60, 33)[number % 3]}%)"


def _caption(record: PictureRecord) -> str:
    path = html_line(str(record.path))
    return path if record.label is None else f"{path}\n{html_line(record.label)}"


def _inline(square: NDArray[np.uint8]) -> str:
    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(square).save(file, "JPEG", quality=80)
    return "data:image/jpeg;base64," + base64.b64encode(file.getvalue()).decode("ascii")
