"""Verification: whether two pictures show the same thing, with a threshold, a probability and error rates.

A `Calibration` belongs to one encoder, identified by its fingerprint: distances of other encoders are not comparable.
It is made by `twinlens calibrate` and read here; it only needs numpy.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from search.config import VerifyConfig
from search.distance import distances
from search.errors import DataError, QueryError
from search.recognition.probability_maps import ProbabilityMap, map_from_dict, number
from search.recognition.weakness import MOST_REJECTED, Proposal, cautions, is_weak, proposals

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import ArrayLike, NDArray

    from search.config import References
    from search.types import Floats

FORMAT = 1
_FARTHEST = 2.0
_SHORTEST = 1e-6
"""Length of a mean of unit rows below which its direction is noise."""
_RULE_OF_THREE = 3.0
_MOST_PAIRS = 2**53


@dataclass(frozen=True, slots=True)
class ErrorRate:
    """A rate in [0, 1] and its 95 % interval; both bounds are None if none could be computed."""

    value: float
    low: float | None = None
    high: float | None = None

    def __post_init__(self) -> None:
        low, high = (self.value if bound is None else bound for bound in (self.low, self.high))
        if not 0 <= low <= self.value <= high <= 1:
            raise DataError(f"a rate and its bounds must rise within [0, 1]: {low}, {self.value}, {high}")

    def __str__(self) -> str:
        if self.low is None or self.high is None:
            return f"{self.value:.4f}"
        return f"{self.value:.4f} ({self.low:.4f} to {self.high:.4f})"

    def to_dict(self) -> dict[str, float | None]:
        """Plain values, ready for JSON."""
        return {"value": self.value, "low": self.low, "high": self.high}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> ErrorRate:
        """Read the result of `to_dict`; raises KeyError, TypeError or ValueError for anything else."""
        low, high = values["low"], values["high"]
        return cls(
            number(values["value"]), None if low is None else number(low), None if high is None else number(high)
        )


@dataclass(frozen=True, slots=True)
class RateTable:
    """False-accept and false-reject rates over distances: straight lines between the knots."""

    distances: tuple[float, ...]
    """Strictly increasing, from 0 to 2."""
    far: tuple[float, ...]
    """Share of different pairs at or below each distance; never decreases."""
    frr: tuple[float, ...]
    """Share of same pairs above each distance; never increases."""

    def __post_init__(self) -> None:
        knots, far, frr = np.array(self.distances), np.array(self.far), np.array(self.frr)
        if not (len(knots) == len(far) == len(frr) >= 2 and knots[0] == 0 and knots[-1] == _FARTHEST):
            raise DataError("a table of error rates needs both rates at every distance, from 0 to 2")
        if not ((np.diff(knots) > 0).all() and (np.diff(far) >= 0).all() and (np.diff(frr) <= 0).all()):
            raise DataError("in a table of error rates distances and FAR must rise, and FRR must fall")
        if not (far[0] >= 0 and far[-1] <= 1 and frr[-1] >= 0 and frr[0] <= 1):
            raise DataError("in a table of error rates every rate must lie in [0, 1]")

    def to_dict(self) -> dict[str, list[float]]:
        """Plain values, ready for JSON."""
        return {"distances": list(self.distances), "far": list(self.far), "frr": list(self.frr)}


@dataclass(frozen=True, slots=True)
class Calibration:
    """Threshold, probabilities and error rates of an encoder's distances, measured on labelled pairs."""

    fingerprint: str
    """Of the encoder that made the distances."""
    threshold: float
    """Euclidean, in [0, 2]: two pictures show the same thing when their distance is at most this."""
    rule: str
    """The rule that chose the threshold: `far<=0.01`, `eer`, `cost 10:1`."""
    far: ErrorRate
    """False accept rate at the threshold: the share of different pairs accepted as the same. The interval is where the
    rate for new subjects is expected: see docs/verification.md."""
    frr: ErrorRate
    """False reject rate at the threshold: the share of same pairs rejected as different, with its interval."""
    probability_map: ProbabilityMap
    prior: float
    """Share of same pairs that the probability map was fitted for; see `answer_prior`."""
    rates: RateTable
    eer: ErrorRate
    """Equal error rate: where FAR and FRR cross."""
    auc: ErrorRate
    """Area under the ROC curve: the chance that a same pair is nearer than a different one."""
    ece: ErrorRate
    """Expected calibration error of the probabilities on held-out subjects; the interval is where the error for new
    subjects is expected."""
    same_pairs: int
    different_pairs: int
    subjects: int
    data: str
    """Name of the data that it was measured on."""
    created: str
    """ISO 8601, UTC."""

    def __post_init__(self) -> None:
        if not 0 <= self.threshold <= _FARTHEST:
            raise DataError(f"the threshold {self.threshold} is not a distance between unit vectors, from 0 to 2")
        if not 0 < self.prior < 1:
            raise DataError(f"the prior {self.prior} is not a share of same pairs, between 0 and 1")
        if min(self.same_pairs, self.different_pairs, self.subjects) < 1:
            raise DataError("a calibration needs same pairs, different pairs and subjects: one of them is missing")

    @property
    def weak(self) -> bool:
        """Whether its own error rates say that its answers cannot be relied upon; `cautions` say why."""
        return is_weak(frr=self.frr.value, eer=self.eer.value, ece=self.ece.value)

    @property
    def proposals(self) -> tuple[Proposal, ...]:
        """Rules to calibrate with again, if the threshold rejects more than half of the same pairs."""
        if self.frr.value <= MOST_REJECTED:
            return ()
        rates = self.rates
        return proposals(rates.distances, rates.far, rates.frr, lowest_rate(self.different_pairs))

    @property
    def cautions(self) -> tuple[str, ...]:
        """What to know before relying on it, most urgent first; the first ones say why it is weak, if it is."""
        figures = {"frr": self.frr.value, "eer": self.eer.value, "ece": self.ece.value}
        return cautions(**figures, subjects=self.subjects, better=self.proposals)

    @property
    def warning(self) -> str:
        """The cautions of a weak calibration as one sentence."""
        return f"this calibration is weak: {'; '.join(self.cautions)}"

    @property
    def answer_prior(self) -> float:
        """Share of same pairs that `probability` assumes: `prior`, or 1 / subjects if it is weak and that is less.

        Two pictures of any of n subjects show the same one once in n times. A threshold that is known to err is no
        reason to believe that half of the pairs are the same, which is the prior of labelled pictures.
        """
        return min(self.prior, 1 / self.subjects) if self.weak else self.prior

    def probability(self, distances: ArrayLike) -> NDArray[np.float64]:
        """Probability in [0, 1] that pairs at these distances show the same thing, in the shape of `distances`."""
        fitted = self.probability_map(distances)
        if (prior := self.answer_prior) == self.prior:
            return fitted
        shift = prior / (1 - prior) * (1 - self.prior) / self.prior
        shifted: NDArray[np.float64] = fitted * shift / (fitted * shift + (1 - fitted))
        return shifted

    def same(self, distance: float) -> bool:
        """Whether a pair at this distance counts as the same: up to the threshold, inclusive."""
        return bool(distance <= self.threshold)

    def far_at(self, distance: float) -> float:
        """False accept rate if the threshold were at this distance."""
        return float(np.interp(distance, self.rates.distances, self.rates.far))

    def frr_at(self, distance: float) -> float:
        """False reject rate if the threshold were at this distance."""
        return float(np.interp(distance, self.rates.distances, self.rates.frr))

    def threshold_at(self, far: float) -> float:
        """Largest distance of the table whose false accept rate is at most `far`; between knots, the lower one.

        Raises:
            QueryError: `far` is not a rate, is too low for the number of pairs n (below 3 / n, the rule of three), or
                is reached by no threshold.
        """
        if not 0 < far < 1:
            raise QueryError(f"a false accept rate lies between 0 and 1, not at {far}")
        if far < (lowest := lowest_rate(self.different_pairs)):
            raise QueryError(
                f"a false accept rate of {far} needs {pairs_for(far)} different pairs, and this calibration has "
                f"{self.different_pairs}. Calibrate with more pictures, or give {lowest:g} or more"
            )
        knot = int(np.searchsorted(self.rates.far, far, side="right")) - 1
        if knot < 0:
            raise QueryError(
                f"no threshold has a false accept rate of {far}: {self.rates.far[0]:.4f} of the different pairs lie "
                "at distance 0"
            )
        return self.rates.distances[knot]

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return {
            "format": FORMAT,
            **self._figures(),
            "probability_map": self.probability_map.to_dict(),
            "rates": self.rates.to_dict(),
        }

    def summary(self) -> dict[str, Any]:
        """The figures without the curves, and what to think of them; `twinlens info` shows this."""
        return {**self._figures(), "weak": self.weak, "cautions": list(self.cautions)}

    def _figures(self) -> dict[str, Any]:
        return {
            "fingerprint": self.fingerprint,
            "threshold": self.threshold,
            "rule": self.rule,
            "far": self.far.to_dict(),
            "frr": self.frr.to_dict(),
            "method": self.probability_map.to_dict()["method"],
            "prior": self.prior,
            "eer": self.eer.to_dict(),
            "auc": self.auc.to_dict(),
            "ece": self.ece.to_dict(),
            "same_pairs": self.same_pairs,
            "different_pairs": self.different_pairs,
            "subjects": self.subjects,
            "data": self.data,
            "created": self.created,
        }

    @classmethod
    def from_dict(cls, values: object) -> Calibration:
        """Read the result of `to_dict`.

        Raises:
            DataError: the format is another one, or values are missing, have another type, or are inconsistent.
        """
        if not isinstance(values, dict) or "threshold" not in values:
            raise DataError("this is not a calibration of Twinlens")
        if values.get("format") != FORMAT or isinstance(values["format"], bool):
            raise DataError(f"the calibration has the format {values.get('format')!r}, this version reads {FORMAT}")
        try:
            rates = values["rates"]
            return cls(
                fingerprint=_text(values, "fingerprint"),
                threshold=_number(values, "threshold"),
                rule=_text(values, "rule"),
                far=ErrorRate.from_dict(values["far"]),
                frr=ErrorRate.from_dict(values["frr"]),
                probability_map=map_from_dict(values["probability_map"]),
                prior=_number(values, "prior"),
                rates=RateTable(*(tuple(map(number, rates[name])) for name in ("distances", "far", "frr"))),
                eer=ErrorRate.from_dict(values["eer"]),
                auc=ErrorRate.from_dict(values["auc"]),
                ece=ErrorRate.from_dict(values["ece"]),
                same_pairs=_count(values, "same_pairs"),
                different_pairs=_count(values, "different_pairs"),
                subjects=_count(values, "subjects"),
                data=_text(values, "data"),
                created=_text(values, "created"),
            )
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise DataError(f"the calibration is damaged: {type(error).__name__} {error}") from error


