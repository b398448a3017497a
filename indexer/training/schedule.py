"""The progress of a run, and the learning rate and view size that depend on it."""

from __future__ import annotations

import math
from collections.abc import Sequence


def progress_of(step: int, steps: int, seconds: float, max_minutes: float | None) -> float:
    """Share of the run that is over, in [0, 1]: by steps or by time, whichever is larger."""
    share = step / max(1, steps)
    if max_minutes is not None:
        share = max(share, seconds / (60.0 * max_minutes)) if max_minutes > 0 else 1.0
    return min(1.0, share)


def size_at(progress: float, sizes: Sequence[tuple[float, int]], default: int) -> int:
    """Side of the views in pixels at a share `progress` of the run, from (share, side) pairs in rising order."""
    size = default
    for share, side in sizes:
        if progress >= share:
            size = side
    return size


def cosine_rate(progress: float, highest: float, rise_share: float) -> float:
    """A linear rise, then half a cosine down to zero.

    Source: Loshchilov and Hutter, "SGDR", ICLR 2017 (one period); Goyal et al., 2017 (the rise).
    """
    if progress < rise_share:
        return highest * max(0.02, progress / rise_share)
    share = (progress - rise_share) / max(1e-9, 1.0 - rise_share)
    return highest * 0.5 * (1.0 + math.cos(math.pi * min(1.0, share)))


def plateau_rate(
    progress: float, highest: float, rise_share: float, *, factor: float, patience: int, scores: Sequence[float | None]
) -> float:
    """A linear rise, then `highest`, multiplied by `factor` after every `patience` evaluations without a new best.

    `scores` are the validation scores so far, higher is better. The rate depends on them alone, so that a resumed run
    continues at the same rate. torch's ReduceLROnPlateau waits for one evaluation more than `patience`.
    """
    rise = min(1.0, max(0.02, progress / rise_share)) if rise_share > 0 else 1.0
    best, waited, cuts = -math.inf, 0, 0
    for score in scores:
        if score is None:
            continue
        if score > best:
            best, waited = score, 0
        else:
            waited += 1
            if waited >= patience:
                waited, cuts = 0, cuts + 1
    return highest * rise * factor**cuts


def waited_for(scores: Sequence[float | None]) -> int:
    """Evaluations since the best one; 0 if the last one is the best, or if there are no scores."""
    known = [score for score in scores if score is not None]
    return len(known) - 1 - known.index(max(known)) if known else 0
