"""Draw a map of an index: thumbnails arranged by similarity, as a PNG and as an interactive HTML page."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from indexer.pipeline.progress import Progress, Silent
from indexer.plots.grid import MOST, place_on_grid
from indexer.plots.map_figure import classes_text, layout_text, map_figure, spread
from indexer.plots.map_page import map_page
from indexer.plots.projection import project
from indexer.plots.style import save
from search.config import MAP_PICTURES
from search.engine import open_index
from search.errors import DataError, PictureError
from search.files.writing import output_file
from search.large_imports import without_torch
from search.pictures.thumbnails import thumbnail

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from search.store.records import PictureRecord

_SIDE = 160
"""Side of a thumbnail in pixels; the page also shows it enlarged."""
_GONE = 200
"""Grey level of a picture that cannot be read any more."""


@dataclass(frozen=True, slots=True)
class MapReport:
    """Result of drawing a map: `shown` of `pictures`; `gone` describes those that are unreadable and drawn as grey."""

    pictures: int
    shown: int
    gone: tuple[str, ...]


def draw_index_map(
    index: str | os.PathLike[str],
    out: str | os.PathLike[str],
    *,
    limit: int = MAP_PICTURES,
    page: str | os.PathLike[str] | None = None,
    seed: int = 0,
    progress: Progress | None = None,
) -> MapReport:
    """Draw at most `limit` pictures of an index into the PNG `out`, and into the self-contained HTML `page`.

    Pictures are chosen evenly over the labels. The same index and seed give the same map.

    Raises:
        DataError: an empty index, an invalid `limit`, or an output inside the index folder.
        IndexFolderError: `index` is not an index.
    """
    if not 1 <= limit <= MOST:
        raise DataError(f"limit {limit}: a map shows from 1 to {MOST} pictures")
    index, out, page = Path(index), Path(out), None if page is None else Path(page)
    for path in (out, page):
        if path is not None and path.resolve().is_relative_to(index.resolve()):
            raise DataError(f"{path}: lies inside the index folder, which holds nothing else. Name another file")
    progress = progress or Silent()
    with without_torch(), open_index(index, device="cpu") as engine:
        progress.begin("read vectors", len(engine))
        records, vectors = engine.vectors()
    if not records:
        raise DataError(f"{index}: holds no pictures")
    labels = [record.label for record in records]
    rows = spread(labels, limit)
    records, labels = [records[row] for row in rows], [labels[row] for row in rows]
    squares, gone = _thumbnails(records, progress)
    progress.begin("lay out", None)
    grid = place_on_grid(project(vectors[rows], seed=seed))
    progress.begin("draw", None)
    shown = f"{len(rows):,} of {len(vectors):,} pictures, {classes_text(labels)}"
    about = f"{index.resolve().name} · {shown} · {layout_text(vectors.shape[1], len(rows))}"
    save(map_figure(squares, grid, labels, "Map of the index", about), out)
    if page is not None:
        with output_file(page) as stream:
            stream.write(map_page(squares, grid, records, about).encode())
    return MapReport(len(vectors), len(rows), gone)


def _thumbnails(records: Sequence[PictureRecord], progress: Progress) -> tuple[NDArray[np.uint8], tuple[str, ...]]:
    progress.begin("read pictures", len(records))
    squares = np.full((len(records), _SIDE, _SIDE, 3), _GONE, dtype=np.uint8)
    gone = []
    for place, record in enumerate(records):
        try:
            squares[place] = np.asarray(thumbnail(record.path, _SIDE, ground="white"))
        except PictureError as error:
            gone.append(str(error))
        progress.advance(1)
    return squares, tuple(gone)
