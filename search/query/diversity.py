"""Choose hits that are near the query and unlike one another: maximal marginal relevance.

The nearest candidate is chosen first. Then, again and again, the one with the largest

    (1 - diversity) * cosine(query, candidate) - diversity * largest cosine(candidate, a chosen hit)

Source: Carbonell and Goldstein, "The use of MMR, diversity-based reranking for reordering documents and producing
summaries", SIGIR 1998, whose lambda is 1 - diversity, with the cosine for both similarities.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from search.distance import distances

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from search.types import Floats

_PER_HIT = 10
_MOST = 1_000


def pool_size(k: int) -> int:
    """Number of nearest candidates that k hits are chosen from: ten for each hit, at most 1,000, and at least k."""
    return max(k, min(_PER_HIT * k, _MOST))


def diverse(vectors: Floats, apart: Floats, k: int, diversity: float) -> list[int]:
    """Choose k candidates; there are fewer if there are fewer candidates.

    Args:
        vectors: `(N, D)` unit rows, in the order in which ties are decided.
        apart: `(N,)` distances to the query.
        k: number to choose.
        diversity: from 0, the nearest, to 1, for which only the first depends on the query.

    Returns:
        Positions of the chosen rows, in the order in which they were chosen.
    """
    if not len(vectors):
        return []
    near = (1.0 - diversity) * _cosines(apart)
    likeness = np.full(len(vectors), -np.inf)
    chosen = [int(np.argmin(apart))]
    left = np.ones(len(vectors), dtype=np.bool_)
    while len(chosen) < min(k, len(vectors)):
        left[chosen[-1]] = False
        likeness = np.maximum(likeness, _cosines(distances(vectors, vectors[chosen[-1]])))
        chosen.append(int(np.argmax(np.where(left, near - diversity * likeness, -np.inf))))
    return chosen


def _cosines(apart: Floats) -> NDArray[np.float64]:
    """From d^2 = 2 - 2 cos; `search.distance` gives equal rows equal values, and a matrix product need not."""
    cosines: NDArray[np.float64] = 1.0 - apart.astype(np.float64) ** 2 / 2.0
    return cosines
