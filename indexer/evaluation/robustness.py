"""Measure how well an encoder finds altered pictures, by kind and strength of the alteration."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from indexer.alterations import ALTERATIONS, COPIES
from indexer.evaluation.config import EvaluateConfig
from indexer.metrics.retrieval import label_codes
from indexer.pipeline.progress import Silent
from search.config import BuildConfig
from search.errors import PictureError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray
    from PIL.Image import Image

    from indexer.alterations import Alteration
    from indexer.pipeline.progress import Progress
    from search.encoders.base import Encoder
    from search.types import Floats, Mask

_BATCH = 64
_TIE = 1e-6
"""Two copies of one file in the collection have equal distances except for rounding: either one counts as the original.
"""


@dataclass(frozen=True, slots=True)
class RobustnessRow:
    """One alteration at one strength; shares in [0, 1]."""

    kind: str
    strength: str
    recall_at_1: float | None
    """R@1 by label, with the altered picture as the query and its original left out; None if no query shares its label.
    """
    copies_found: float
    """Share of the altered copies whose original comes first of all pictures."""


@dataclass(frozen=True, slots=True)
class Robustness:
    """One row per alteration, and the figure of the unaltered pictures for comparison."""

    queries: int
    """Number of pictures that were altered."""
    recall_at_1: float | None
    """R@1 of the same queries unaltered."""
    rows: tuple[RobustnessRow, ...]
    skipped: tuple[PictureError, ...] = ()
    """Pictures that could not be read again."""

    @property
    def copies_found(self) -> float | None:
        """Mean over the everyday copies (`alterations.COPIES`) among the rows; None without any."""
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
    """Alter pictures of a collection and search for them.

    Args:
        encoder: the encoder that made `vectors`.
        load: returns the picture of a row, RGB, at the size at which it is altered. A picture for which it raises
            `PictureError` is not used as a query.
        vectors: `(N, D)` unit rows of the unaltered collection: the gallery.
        labels: `(N,)`, None for a picture without a label.
        alterations: the alterations of the queries.
        queries: the largest number of pictures to alter, evenly spread over the rows.
        progress: callback for progress updates.
    """
    progress = progress or Silent()
    codes, counts = label_codes(labels)
    chosen = np.unique(np.linspace(0, len(vectors) - 1, min(queries, len(vectors))).astype(np.int64))
    answers = _Answers.empty(len(alterations), len(chosen))
    skipped: list[PictureError] = []
    progress.begin("alter", len(chosen))
    with ThreadPoolExecutor(BuildConfig.workers, thread_name_prefix="alter") as pool:
        for start in range(0, len(chosen), _BATCH):
            rows = chosen[start : start + _BATCH]
            images, read = _load(rows, load, skipped)
            if images:
                rows, places = rows[read], start + read
                answers.put(None, places, _search(vectors[rows], vectors, rows, codes))
                for number, alteration in enumerate(alterations):
                    prepared = enumerate(pool.map(partial(_prepared, encoder, alteration), images))
                    shown = {place: each for place, each in prepared if each is not None}
                    if shown:  # the others count as not found
                        copies, among = encoder.encode_prepared(np.stack(list(shown.values()))), list(shown)
                        answers.put(number, places[among], _search(copies, vectors, rows[among], codes))
            progress.advance(min(_BATCH, len(chosen) - start))
    labelled = answers.read & (codes[chosen] >= 0) & (counts[codes[chosen]] > 1)
    return _summary(answers, labelled, alterations, tuple(skipped))


@dataclass(frozen=True, slots=True)
class _Answers:
    """Results for A alterations of Q pictures; the first row of `right` is for the unaltered pictures."""

    read: NDArray[np.bool_]
    """`(Q,)` whether the picture could be read."""
    first: NDArray[np.bool_]
    """`(A, Q)` whether the original came first."""
    right: NDArray[np.bool_]
    """`(A + 1, Q)` whether the nearest other picture had the original's label."""

    @classmethod
    def empty(cls, alterations: int, queries: int) -> _Answers:
        shapes = ((queries,), (alterations, queries), (alterations + 1, queries))
        return cls(*(np.zeros(shape, dtype=np.bool_) for shape in shapes))

    def put(self, alteration: int | None, places: NDArray[np.int64], answer: tuple[Mask, Mask]) -> None:
        """Store the results of some pictures under an alteration, or None for the unaltered pictures."""
        first, right = answer
        self.read[places] = True
        if alteration is None:
            self.right[0, places] = right
        else:
            self.first[alteration, places], self.right[alteration + 1, places] = first, right


def _summary(
    answers: _Answers, labelled: Mask, alterations: Sequence[Alteration], skipped: tuple[PictureError, ...]
) -> Robustness:
    queries = int(answers.read.sum())
    plain, *altered = (float(right[labelled].mean()) if labelled.any() else None for right in answers.right)
    shares = answers.first[:, answers.read].mean(axis=1) if queries else np.zeros(len(alterations))
    rows = (
        RobustnessRow(each.kind, each.strength, recall, float(share))
        for each, recall, share in zip(alterations, altered, shares, strict=True)
    )
    return Robustness(queries, plain, tuple(rows) if queries else (), skipped)


def _prepared(encoder: Encoder, alteration: Alteration, image: Image) -> NDArray[Any] | None:
    """An altered picture as the encoder expects it; None if it no longer shows what the encoder embeds."""
    try:
        return encoder.prepare(alteration.alter(image))
    except PictureError:
        return None


def _load(
    rows: NDArray[np.int64], load: Callable[[int], Image], skipped: list[PictureError]
) -> tuple[list[Image], NDArray[np.int64]]:
    """The readable pictures, and their positions in `rows`."""
    images, read = [], []
    for place, row in enumerate(rows.tolist()):
        try:
            images.append(load(row))
            read.append(place)
        except PictureError as error:
            skipped.append(error)
    return images, np.array(read, dtype=np.int64)


def _search(copies: Floats, vectors: Floats, rows: NDArray[np.int64], codes: NDArray[np.int64]) -> tuple[Mask, Mask]:
    """`(Q,)` whether the original comes first, and whether the nearest other picture has its label."""
    similarity = copies @ vectors.T
    places = np.arange(len(rows))
    first = similarity[places, rows] >= similarity.max(axis=1) - _TIE
    similarity[places, rows] = -np.inf
    return first, codes[similarity.argmax(axis=1)] == codes[rows]
