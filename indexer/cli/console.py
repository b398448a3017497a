"""Progress on a terminal: a bar with rate and time left; elsewhere a plain line every ten seconds."""

from __future__ import annotations

import sys
import threading
import time
from abc import ABC, abstractmethod
from contextlib import suppress
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


class _Heartbeat:
    """Writes a line to standard error every ten seconds until it is stopped, however long a step takes."""

    def __init__(self, line: Callable[[], str]) -> None:
        self._line = line
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="progress", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopped.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stopped.wait(_QUIET_INTERVAL):
            with suppress(OSError, ValueError):  # a closed or full log does not stop the work
                sys.stderr.write(self._line() + "\n")
                sys.stderr.flush()


class _Bar(ABC):
    """A progress bar on standard error, if that is a terminal; standard output holds only results."""

    def __init__(self, make: Callable[[], RichProgress]) -> None:
        self._bar: RichProgress | None = make() if sys.stderr.isatty() else None
        self._task: TaskID | None = None
        self._heartbeat = _Heartbeat(self._line)

    def __enter__(self) -> Self:
        if self._bar is not None:
            self._bar.start()
        else:
            self._heartbeat.start()
        return self

    @abstractmethod
    def _line(self) -> str:
        """The line that a log gets now."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()
        else:
            self._heartbeat.stop()


class ConsoleProgress(_Bar):
    """Shows the stages of a command."""

    def __init__(self) -> None:
        super().__init__(_build_bar)
        self._stage, self._total, self._done = "start", 0, 0
        self._began = time.monotonic()

    def begin(self, stage: str, total: int | None) -> None:
        """Start a stage; `total` is None if it is not known."""
        self._stage, self._total, self._done = stage, total or 0, 0
        self._began = time.monotonic()
        if self._bar is not None:
            if self._task is not None:
                self._bar.remove_task(self._task)
            self._task = self._bar.add_task(stage, total=total)

    def advance(self, count: int) -> None:
        """Count steps of the stage as done."""
        self._done += count
        if self._bar is not None and self._task is not None:
            self._bar.advance(self._task, count)

    def _line(self) -> str:
        return stage_text(self._stage, self._done, self._total, time.monotonic() - self._began)


def stage_text(stage: str, done: int, total: int, seconds: float) -> str:
    """One line about a stage that has taken `seconds` so far; `total` is 0 if it is not known."""
    if not total and not done:
        return f"{stage}: {seconds:.0f} s"
    count = f"{stage}: {done} of {total}" if total else f"{stage}: {done}"
    if not done or seconds <= 0:
        return f"{count}, {seconds:.0f} s"
    rate = done / seconds
    left = f", {(total - done) / rate:.0f} s left" if total >= done else ""
    return f"{count}, {rate:.{0 if rate >= 10 else 1}f}/s{left}"


def _build_bar() -> RichProgress:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        ProgressColumn,
        Task,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )
    from rich.text import Text

    class RateColumn(ProgressColumn):
        """Pictures a second."""

        def render(self, task: Task) -> Text:
            return Text("" if not task.speed else f"{task.speed:.0f}/s", style="cyan")

    columns = [
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        RateColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    ]
    return Progress(*columns, console=Console(stderr=True), transient=True)


class TrainingConsole(_Bar):
    """Shows a training run: a bar, and a line for each row of its history."""

    def __init__(self) -> None:
        super().__init__(_training_bar)
        self._began, self._event = time.monotonic(), "reading pictures"
        if self._bar is not None:
            self._task = self._bar.add_task("train", total=1.0)

    def show(self, event: TrainEvent) -> None:
        """Show one step."""
        self._event = f"{event.progress:.1%} done, loss {event.loss:.4f}"
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, completed=event.progress, description=f"loss {event.loss:.4f}")
        if event.row is not None:
            line = ", ".join(f"{name} {value:.4g}" for name, value in asdict(event.row).items() if value is not None)
            if self._bar is not None:
                self._bar.console.print(line, highlight=False, markup=False, emoji=False)
            else:
                sys.stderr.write(line + "\n")

    def _line(self) -> str:
        return f"train: {self._event}, {time.monotonic() - self._began:.0f} s"


def _training_bar() -> RichProgress:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    columns = [TextColumn("{task.description}", markup=False), BarColumn(), TaskProgressColumn(), TimeRemainingColumn()]
    return Progress(*columns, console=Console(stderr=True), transient=True)
