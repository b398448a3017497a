"""What the catalog records of the tuning of a segment: measured recall and costs, and the candidates tried."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

LEAST_ROWS = 64
"""Segments with fewer rows are not measured."""
_MOST = 2**62


@dataclass(frozen=True, slots=True)
class MeasuredRecall:
    """Recall@10 of a structure with its 95 % interval."""

    value: float
    """0 if it was not measured, and is not known to be 1."""
    low: float
    high: float
    probes: int
    """Number of queries that it was measured with."""
    by: str
    """What the queries were."""

    def reaches(self, target: float) -> bool:
        """Whether it is enough for a target: at the lower end of the interval, or because no query missed any."""
        return self.low >= target or self.value == 1.0

    def __str__(self) -> str:
        if not self.probes and self.value < 1:
            return f"not measured, because there are fewer than {LEAST_ROWS} rows"
        if not self.probes:
            return f"{self.value:.3f}, by full effort, because there are too few rows to measure it"
        return f"{self.value:.3f} ({self.low:.3f} to {self.high:.3f}), measured on {self.probes} {self.by}"


@dataclass(frozen=True, slots=True)
class Trial:
    """A candidate that `auto` considered, built over a sample; the costs are estimates for all rows."""

    kind: str
    parameters: dict[str, Any]
    recall: MeasuredRecall | None = None
    """Recall over the sample; None for an exact kind, or if it was not measured."""
    query_ms: float | None = None
    memory: int | None = None
    """Bytes in memory while the index is open."""
    build_seconds: float | None = None
    note: str = ""
    """Why it was not chosen; `chosen` for the one that was."""


@dataclass(frozen=True, slots=True)
class Tuning:
    """How a structure was tuned, and what was measured of it."""

    target: float
    """Recall@10 that was asked for."""
    recall: MeasuredRecall | None = None
    """None for an exact kind."""
    query_ms: float | None = None
    """Median time of a single query in the structure, with re-ranking."""
    memory: int | None = None
    """Bytes in memory while the index is open."""
    build_seconds: float | None = None
    memory_limit: int | None = None
    exact_rows: int | None = None
    """Rows that a filter leaves up to which comparing them all was measured to be faster than the structure."""
    reason: str = ""
    """Why `auto` chose the kind; empty for a kind given by name."""
    trials: tuple[Trial, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return asdict(self) | {"trials": [asdict(trial) for trial in self.trials]}

    @classmethod
    def of_dict(cls, plain: Any) -> Tuning:
        """Read what `to_dict` gave; unknown keys are ignored, because a newer version may add some.

        Raises:
            ValueError: a value is missing or has the wrong type.
        """
        try:
            known = _known(cls, plain)
            tuning = cls(**known | {"recall": _recall(known.get("recall")), "trials": _trials(known.get("trials"))})
        except (TypeError, KeyError, AttributeError) as error:
            raise ValueError(f"it is no tuning ({error})") from None
        _check(tuning, shares=("target",))
        return tuning


def _known(kind: type, plain: Mapping[str, Any]) -> dict[str, Any]:
    return {field.name: plain[field.name] for field in fields(kind) if field.name in plain}


def _trials(plain: Any) -> tuple[Trial, ...]:
    trials = tuple(Trial(**_known(Trial, each) | {"recall": _recall(each.get("recall"))}) for each in plain or [])
    for trial in trials:
        _check(trial)
        if not isinstance(trial.parameters, dict):
            raise ValueError("its parameters are no object")
    return trials


def _recall(plain: Any) -> MeasuredRecall | None:
    if plain is None:
        return None
    recall = MeasuredRecall(**_known(MeasuredRecall, plain))
    _check(recall, shares=("value", "low", "high"))
    return recall


def _check(record: MeasuredRecall | Trial | Tuning, shares: tuple[str, ...] = ()) -> None:
    """Raise ValueError unless texts are texts, shares are in [0, 1], and other numbers are finite and not negative."""
    for field in fields(record):
        value = getattr(record, field.name)
        if field.name in ("recall", "trials", "parameters"):
            continue
        if field.name in ("by", "kind", "note", "reason"):
            sound = isinstance(value, str)
        elif value is None:
            sound = "None" in str(field.type)
        else:
            number = isinstance(value, int | float) and not isinstance(value, bool)
            sound = number and 0 <= value <= (1 if field.name in shares else _MOST)
            sound = sound and (isinstance(value, int) or "int" not in str(field.type))
        if not sound:
            raise ValueError(f"its {field.name} has an invalid value")
