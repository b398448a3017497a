"""How far a job is: what every session shows of it."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from indexer.jobs.request import JobRequest

Status = Literal["running", "stopping", "done", "failed", "stopped"]


@dataclass(frozen=True, slots=True)
class Stage:
    """A stage of a job; times are those of `time.monotonic`."""

    name: str
    total: int | None
    began: float
    done: int = 0

    def rate(self, now: float) -> float | None:
        """Pictures per second since the stage began; None before the first."""
        return self.done / (now - self.began) if self.done and now > self.began else None

    def seconds_left(self, now: float) -> float | None:
        """Estimated from the rate; None if that, or the total, is unknown."""
        rate = self.rate(now)
        return None if rate is None or self.total is None else max(0, self.total - self.done) / rate


@dataclass(frozen=True, slots=True)
class JobView:
    """The state of a job at a moment."""

    number: int
    """Counts the jobs of a server."""
    request: JobRequest
    status: Status
    stage: Stage | None = None
    """The current one, or the last one of a job that ended."""
    stages: tuple[str, ...] = ()
    """Names of all stages so far."""
    seconds: float = 0.0
    """Time since the start, or from the start to the end."""
    report: dict[str, Any] | None = None
    """Of a job that is done."""
    error: str = ""
    """Why a job failed, in the words of the library."""

    @property
    def running(self) -> bool:
        """Whether its process still runs."""
        return self.status in ("running", "stopping")

    @property
    def resumable(self) -> bool:
        """Whether starting the same job again continues or repeats it."""
        return self.status in ("failed", "stopped")

    @property
    def share(self) -> float | None:
        """Share of the current stage that is done; None if it is not known."""
        stage = self.stage
        return None if stage is None or not stage.total else min(1.0, stage.done / stage.total)


def progress_text(view: JobView) -> str:
    """Stage, count, rate and time left, in one line."""
    stage, now = view.stage, time.monotonic()
    if stage is None:
        return "starting"
    parts = [stage.name]
    if stage.total is not None:
        parts.append(f"{stage.done:,} of {stage.total:,} pictures")
    elif stage.done:
        parts.append(f"{stage.done:,} pictures")
    if view.running and (rate := stage.rate(now)) is not None:
        parts.append(f"{rate:,.0f} per second" if rate >= 10 else f"{rate:.1f} per second")
        if left := stage.seconds_left(now):
            parts.append(f"{duration(left)} left")
    return ", ".join(parts)


def duration(seconds: float) -> str:
    """A time in the largest unit that it fills: `12 s`, `3 min`, `1 h 5 min`."""
    if seconds < 100:
        return f"{max(1, round(seconds))} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"
