"""One query from several pictures and texts: examples and counterexamples."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from search.config import QueryConfig
from search.errors import QueryError
from search.types import Text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from search.types import Example, Floats

_SHORTEST = 1e-3
"""Length of a blend of unit vectors below which its direction is noise."""


def blend(
    examples: Floats,
    counterexamples: Floats,
    weights: Sequence[float] | None = None,
    *,
    unwanted_weight: float = QueryConfig.unwanted_weight,
) -> Floats:
    """Blend embeddings into one query.

    Args:
        examples: `(P, D)` unit rows.
        counterexamples: `(N, D)` unit rows; N may be 0.
        weights: of the examples; equal by default.
        unwanted_weight: of the mean of the counterexamples, relative to 1 for that of the examples.

    Returns:
        `(D,) float32`, the weighted mean of the examples minus `unwanted_weight` times the mean of the
        counterexamples, made unit again. Source: Rocchio, Relevance feedback in information retrieval, 1971.

    Raises:
        QueryError: no example, invalid weights, or examples and counterexamples that cancel out.
    """
    if len(examples) == 0:
        raise QueryError("nothing to search from: name at least one picture or text")
    shares = np.ones(len(examples)) if weights is None else np.asarray(weights, dtype=np.float64)
    if shares.shape != (len(examples),) or not np.isfinite(shares).all() or (shares < 0).any() or shares.sum() == 0:
        raise QueryError(f"{len(examples)} pictures need as many weights, none below 0 and not all 0, not {weights}")
    mean = shares @ examples.astype(np.float64) / shares.sum()
    if len(counterexamples):
        mean = mean - unwanted_weight * counterexamples.astype(np.float64).mean(axis=0)
    length = float(np.linalg.norm(mean))
    if length < _SHORTEST:
        raise QueryError("these pictures cancel out. Leave one of them out")
    query: Floats = (mean / length).astype(np.float32)
    return query


def has_text(examples: Sequence[Example]) -> bool:
    """Whether one of them is a text, so that distances are not those between pictures."""
    return any(isinstance(each, Text) for each in examples)