@dataclass(frozen=True, slots=True)
class Verification:
    """Result of comparing two pictures; all but the distance is None, or empty, without a calibration.

    The rates are those of the threshold, with their intervals. `weak` and `cautions` are those of the calibration.
    """

    distance: float
    probability: float | None = None
    same: bool | None = None
    threshold: float | None = None
    far: ErrorRate | None = None
    frr: ErrorRate | None = None
    prior: float | None = None
    """Share of same pairs that the probability assumes."""
    weak: bool | None = None
    cautions: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return {
            "distance": self.distance,
            "probability": self.probability,
            "same": self.same,
            "threshold": self.threshold,
            "far": None if self.far is None else self.far.to_dict(),
            "frr": None if self.frr is None else self.frr.to_dict(),
            "prior": self.prior,
            "weak": self.weak,
            "cautions": list(self.cautions),
        }


def verify_vectors(
    probe: Floats,
    references: Floats,
    calibration: Calibration | None = None,
    how: References = VerifyConfig.references,
) -> Verification:
    """Compare an embedding `(D,)` with reference embeddings `(R, D)` of one subject, all unit rows of one encoder.

    Raises:
        QueryError: there is no reference, `how` is unknown, or the mean of the references is zero.
    """
    distance = reference_distance(probe, references, how)
    if calibration is None:
        return Verification(distance)
    return Verification(
        distance,
        probability=float(calibration.probability(distance)),
        same=calibration.same(distance),
        threshold=calibration.threshold,
        far=calibration.far,
        frr=calibration.frr,
        prior=calibration.answer_prior,
        weak=calibration.weak,
        cautions=calibration.cautions,
    )


