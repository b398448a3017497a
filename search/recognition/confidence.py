"""What the distance of a hit is worth: a probability in a calibrated index, otherwise a word."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from search.recognition.calibration import Calibration
    from search.recognition.cut_points import CutPoints
    from search.types import Floats, Strength


@dataclass(frozen=True, slots=True)
class Confidence:
    """Rates distances to a picture or a text. Neither part is set for a blend, whose distances mean something else."""

    calibration: Calibration | None = None
    cut_points: CutPoints | None = None
    """Not used if the index is calibrated: its probabilities were measured on its own pictures."""

    def of(self, distances: Floats) -> tuple[Sequence[float | None], Sequence[Strength | None]]:
        """The probability and the word for each distance `(N,)`, at most one of which is not None."""
        nothing = [None] * len(distances)
        if self.calibration is not None:
            chances = self.calibration.probability(np.minimum(distances, 2))  # distances are padded with inf
            return chances.tolist(), nothing
        if self.cut_points is not None:
            return nothing, self.cut_points.strengths(distances.tolist())
        return nothing, nothing
