"""How sure the page is of a hit, in words: from the calibration of the index, or the cut-points of its encoder."""

from __future__ import annotations

from typing import TYPE_CHECKING

from search.query.hits import WEAK
from search.query.nearest_values import NOTHING_SAME

if TYPE_CHECKING:
    from collections.abc import Sequence

    from search import Calibration, Hit

WORDS = (
    (0.95, "almost certainly the same"),
    (0.75, "probably the same"),
    (0.5, "perhaps the same"),
    (0.25, "perhaps different"),
    (0.05, "probably different"),
    (0.0, "almost certainly different"),
)
"""Least probability -> words."""
LEAST_BY_CHANCE = 0.1
"""Expected number of wrong pictures within the threshold from which on the page states it."""


def words_for(probability: float) -> str:
    """What a probability of showing the same thing means."""
    return next(words for least, words in WORDS if probability >= least)


def verdict(hits: Sequence[Hit], calibration: Calibration | None, *, weak: bool) -> str | None:
    """What the hits say together, above them; None if there is nothing to say.

    Without a calibration, only that even the nearest hit is weak. Hits without a probability say nothing: the query was
    no single picture.
    """
    if weak:
        return WEAK
    if calibration is None or not hits or hits[0].probability is None:
        return None
    same = sum(hit.distance <= calibration.threshold for hit in hits)
    if not same:
        chance = hits[0].probability
        return (
            f"{NOTHING_SAME[0].upper()}{NOTHING_SAME[1:]}: even the nearest picture is at distance"
            f" {hits[0].distance:.4f}, beyond the threshold {calibration.threshold:.4f}, with probability {chance:.3f}"
        )
    if len(hits) == 1:
        return "The hit is within the threshold of this index: it counts as the same thing."
    return f"{same} of {len(hits)} hits are within the threshold of this index: they count as the same thing."


def by_chance(calibration: Calibration | None, hits: Sequence[Hit], searched: int) -> str | None:
    """How many of the pictures that were searched are expected within the threshold without showing the same thing.

    A rate that is small for a pair is large for a search, which compares the query with every picture. None if a hit
    within the threshold is right nearly for sure, or there is none.
    """
    if calibration is None or not hits or hits[0].probability is None or hits[0].distance > calibration.threshold:
        return None
    expected = calibration.far.value * searched
    if expected < LEAST_BY_CHANCE:
        return None
    return (
        f"The threshold accepts {calibration.far.value:.2%} of pairs of different things, which is about "
        f"{expected:,.1f} of {searched:,} pictures in every search."
        f" Probabilities assume that {calibration.answer_prior:.3g} of all pairs show the same thing."
    )