def reference_distance(probe: Floats, references: Floats, how: References = VerifyConfig.references) -> float:
    """Euclidean distance in [0, 2] from `(D,)` to `(R, D)`: to their mean on the sphere, or to the nearest of them.

    Raises:
        QueryError: as `verify_vectors`.
    """
    if len(references) == 0:
        raise QueryError("nothing to compare with: give at least one reference picture")
    if how == "best":
        return float(distances(references, probe).min())
    if how != "mean":
        raise QueryError(f"references must be mean or best, not {how!r}")
    if len(references) == 1:
        return float(distances(references, probe)[0])
    middle = references.astype(np.float64).mean(axis=0)
    length = np.linalg.norm(middle)
    if length < _SHORTEST:
        raise QueryError("the references cancel each other out: their mean is zero. Compare by best, or with fewer")
    return float(distances((middle / length).astype(np.float32)[None], probe)[0])


def lowest_rate(pairs: int) -> float:
    """Lowest rate that can be measured on n pairs, 3 / n, rounded up to two significant digits.

    If none of n pairs was an error, the rate is below 3 / n with a confidence of 95 %.
    Source: Hanley and Lippman-Hand, "If nothing goes wrong, is everything all right?", JAMA 249, 1983.
    """
    digits = 1 - math.floor(math.log10(_RULE_OF_THREE / pairs))
    return float(f"{math.ceil(round(_RULE_OF_THREE / pairs * 10**digits, 9)) / 10**digits:.2g}")


def pairs_for(rate: float) -> int:
    """Number of pairs needed to measure a rate: the inverse of the rule of three."""
    return math.ceil(round(_RULE_OF_THREE / rate, 6))


def _text(values: Mapping[str, Any], key: str) -> str:
    if not isinstance(values[key], str):
        raise TypeError(f"{key} is not text")
    return str(values[key])


def _number(values: Mapping[str, Any], key: str) -> float:
    return number(values[key])


def _count(values: Mapping[str, Any], key: str) -> int:
    if isinstance(values[key], bool) or not isinstance(values[key], int) or values[key] > _MOST_PAIRS:
        raise TypeError(f"{key} is not a whole number, or is too large")
    return int(values[key])
