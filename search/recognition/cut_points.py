"""Cut-points: the distances up to which hits are near copies, very similar or similar, measured for an encoder.

They are part of the encoder's card, which is not part of its fingerprint (`benchmarks.strength` measures and writes
them), so that every index carries those of its encoder:

    "strength": {"near copy": 0.35, "very similar": 0.41, "similar": 0.68, ...}
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, get_args

from search.encoders.card import folder_with_fingerprint, saved_card
from search.errors import DataError, TwinlensError
from search.types import Strength

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from search.store.contract import Store

STRENGTHS: tuple[Strength, ...] = get_args(Strength)
"""From the nearest hits to the farthest."""
CARD_KEY = "strength"
TEXT_CARD_KEY = "strength_text"
"""As `CARD_KEY`, for distances between a text and pictures, which are larger."""
_FARTHEST = 2.0


@dataclass(frozen=True, slots=True)
class CutPoints:
    """The greatest distances, Euclidean in [0, 2], at which a hit is a near copy, very similar, and similar.

    A hit at exactly a cut-point is within it; beyond the last, a hit is weak.

    Raises:
        DataError: they are not ascending numbers in [0, 2]; two may be equal.
    """

    near_copy: float
    very_similar: float
    similar: float

    def __post_init__(self) -> None:
        if not 0 <= self.near_copy <= self.very_similar <= self.similar <= _FARTHEST:  # False for NaN
            raise DataError(f"the cut-points {self.edges} are not ascending distances from 0 to 2")

    @property
    def edges(self) -> tuple[float, float, float]:
        """All of them, ascending."""
        return self.near_copy, self.very_similar, self.similar

    def strengths(self, distances: Sequence[float]) -> list[Strength]:
        """The word for each distance."""
        edges = self.edges
        return [STRENGTHS[bisect_left(edges, distance)] for distance in distances]

    def to_card(self) -> dict[str, float]:
        """Their entry in a card, ready for JSON."""
        return dict(zip(STRENGTHS, self.edges, strict=False))

    @classmethod
    def of_card(cls, card: Mapping[str, Any], key: str = CARD_KEY) -> CutPoints | None:
        """Read them from a card; None if it has none, or none that this version understands."""
        stored = card.get(key)
        values = [stored.get(word) for word in STRENGTHS[:-1]] if isinstance(stored, dict) else [None]
        if not all(isinstance(value, int | float) and not isinstance(value, bool) for value in values):
            return None
        try:
            return cls(*values)
        except DataError:
            return None


def index_cut_points(store: Store, key: str = CARD_KEY) -> CutPoints | None:
    """The cut-points of the encoder of an index: those in the index or, for an older index, those that ship with it.

    None without any; also if the encoder's card is damaged, which is reported when the encoder is loaded: a search by
    vector does not need it.
    """
    try:
        if (carried := CutPoints.of_card(saved_card(store.card_folder()), key)) is not None:
            return carried
        shipped = folder_with_fingerprint(store.settings["fingerprint"])
        return None if shipped is None else CutPoints.of_card(saved_card(shipped), key)
    except TwinlensError:
        return None
