"""Choose cut-points, and count how often hits are right within them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from sklearn.isotonic import isotonic_regression

from indexer.metrics.bootstrap import Figure, class_draws, percentiles
from search.distance import pair_distances

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from search.types import Floats

VERY_SIMILAR, SIMILAR = 0.9, 0.5
"""Share of first hits that are right at the cut-point itself. It is higher at all smaller distances, so that at least
nine of ten *very similar* first hits are right; *similar* ones are more often right than wrong, and *weak* ones wrong.
"""
COPIES_WITHIN, OTHERS_WITHIN = 0.85, 0.001
"""A near copy is as near as this share of altered copies, but at most one picture of 1,000 has another that near. For
the built-in encoder, this gives the default threshold of duplicates, 0.35, which was chosen by hand before."""
_STEP, _LAST_STEP = 0.05, 40
RANKS = 5


@dataclass(frozen=True, slots=True)
class Neighbours:
    """The nearest pictures of each query, a picture of a collection that shares its label with another."""

    distances: Floats
    """`(Q, RANKS)`, nearest first; fewer columns in a smaller collection."""
    right: NDArray[np.bool_]
    """`(Q, RANKS)` whether the labels are equal."""
    classes: NDArray[np.int64]
    """`(Q,)` the label of each query."""
    strange: Floats
    """`(Q,)` distance of the nearest picture with another label: the first hit if the collection lacked the query's."""

    def take(self, chosen: NDArray[np.bool_]) -> Neighbours:
        """Select queries."""
        return Neighbours(self.distances[chosen], self.right[chosen], self.classes[chosen], self.strange[chosen])

    def half(self, odd: int) -> Neighbours:
        """The queries of every second label: 0 to choose by, 1 to report."""
        return self.take(self.classes % 2 == odd)


@dataclass(frozen=True, slots=True)
class Share:
    """What a word is worth. Every collection has the same weight."""

    queries: float
    """Share of queries whose first hit has the word."""
    right: Figure | None
    """Share of these first hits that are right; None without any."""
    later: float | None
    """The same for the hits 2 to `RANKS` that have the word."""
    strange: float
    """Share of queries whose first hit has the word if nothing in the collection has the query's label."""


def neighbours(vectors: Floats, classes: NDArray[np.int64]) -> Neighbours:
    """Measure a labelled collection, unit rows `(N, D)` and labels `(N,)` with at least two labels."""
    own = np.arange(len(vectors))
    similarity = vectors @ vectors.T
    np.fill_diagonal(similarity, -np.inf)
    ranks = min(RANKS, len(vectors) - 1)
    near = np.argpartition(-similarity, ranks - 1, axis=1)[:, :ranks]
    near = np.take_along_axis(near, np.argsort(-np.take_along_axis(similarity, near, axis=1), axis=1), axis=1)
    distances = pair_distances(vectors, vectors, np.repeat(own, ranks), near.ravel()).reshape(near.shape)
    similarity[classes[:, None] == classes] = -np.inf
    strange = pair_distances(vectors, vectors, own, similarity.argmax(axis=1))
    measured = Neighbours(distances, classes[near] == classes[:, None], classes, strange)
    return measured.take(np.bincount(classes)[classes] > 1)


def copy_cut_point(copies: Sequence[NDArray[np.float64]], others: Sequence[NDArray[np.float64]]) -> float:
    """The least multiple of 0.05 within which `COPIES_WITHIN` of the altered copies lie; less if others are so near.

    Args:
        copies: for each collection, the distances of altered copies to their originals.
        others: for each collection, the distance of each picture to the nearest different one.
    """

    def within(distances: Sequence[NDArray[np.float64]], step: int) -> list[float]:
        return [float((of <= step * _STEP).mean()) for of in distances]

    steps = range(_LAST_STEP + 1)
    enough = next(step for step in steps if np.mean(within(copies, step)) >= COPIES_WITHIN)
    safe = max(step for step in steps if step == 0 or max(within(others, step)) <= OTHERS_WITHIN)
    return round(min(enough, safe) * _STEP, 2)


