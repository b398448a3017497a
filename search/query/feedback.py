"""Relevance feedback: pictures of the index that a user liked or disliked move the query towards or away from them.

Rated pictures are left out of the hits, so that each answer shows pictures that the user has not rated yet.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from search.config import QueryConfig
from search.counts import picture_number
from search.errors import QueryError
from search.query.blend import blend

if TYPE_CHECKING:
    from collections.abc import Iterable

    from search.types import Floats


def moved(
    query: Floats,
    liked: Floats,
    disliked: Floats,
    *,
    liked_weight: float = QueryConfig.liked_weight,
    disliked_weight: float = QueryConfig.disliked_weight,
) -> Floats:
    """Move a query by the embeddings of liked and disliked pictures.

    Args:
        query: `(D,)`, a unit vector.
        liked: `(L, D)` unit rows; L may be 0.
        disliked: `(M, D)` unit rows; M may be 0.
        liked_weight: of the mean of the liked pictures, relative to 1 for the query.
        disliked_weight: the same for the disliked pictures.

    Returns:
        `(D,) float32`: the query, plus `liked_weight` times the mean of the liked pictures, minus `disliked_weight`
        times the mean of the disliked ones, made unit again. Source: Rocchio, "Relevance feedback in information
        retrieval", 1971. The default weights are those of Salton and Buckley, "Improving retrieval performance by
        relevance feedback", JASIS 41(4), 1990; `benchmarks.feedback` compares them with others.

    Raises:
        QueryError: they cancel out.
    """
    shares = np.full(len(liked), liked_weight / max(1, len(liked)))
    weights = [1.0, *shares.tolist()]
    # `blend` divides by the sum of the weights, and so must the weight of the disliked pictures be.
    push = disliked_weight / sum(weights)
    return blend(np.concatenate([query[None], liked]), disliked, weights, unwanted_weight=push)


def rated(liked: Iterable[object], disliked: Iterable[object]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Check the ids of liked and of disliked pictures; an id given twice counts once.

    Raises:
        QueryError: they are not ids, or one is liked and disliked.
    """
    likes, dislikes = _ids("liked", liked), _ids("disliked", disliked)
    if both := [each for each in likes if each in dislikes]:
        raise QueryError(f"picture {both[0]} is liked and disliked: leave out one of the two")
    return likes, dislikes


def _ids(name: str, given: Iterable[object]) -> tuple[int, ...]:
    try:
        return tuple(dict.fromkeys(map(picture_number, given)))
    except TypeError:
        raise QueryError(f"{name} takes a list of ids of pictures, such as [12, 40], not {given!r:.60}") from None
