"""How far a run is, and what follows from it."""

from __future__ import annotations

import math
from collections.abc import Sequence


def progress_of(step: int, steps: int, seconds: float, max_minutes: float | None) -> float:
    """Share of the run that is over, in [0, 1]: by steps, or by the clock where that is nearer the end."""
    share = step / max(1, steps)
    if max_minutes is not None:
        share = max(share, seconds / (60.0 * max_minutes)) if max_minutes > 0 else 1.0
    return min(1.0, share)


def size_at(progress: float, sizes: Sequence[tuple[float, int]], otherwise: int) -> int:
    """Side of the views at this share of the run, from (share, side) pairs in rising order."""
    size = otherwise
    for share, side in sizes:
        if progress >= share:
            size = side
    return size


def learning_rate(progress: float, highest: float, rise_share: float) -> float:
    """A linear rise, then half a cosine down to zero.

    Source: Loshchilov and Hutter, "SGDR", ICLR 2017 (one period); Goyal et al., 2017 (the rise).
    """
    if progress < rise_share:
        return highest * max(0.02, progress / rise_share)
    share = (progress - rise_share) / max(1e-9, 1.0 - rise_share)
    return highest * 0.5 * (1.0 + math.cos(math.pi * min(1.0, share)))