def similar_cut_points(sets: Sequence[Neighbours], near_copy: float) -> tuple[float, float]:
    """The greatest distances at which the share of right first hits is at least `VERY_SIMILAR` and `SIMILAR`.

    The share is fitted as a function of the distance that never rises, every collection with the same weight. The
    results are rounded down to 0.01, and not below `near_copy`.
    """
    distances = np.concatenate([each.distances[:, 0] for each in sets]).astype(np.float64)
    knots, number = np.unique(distances, return_inverse=True)
    weights = _weights(sets)
    mass = np.bincount(number, weights)
    right = np.bincount(number, weights * np.concatenate([each.right[:, 0] for each in sets])) / mass
    fitted = isotonic_regression(right, sample_weight=mass, increasing=False)

    def farthest(level: float) -> float:
        enough = knots[fitted >= level]
        return max(near_copy, float(np.floor(enough[-1] * 100) / 100) if len(enough) else 0.0)

    return farthest(VERY_SIMILAR), farthest(SIMILAR)


def shares(sets: Sequence[Neighbours], edges: Sequence[float]) -> list[Share]:
    """What each word is worth: within the first edge, the second, the third, and beyond."""
    weights, classes = _weights(sets), _numbered(sets)
    distances, right = (np.concatenate([getattr(each, name)[:, 0] for each in sets]) for name in ("distances", "right"))
    words, strange = _words(distances, edges), _words(np.concatenate([each.strange for each in sets]), edges)
    later_weights = np.concatenate(
        [np.full(each.right[:, 1:].size, 1 / max(1, each.right[:, 1:].size)) for each in sets]
    )
    later_words = _words(np.concatenate([each.distances[:, 1:].ravel() for each in sets]), edges)
    later_right = np.concatenate([each.right[:, 1:].ravel() for each in sets])
    found = []
    for word in range(len(edges) + 1):
        later = later_weights * (later_words == word)
        found.append(
            Share(
                float(weights @ (words == word) / len(sets)),
                ratio(right, weights * (words == word), classes),
                float(later @ later_right / later.sum()) if later.any() else None,
                float(weights @ (strange == word) / len(sets)),
            )
        )
    return found


def ratio(right: NDArray[np.bool_], weights: NDArray[np.float64], classes: NDArray[np.int64]) -> Figure | None:
    """Weighted share of right hits `(Q,)`, with an interval by bootstrap over classes; None without any weight."""
    total, of_right = np.bincount(classes, weights), np.bincount(classes, weights * right)
    if not total.any():
        return None
    value, many = float(of_right.sum() / total.sum()), np.count_nonzero(total)
    drawn = [float(times @ of_right / (times @ total)) for times in class_draws(len(total)) if times @ total > 0]
    return Figure(value, *percentiles(drawn)) if many > 1 else Figure(value)


def by_set(sets: Mapping[str, Neighbours], edges: Sequence[float]) -> dict[str, list[tuple[int, float | None]]]:
    """For each collection and word, the number of first hits that have it, and the share of them that are right."""
    table = {}
    for title, of in sets.items():
        words, right = _words(of.distances[:, 0], edges), of.right[:, 0]
        table[title] = [
            (int((words == word).sum()), float(right[words == word].mean()) if (words == word).any() else None)
            for word in range(len(edges) + 1)
        ]
    return table


def _words(distances: Floats, edges: Sequence[float]) -> NDArray[np.int64]:
    """Number of the word for each distance, by the rule of `search.recognition.cut_points`."""
    return np.searchsorted(np.asarray(edges), distances.astype(np.float64)).astype(np.int64)


def _weights(sets: Sequence[Neighbours]) -> NDArray[np.float64]:
    return np.concatenate([np.full(len(each.classes), 1 / max(1, len(each.classes))) for each in sets])


def _numbered(sets: Sequence[Neighbours]) -> NDArray[np.int64]:
    """Labels numbered through all collections."""
    pairs = np.concatenate(
        [np.stack([np.full(len(each.classes), place), each.classes], axis=1) for place, each in enumerate(sets)]
    )
    number: NDArray[np.int64] = np.unique(pairs, axis=0, return_inverse=True)[1].ravel()
    return number
