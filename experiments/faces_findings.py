"""Results of the faces experiment."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from experiments.face_attendance import Attended
    from experiments.face_people import People
    from experiments.face_trials import OpenSet
    from indexer.metrics.bootstrap import Figure
    from search.recognition.calibration import Calibration
    from search.types import Floats


@dataclass(frozen=True, slots=True)
class Judged:
    """Results of one encoder; shares in [0, 1]."""

    name: str
    encoder: str
    """Name or folder for `load_encoder`."""
    validation: float
    """One-shot identification rate among the validation people."""
    one_shot: Figure
    """One-shot identification rate among the test people, mean over every choice of reference; interval by person."""
    by_reference: list[float]
    few_way: Figure
    calibration: Calibration
    open_set: dict[int, OpenSet]
    """By the number of references per person."""
    vectors: Floats


@dataclass(frozen=True, slots=True)
class Compared:
    """Results of one encoder on one set."""

    pictures: str
    judged: Judged
    people: People
    attended: Attended
    speed: float
    """Pictures per second, decoding included."""

    @property
    def without_face(self) -> int:
        """Test pictures in which the encoder found no face."""
        return int(np.count_nonzero(~self.judged.vectors.any(axis=1)))


@dataclass(frozen=True, slots=True)
class Findings:
    """Results of all encoders, each a list with one entry per seed."""

    encoders: list[list[Judged]]
    paths: list[Path]
    people: NDArray[np.int64]
    shots: NDArray[np.int64]
    split: tuple[int, ...]
    minutes: float
    attendance: dict[float | None, Attended] = field(default_factory=dict)
    """Attendance with the best encoder, all seeds together, by the allowed share of strangers."""

    @property
    def best(self) -> list[Judged]:
        """The encoder with the best figure on the validation people."""
        return max(self.encoders, key=lambda seeds: np.mean([each.validation for each in seeds]))
