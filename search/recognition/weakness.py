"""Where a calibration is weak: what to say beside its answers, and which rule would choose a better threshold."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

FEW_SUBJECTS = 20
"""With fewer subjects, intervals are rough."""
MOST_REJECTED = 0.5
"""False reject rate above which a threshold misses more same pairs than it accepts."""
_MOST_OVERLAP = 0.2
"""Equal error rate above which no threshold separates same pairs from different ones."""
GOOD_ECE, _WEAK_ECE = 0.05, 0.1
"""Calibration errors above which probabilities need a caution, and above which they make a calibration weak."""
_RATES = (0.02, 0.05, 0.1, 0.2)
"""False accept rates that are proposed."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """A rule that rejects at most half of the same pairs, with its figures on the pairs of a calibration."""

    option: str
    """Of `twinlens calibrate`: `--eer`, `--max-far 0.05`."""
    threshold: float
    far: float
    frr: float

    def __str__(self) -> str:
        return f"{self.option} (FAR {self.far:.2g}, FRR {self.frr:.2g})"

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return asdict(self)


def is_weak(*, frr: float, eer: float, ece: float) -> bool:
    """Whether the stated rates of a calibration say that its answers cannot be relied upon."""
    return frr > MOST_REJECTED or eer > _MOST_OVERLAP or ece > _WEAK_ECE


def proposals(
    distances: Sequence[float], far: Sequence[float], frr: Sequence[float], least: float
) -> tuple[Proposal, ...]:
    """The lowest usual false accept rate that rejects at most half of the same pairs, and the equal error rate.

    Args:
        distances: thresholds, ascending.
        far: false accept rate at each.
        frr: false reject rate at each.
        least: lowest false accept rate that the pairs can support.
    """
    accepted, rejected = np.array(far), np.array(frr)
    knots = {
        f"--max-far {rate:g}": int(np.searchsorted(accepted, rate, "right")) - 1 for rate in _RATES if rate >= least
    }
    usable = [(option, knot) for option, knot in knots.items() if knot >= 0 and rejected[knot] <= MOST_REJECTED]
    crossing = int(np.argmin(np.abs(accepted - rejected)))
    if rejected[crossing] <= MOST_REJECTED:
        usable = [*usable[:1], ("--eer", crossing)]
    return tuple(Proposal(option, distances[knot], far[knot], frr[knot]) for option, knot in usable[:2])


def cautions(*, frr: float, eer: float, ece: float, subjects: int, better: Sequence[Proposal]) -> tuple[str, ...]:
    """What to know before relying on a calibration with these figures, each without a final stop; most urgent first."""
    found = []
    if frr > MOST_REJECTED:
        advice = f"; calibrate again with {' or '.join(map(str, better))}" if better else ""
        found.append(f"at its threshold {frr:.0%} of the same pairs are rejected{advice}")
    if eer > _MOST_OVERLAP:
        found.append(
            f"no threshold separates same pairs from different ones well: the equal error rate is {eer:.2g}; use an "
            "encoder that fits these pictures better"
        )
    if ece > GOOD_ECE:
        found.append(f"probabilities are off by {ece:.3f} on average")
    if subjects < FEW_SUBJECTS:
        found.append(f"{subjects} subjects give rough intervals: use {FEW_SUBJECTS} or more")
    return tuple(found)
