"""Progress on a terminal: a bar with rate and time left; plain lines where nobody watches."""

from __future__ import annotations

import sys
import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from rich.progress import Progress as RichProgress
    from rich.progress import TaskID

    from indexer.training.trainer import TrainEvent

_QUIET_INTERVAL = 10.0
"""Seconds between the lines written to a log."""


class _Bar:
    """A bar on standard error, where somebody watches it; standard output stays clean for results."""

    def __init__(self, make: Callable[[], RichProgress]) -> None:
        self._bar: RichProgress | None = make() if sys.stderr.isatty() else None
        self._task: TaskID | None = None

    def __enter__(self) -> Self:
        if self._bar is not None:
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()


class ConsoleProgress(_Bar):
    """Draws the stages of a build."""

    def __init__(self) -> None:
        super().__init__(_build_bar)
        self._stage, self._total, self._done = "", 0, 0
        self._began = self._told = 0.0

    def begin(self, stage: str, total: int | None) -> None:
        """Show a stage; its `total` is None where it cannot be counted."""
        self._stage, self._total, self._done = stage, total or 0, 0
        self._began = self._told = time.monotonic()
        if self._bar is not None:
            if self._task is not None:
                self._bar.remove_task(self._task)
            self._task = self._bar.add_task(stage, total=total)

    def advance(self, count: int) -> None:
        """Move the bar on, or write a line when the last one is old."""
        self._done += count
        if self._bar is not None and self._task is not None:
            self._bar.advance(self._task, count)
        elif time.monotonic() - self._told > _QUIET_INTERVAL:
            self._told = time.monotonic()
            rate = self._done / (self._told - self._began)
            left = (self._total - self._done) / rate
            sys.stderr.write(f"{self._stage}: {self._done} of {self._total}, {rate:.0f}/s, {left:.0f} s left\n")


def _build_bar() -> RichProgress:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        ProgressColumn,
        Task,
        TextColumn,
        TimeRemainingColumn,
    )
    from rich.text import Text

    class RateColumn(ProgressColumn):
        """Pictures a second."""

        def render(self, task: Task) -> Text:
            return Text("" if not task.speed else f"{task.speed:.0f}/s", style="cyan")

    name = TextColumn("{task.description}", markup=False)
    columns = (name, BarColumn(), MofNCompleteColumn(), RateColumn(), TimeRemainingColumn())
    return Progress(*columns, console=Console(stderr=True), transient=True)


class TrainingConsole(_Bar):
    """Shows a training: a bar for the run, and a line for every row of its history."""

    def __init__(self) -> None:
        super().__init__(_training_bar)
        if self._bar is not None:
            self._task = self._bar.add_task("train", total=1.0)

    def tell(self, event: TrainEvent) -> None:
        """Show one step."""
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, completed=event.progress, description=f"loss {event.loss:.4f}")
        if event.row is not None:
            line = ", ".join(f"{name} {value:.4g}" for name, value in asdict(event.row).items() if value is not None)
            if self._bar is not None:
                self._bar.console.print(line, highlight=False, markup=False, emoji=False)
            else:
                sys.stderr.write(line + "\n")


def _training_bar() -> RichProgress:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    columns = [TextColumn("{task.description}", markup=False), BarColumn(), TaskProgressColumn(), TimeRemainingColumn()]
    return Progress(*columns, console=Console(stderr=True), transient=True)
