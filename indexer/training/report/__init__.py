"""Draw the report of a training run into `report/`, one file per figure. matplotlib is imported when one is drawn."""

from __future__ import annotations

from typing import TYPE_CHECKING

from search.files.writing import is_regular, require_own_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    import numpy as np
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    from indexer.training.history import HistoryRow
    from search.types import Floats

__all__ = ["REPORT_FOLDER", "write_report"]

REPORT_FOLDER = "report"


def write_report(
    out: Path,
    *,
    history: Sequence[HistoryRow],
    squares: NDArray[np.uint8],
    vectors: Floats,
    labels: Sequence[str],
    title: str,
    seed: int = 0,
) -> list[Path]:
    """Draw `curves.png`, `distances.png`, `map.png` and `gallery.png` into `out/report/`; return the paths written.

    A figure without data is left out, and its file from an earlier report is deleted: curves need a history, distances
    both same and different pairs, the map one picture, the gallery two. The same arguments give the same bytes.

    Args:
        out: the folder of the run.
        history: its rows, in order.
        squares: the validation pictures, `(N, S, S, 3) uint8`.
        vectors: their embeddings, `(N, D) float32`, unit rows.
        labels: the class of each picture.
        title: description of the run, drawn under the heading of every figure.
        seed: seed of random choices.

    Raises:
        ValueError: different numbers of pictures, vectors and labels.
    """
    from indexer.plots.map_figure import draw_map
    from indexer.plots.style import save
    from indexer.training.report.curves import draw_curves
    from indexer.training.report.distances import draw_distances
    from indexer.training.report.gallery import draw_gallery

    if not len(squares) == len(vectors) == len(labels):
        raise ValueError(f"{len(squares)} pictures, {len(vectors)} vectors and {len(labels)} labels do not match")
    folder = out / REPORT_FOLDER
    require_own_folder(folder)
    folder.mkdir(parents=True, exist_ok=True)
    drawings: dict[str, Callable[[], Figure | None]] = {
        "curves.png": lambda: draw_curves(history, title),
        "distances.png": lambda: draw_distances(vectors, labels, title, seed),
        "map.png": lambda: draw_map(squares, vectors, labels, title, seed),
        "gallery.png": lambda: draw_gallery(squares, vectors, labels, title, seed),
    }
    written = []
    for name, draw in drawings.items():
        figure = draw()
        if figure is None:
            if is_regular(folder / name):
                (folder / name).unlink()
        else:
            written.append(save(figure, folder / name))
    return written
