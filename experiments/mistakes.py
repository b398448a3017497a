"""Draw misclassified pictures, each with its true class and the prediction."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from experiments.scatter import save_small
from indexer.plots.style import INK, SMALL, head, new_page, write
from search.pictures.decode import load_picture

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from indexer.training.data import Split

MOST = 48
COLUMNS = 12
_SIDE, _WIDTH, _HEIGHT, _TOP, _LEFT = 84, 100, 122, 110, 40


def draw_mistakes(part: Split, answers: NDArray[np.int64], path: Path) -> Path:
    """Draw at most 48 of the pictures whose predicted class `answers (N,)` is wrong."""
    wrong = np.flatnonzero(answers != part.classes)
    shown = wrong[:: max(1, -(-len(wrong) // MOST))]
    rows = max(1, -(-len(shown) // COLUMNS))
    drawing, axes = new_page(_LEFT * 2 + COLUMNS * _WIDTH, _TOP + rows * _HEIGHT + 10)
    some = f", {len(shown)} of them" if len(shown) < len(wrong) else ""
    head(drawing, "Called wrong by the five nearest", f"{len(wrong)} of {len(answers):,} test pictures{some}")
    for place, row in enumerate(shown):
        left, top = _LEFT + place % COLUMNS * _WIDTH, _TOP + place // COLUMNS * _HEIGHT
        picture = np.asarray(load_picture(part.paths[row]))
        axes.imshow(picture, extent=(left, left + _SIDE, top + _SIDE, top), interpolation="nearest")
        text = f"{part.names[part.classes[row]]}, called {part.names[answers[row]]}"
        write(axes, left + _SIDE / 2, top + _SIDE + 6, text, size=SMALL, color=INK, ha="center", va="top")
    axes.set_xlim(0, _LEFT * 2 + COLUMNS * _WIDTH)
    axes.set_ylim(_TOP + rows * _HEIGHT + 10, 0)
    return save_small(drawing, path)
