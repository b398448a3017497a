"""Pairs that cannot support what is asked of them are refused, with the reason and the remedy."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from indexer.calibration.rules import MaxFar
from search.errors import DataError
from search.recognition.calibration import lowest_rate, pairs_for

if TYPE_CHECKING:
    from indexer.calibration.pairs import MeasuredPairs
    from indexer.calibration.rules import Rule

FEWEST_SUBJECTS = 5
FEWEST_PAIRS = 10
"""Of either kind."""
FEW_SUBJECTS = 20
"""Below this an interval is told to be a rough one."""


def check_pairs(pairs: MeasuredPairs, rule: Rule, data: str) -> None:
    """Refuse pairs that say too little.

    Raises:
        DataError: no same or no different pairs, one subject, too few subjects, too few pairs of either kind, or too
            few different pairs for the rate that `rule` asks for.
    """
    same = int(np.count_nonzero(pairs.same))
    different = len(pairs.same) - same
    if pairs.subjects == 1:
        raise DataError(
            f"{data}: all pictures are of one subject, so nothing can be mistaken for anything. Add pictures of "
            f"{FEWEST_SUBJECTS - 1} others or more"
        )
    if same == 0:
        raise DataError(
            f"{data}: no same pairs: no two pictures show the same thing. Give every subject two pictures or more"
        )
    if different == 0:
        raise DataError(f"{data}: no different pairs. Add pairs of pictures that show different things")
    if pairs.subjects < FEWEST_SUBJECTS:
        raise DataError(
            f"{data}: {pairs.subjects} subjects are too few to tell how a threshold does on others. Add pictures of "
            f"{FEWEST_SUBJECTS} or more (with {FEW_SUBJECTS} or more the intervals become useful)"
        )
    for count, kind in ((same, "same"), (different, "different")):
        if count < FEWEST_PAIRS:
            raise DataError(f"{data}: {count} {kind} pairs are too few to measure a rate on: {FEWEST_PAIRS} at least")
    if isinstance(rule, MaxFar) and rule.rate < (lowest := lowest_rate(different)):
        raise DataError(
            f"{data}: {different} different pairs cannot support a false-accept rate of {rule.rate:g}: even without "
            f"one false accept among them it may be {lowest:g} (the rule of three). Give {pairs_for(rule.rate)} "
            f"different pairs or more, or ask for {lowest:g} or more"
        )
