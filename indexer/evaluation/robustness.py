"""How well an encoder finds altered pictures, by kind of alteration and strength."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from indexer.evaluation.alterations import ALTERATIONS, COPIES
from indexer.evaluation.config import EvaluateConfig
from indexer.metrics.retrieval import label_codes
from indexer.pipeline.progress import Silent
from search.config import BuildConfig
from search.errors import PictureError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray
    from PIL.Image import Image

    from indexer.evaluation.alterations import Alteration
    from indexer.pipeline.progress import Progress
    from search.encoders.base import Encoder
    from search.types import Floats, Mask

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
    def copies_found(self) -> float | None:
        """Mean over the everyday copies (`alterations.COPIES`) among the rows; None where there are none."""
        everyday = {(each.kind, each.strength) for each in COPIES}
        shares = [row.copies_found for row in self.rows if (row.kind, row.strength) in everyday]
        return float(np.mean(shares)) if shares else None

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
    answered = _Answers.none(len(alterations), len(chosen))
    skipped: list[PictureError] = []
    progress.begin("alter", len(chosen))
    with ThreadPoolExecutor(BuildConfig.workers, thread_name_prefix="alter") as pool:
        for start in range(0, len(chosen), _BATCH):
            rows = chosen[start : start + _BATCH]
            images, read = _load(rows, load, skipped)
            if images:
                rows, places = rows[read], start + read
                answered.put(None, places, _ask(vectors[rows], vectors, rows, codes))
                for number, alteration in enumerate(alterations):
                    prepared = pool.map(lambda image, alter=alteration.alter: encoder.prepare(alter(image)), images)
                    copies = encoder.encode_prepared(np.stack(list(prepared)))
                    answered.put(number, places, _ask(copies, vectors, rows, codes))
            progress.advance(min(_BATCH, len(chosen) - start))
    labelled = answered.read & (codes[chosen] >= 0) & (counts[codes[chosen]] > 1)
    return _summary(answered, labelled, alterations, tuple(skipped))


@dataclass(frozen=True, slots=True)
class _Answers:
    """For A alterations of Q pictures, the first row of `right` being that of the pictures as they are."""

    read: NDArray[np.bool_]
    """`(Q,)` whether the picture could be read."""
    first: NDArray[np.bool_]
    """`(A, Q)` whether the original came first."""
    right: NDArray[np.bool_]
    """`(A + 1, Q)` whether the nearest other picture had the original's label."""

    @classmethod
    def none(cls, alterations: int, queries: int) -> _Answers:
        """Nothing asked yet."""
        shapes = ((queries,), (alterations, queries), (alterations + 1, queries))
        return cls(*(np.zeros(shape, dtype=np.bool_) for shape in shapes))

    def put(self, alteration: int | None, places: NDArray[np.int64], answer: tuple[Mask, Mask]) -> None:
        """Keep what some pictures got; None: unaltered."""
        first, right = answer
        self.read[places] = True
        if alteration is None:
            self.right[0, places] = right
        else:
            self.first[alteration, places], self.right[alteration + 1, places] = first, right


def _summary(
    answered: _Answers, labelled: Mask, alterations: Sequence[Alteration], skipped: tuple[PictureError, ...]
) -> Robustness:
    queries = int(answered.read.sum())
    plain, *altered = (float(right[labelled].mean()) if labelled.any() else None for right in answered.right)
    found = answered.first[:, answered.read].mean(axis=1) if queries else np.zeros(len(alterations))
    rows = (
        RobustnessRow(each.kind, each.strength, recall, float(share))
        for each, recall, share in zip(alterations, altered, found, strict=True)
    )
    return Robustness(queries, plain, tuple(rows) if queries else (), skipped)


def _load(
    rows: NDArray[np.int64], load: Callable[[int], Image], skipped: list[PictureError]
) -> tuple[list[Image], NDArray[np.int64]]:
    """The pictures that can be read, and their places in `rows`."""
    images, read = [], []
    for place, row in enumerate(rows.tolist()):
        try:
            images.append(load(row))
            read.append(place)
        except PictureError as error:
            skipped.append(error)
    return images, np.array(read, dtype=np.int64)


def _ask(copies: Floats, vectors: Floats, rows: NDArray[np.int64], codes: NDArray[np.int64]) -> tuple[Mask, Mask]:
    """`(Q,)` whether the original comes first, and whether the nearest other picture has the original's label."""
    similarity = copies @ vectors.T
    places = np.arange(len(rows))
    first = similarity[places, rows] >= similarity.max(axis=1) - _TIE
    similarity[places, rows] = -np.inf
    return first, codes[similarity.argmax(axis=1)] == codes[rows]
