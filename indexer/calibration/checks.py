"""Check that the pairs are sufficient for a calibration."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from indexer.calibration.rules import MaxFar
from search.errors import DataError
from search.recognition.calibration import lowest_rate, pairs_for
from search.recognition.weakness import FEW_SUBJECTS

if TYPE_CHECKING:
    from indexer.calibration.pairs import MeasuredPairs
    from indexer.calibration.rules import Rule

FEWEST_SUBJECTS = 5
FEWEST_PAIRS = 10
"""Smallest number of same and of different pairs."""


def check_pairs(pairs: MeasuredPairs, rule: Rule, data: str) -> None:
    """Check that there are enough pairs and subjects.

    Raises:
        DataError: no same or no different pairs, one subject, too few subjects, too few pairs of either kind, or too
            few different pairs for the rate of `rule`.
    """
    same = int(np.count_nonzero(pairs.same))
    different = len(pairs.same) - same
    if pairs.subjects == 1:
        raise DataError(
            f"{data}: all pictures are of one subject, so there are no different pairs. Add pictures of at least "
            f"{FEWEST_SUBJECTS - 1} others"
        )
    if same == 0:
        raise DataError(
            f"{data}: no same pairs: no two pictures show the same thing. Use two or more pictures of every subject"
        )
    if different == 0:
        raise DataError(f"{data}: no different pairs. Add pairs of pictures that show different things")
    if pairs.subjects < FEWEST_SUBJECTS:
        raise DataError(
            f"{data}: {pairs.subjects} subjects are too few to estimate error rates on new subjects. Use "
            f"{FEWEST_SUBJECTS} or more ({FEW_SUBJECTS} or more for useful intervals)"
        )
    for count, kind in ((same, "same"), (different, "different")):
        if count < FEWEST_PAIRS:
            raise DataError(f"{data}: {count} {kind} pairs are too few to measure a rate: use at least {FEWEST_PAIRS}")
    if isinstance(rule, MaxFar) and rule.rate < (lowest := lowest_rate(different)):
        raise DataError(
            f"{data}: {different} different pairs cannot support a false-accept rate of {rule.rate:g}: even without "
            f"any false accept among them the rate can be {lowest:g} (the rule of three). Use at least "
            f"{pairs_for(rule.rate)} different pairs, or a rate of {lowest:g} or more"
        )
