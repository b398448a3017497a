"""What the faces experiment found."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from experiments.face_attendance import Attended
    from experiments.face_trials import OpenSet
    from indexer.metrics.bootstrap import Figure
    from search.recognition.calibration import Calibration
    from search.types import Floats


@dataclass(frozen=True, slots=True)
class Judged:
    """What one encoder gave; shares in [0, 1]."""

    name: str
    encoder: str
    """What loads it: a name, or the folder of its run."""
    validation: float
    """One-shot identification among the watched people."""
    one_shot: Figure
    """Among the test's people, mean over every choice of reference; interval by person."""
    by_reference: list[float]
    few_way: Figure
    calibration: Calibration
    open_set: dict[int, OpenSet]
    """By the number of references each."""
    vectors: Floats


@dataclass(frozen=True, slots=True)
class Findings:
    """Every encoder, each a list of its seeds."""

    encoders: list[list[Judged]]
    paths: list[Path]
    people: NDArray[np.int64]
    shots: NDArray[np.int64]
    split: tuple[int, ...]
    minutes: float
    attendance: dict[float | None, Attended] = field(default_factory=dict)
    """Of the best encoder, all seeds together, by the share of strangers that is allowed."""

    @property
    def best(self) -> list[Judged]:
        """The encoder that does best on the watched people."""
        return max(self.encoders, key=lambda seeds: np.mean([each.validation for each in seeds]))
