"""Rows that are copies of one another: a gap lies between them and all other rows, wider than chance makes one.

Let r_1 <= r_2 <= ... be the distances from a row to its neighbours. In data without copies, the number of rows within a
distance grows smoothly, as in a Poisson process of d dimensions. The volumes of the balls that reach to the neighbours
are then the arrival times of the process, and k d log(r_{k+1} / r_k) is exponential with mean 1 (Renyi, "On the theory
of order statistics", 1953; for d, see Levina and Bickel, "Maximum likelihood estimation of intrinsic dimension", 2004;
here d is that of the outer half of the neighbours). A group of copies ends where that is far too large.

A threshold on the distance was rejected: the distance between copies and that between other pictures both depend on the
collection, and in one with copies the second cannot be measured before the copies are known.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from search.store.segments import exact_search

if TYPE_CHECKING:
    from search.types import Floats, Rows

_RANKS = 64
"""Neighbours that are looked up. Larger groups are seen among every eighth row, then among every 64th, and so on."""
_THINNED = 8
_FEW = 6
"""Neighbours in a sample before which no gap is looked for: with fewer, the group was seen in a larger sample."""
_UNLIKELY = 10.0
"""A gap at least so large is no chance: e^-10 for one rank, and 63 are looked at."""
_WIDE = 1.2
"""Least ratio of the two distances: among many neighbours a tiny step of the density would be significant too."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What is around each of some rows `(R,)`."""

    within: Floats
    """Rows nearer than this are copies of the row; 0 where it has none."""
    nearest: Floats
    """Distance to the nearest row that is no copy."""


def surroundings(vectors: Floats, rows: Rows, most: int) -> Surroundings:
    """Look for gaps around rows of `(N, D) float32`, within about their `most` nearest neighbours."""
    ranks = min(_RANKS, len(vectors) - 1)
    if ranks < 2:
        return Surroundings(np.zeros(len(rows), dtype=np.float32), np.ones(len(rows), dtype=np.float32))
    distances = exact_search(vectors, vectors[rows], ranks + 1, None)[0][:, 1:]  # each row finds itself first
    inner, nearest = _gaps(distances, 1, most)
    within = (inner + nearest) / 2
    random, thinned = np.random.default_rng(1), _THINNED
    while most * _THINNED >= _RANKS * thinned and len(vectors) >= 2 * _RANKS * thinned:
        others = np.setdiff1d(random.choice(len(vectors), len(vectors) // thinned, replace=False), rows)
        distances = exact_search(vectors[others], vectors[rows], _RANKS, None)[0]
        inner, outer = _gaps(distances, _FEW, 2 * most // thinned)  # by chance, a sample has more of one group
        wider = (inner + outer) / 2 > within
        within, nearest = np.where(wider, (inner + outer) / 2, within), np.where(wider, outer, nearest)
        thinned *= _THINNED
    return Surroundings(within.astype(np.float32), nearest.astype(np.float32))


def _gaps(distances: Floats, least: int, most: int) -> tuple[Floats, Floats]:
    """The last gap of each row of ascending distances `(R, K)` behind `least` to `most` neighbours: its ends `(R,)`.

    Both are the first distance negated and itself where there is no gap, so that their middle is 0.
    """
    ranks = np.arange(1, distances.shape[1])
    half = distances[:, distances.shape[1] // 2 - 1]
    with np.errstate(divide="ignore", invalid="ignore"):
        dimension = np.log(distances.shape[1] / (distances.shape[1] // 2)) / np.log(distances[:, -1] / half)
        steps = np.log(distances[:, 1:] / distances[:, :-1])  # not a number between rows that are equal
        found = (
            (ranks * dimension[:, None] * steps > _UNLIKELY)
            & (steps > np.log(_WIDE))
            & (ranks >= least)
            & (ranks <= most)
        )
    last = found.shape[1] - 1 - np.argmax(found[:, ::-1], axis=1)
    each, any_found = np.arange(len(distances)), found.any(axis=1)
    first = distances[:, 0]
    return np.where(any_found, distances[each, last], -first), np.where(any_found, distances[each, last + 1], first)
