"""A map of an index: thumbnails of its pictures laid out by likeness, as a PNG and as a page to explore."""

from __future__ import annotations

import base64
import html
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from indexer.projection import project
from indexer.training.report.grid import MOST, Grid, place_on_grid
from indexer.training.report.map import classes_text, layout_text, map_figure, spread
from indexer.training.report.style import save
from search.engine import open_index
from search.errors import DataError, PictureError
from search.thumbnails import jpeg, thumbnail

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from search.records import PictureRecord

_SIDE = 96
"""Pixels of a thumbnail."""
_GONE = 200
"""Grey of a picture that can no longer be read."""


@dataclass(frozen=True, slots=True)
class MapReport:
    """What a map shows: `shown` of `pictures`; `gone` of them could not be read and are grey squares."""

    pictures: int
    shown: int
    gone: tuple[str, ...]


def draw_index_map(index: Path, out: Path, *, limit: int, page: Path | None = None, seed: int = 0) -> MapReport:
    """Draw at most `limit` pictures of an index into the PNG `out`, and into the self-contained HTML `page`.

    Pictures are taken evenly over the labels. The same index and seed give the same map.

    Raises:
        DataError: an empty index, or more pictures than can be placed.
        IndexFolderError: `index` is none.
    """
    if not 1 <= limit <= MOST:
        raise DataError(f"limit {limit}: a map shows from 1 to {MOST} pictures")
    with open_index(index, device="cpu") as engine:
        records, vectors = engine.vectors()
    if not records:
        raise DataError(f"{index}: holds no picture to map")
    labels = [record.label for record in records]
    rows = spread(labels, limit)
    records, labels = [records[row] for row in rows], [labels[row] for row in rows]
    squares, gone = _thumbnails(records)
    grid = place_on_grid(project(vectors[rows], seed=seed))
    shown = f"{len(rows):,} of {len(vectors):,} pictures, {classes_text(labels)}"
    about = f"{index.resolve().name} · {shown} · {layout_text(vectors.shape[1], len(rows))}"
    save(map_figure(squares, grid, labels, "Map of the index", about), out)
    if page is not None:
        page.write_text(_page(squares, grid, records, about), encoding="utf-8", errors="replace")
    return MapReport(len(vectors), len(rows), gone)


def _thumbnails(records: Sequence[PictureRecord]) -> tuple[NDArray[np.uint8], tuple[str, ...]]:
    squares = np.full((len(records), _SIDE, _SIDE, 3), _GONE, dtype=np.uint8)
    gone = []
    for place, record in enumerate(records):
        try:
            squares[place] = np.asarray(thumbnail(record.path, _SIDE, ground="white"))
        except PictureError as error:
            gone.append(str(error))
    return squares, tuple(gone)


def _page(squares: NDArray[np.uint8], grid: Grid, records: Sequence[PictureRecord], about: str) -> str:
    """One file that needs no other: thumbnails are inlined, path and label show under the pointer."""
    images = "\n".join(
        f'<img src="{_inline(square)}" title="{html.escape(_told(record))}" alt="" '
        f'style="left:{column * _SIDE}px;top:{row * _SIDE}px">'
        for square, record, (column, row) in zip(squares, records, grid.cells.tolist(), strict=True)
    )
    size = f"width:{grid.columns * _SIDE}px;height:{grid.rows * _SIDE}px"
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Map of the index</title>
<style>
body {{ margin: 2rem; font: 15px/1.5 system-ui, sans-serif; color: #1f2933; background: #fff }}
p {{ color: #66727f }}
div {{ position: relative; {size} }}
img {{ position: absolute; width: {_SIDE - 4}px; height: {_SIDE - 4}px }}
img:hover {{ transform: scale(1.8); z-index: 1; box-shadow: 0 2px 12px #0006 }}
</style></head>
<body><h1>Map of the index</h1><p>{html.escape(about)}</p><div>
{images}
</div></body></html>
"""


def _told(record: PictureRecord) -> str:
    return f"{record.path}\n{record.label}" if record.label else str(record.path)


def _inline(square: NDArray[np.uint8]) -> str:
    from PIL import Image

    return "data:image/jpeg;base64," + base64.b64encode(jpeg(Image.fromarray(square), 80)).decode("ascii")
