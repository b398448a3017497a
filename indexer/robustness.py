"""How well an encoder finds altered pictures, by kind of alteration and strength."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from indexer.alterations import ALTERATIONS
from indexer.evaluate_config import EvaluateConfig
from indexer.metrics import label_codes
from indexer.progress import Silent
from search.errors import PictureError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray
    from PIL.Image import Image

    from indexer.alterations import Alteration
    from indexer.progress import Progress
    from search.encoders.base import Encoder
    from search.types import Floats

_BATCH = 64
_TIE = 1e-6
"""Two copies of one file in the collection are equally near but for rounding: either one is the original."""


@dataclass(frozen=True, slots=True)
class RobustnessRow:
    """One alteration at one strength; shares in [0, 1]."""

    kind: str
    strength: str
    recall_at_1: float | None
    """By label, the altered picture asking all others but its original; None: no query shares its label."""
    copies_found: float
    """Share of the altered copies whose original comes first of all pictures."""


@dataclass(frozen=True, slots=True)
class Robustness:
    """The table, and what it is to be compared with."""

    queries: int
    """Pictures that were altered."""
    recall_at_1: float | None
    """Of the same queries unaltered."""
    rows: tuple[RobustnessRow, ...]
    skipped: tuple[PictureError, ...] = ()
    """Pictures that could not be read again."""

    @property
    def copies_found(self) -> float:
        """Mean over the alterations."""
        return float(np.mean([row.copies_found for row in self.rows]))

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return {
            "queries": self.queries,
            "recall_at_1": self.recall_at_1,
            "copies_found": self.copies_found,
            "rows": [asdict(row) for row in self.rows],
        }


def measure_robustness(
    encoder: Encoder,
    load: Callable[[int], Image],
    vectors: Floats,
    labels: Sequence[str | None],
    *,
    alterations: Sequence[Alteration] = ALTERATIONS,
    queries: int = EvaluateConfig.queries,
    progress: Progress | None = None,
) -> Robustness:
    """Alter pictures of a collection and ask for them.

    Args:
        encoder: what made `vectors`.
        load: gives the picture of a row, RGB, at the size at which it is altered; may raise `PictureError`, and the
            picture is left out of the queries.
        vectors: `(N, D)` unit rows of the whole collection, unaltered: the gallery.
        labels: `(N,)`, None for a picture without one.
        alterations: what to do to the queries.
        queries: at most so many pictures are altered, evenly spread over the rows.
        progress: is told of every picture.
    """
    progress = progress or Silent()
    codes, counts = label_codes(labels)
    chosen = np.unique(np.linspace(0, len(vectors) - 1, min(queries, len(vectors))).astype(np.int64))
    progress.begin("alter", len(chosen))
    rows: list[NDArray[np.int64]] = []
    skipped: list[PictureError] = []
    firsts: list[list[NDArray[np.bool_]]] = [[] for _ in alterations]
    rights: list[list[NDArray[np.bool_]]] = [[] for _ in (None, *alterations)]
    for start in range(0, len(chosen), _BATCH):
        batch = chosen[start : start + _BATCH]
        images = _load(batch, load, skipped)
        if images:
            asked = np.array(list(images), dtype=np.int64)
            rows.append(asked)
            rights[0].append(_answers(vectors[asked], vectors, asked, codes)[1])
            for place, each in enumerate(alterations):
                copies = encoder.encode([each.alter(image) for image in images.values()])
                first, right = _answers(copies, vectors, asked, codes)
                firsts[place].append(first)
                rights[place + 1].append(right)
        progress.advance(len(batch))
    if not rows:
        return Robustness(0, None, (), tuple(skipped))
    asked_codes = codes[np.concatenate(rows)]
    asking = (asked_codes >= 0) & (counts[asked_codes] > 1)
    plain, *altered = (float(np.concatenate(of)[asking].mean()) if asking.any() else None for of in rights)
    return Robustness(
        len(asking),
        plain,
        tuple(
            RobustnessRow(each.kind, each.strength, recall, float(np.concatenate(first).mean()))
            for each, recall, first in zip(alterations, altered, firsts, strict=True)
        ),
        tuple(skipped),
    )


def _load(rows: NDArray[np.int64], load: Callable[[int], Image], skipped: list[PictureError]) -> dict[int, Image]:
    images = {}
    for row in rows.tolist():
        try:
            images[row] = load(row)
        except PictureError as error:
            skipped.append(error)
    return images


def _answers(
    copies: Floats, vectors: Floats, rows: NDArray[np.int64], codes: NDArray[np.int64]
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """`(Q,)` whether the original comes first, and whether the nearest other picture has the original's label."""
    similarity = copies @ vectors.T
    places = np.arange(len(rows))
    first = similarity[places, rows] >= similarity.max(axis=1) - _TIE
    similarity[places, rows] = -np.inf
    return first, codes[similarity.argmax(axis=1)] == codes[rows]
