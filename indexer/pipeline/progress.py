"""Progress of the stages of a command, and the time that each takes."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator


class Progress(Protocol):
    """Receives progress updates; the command line draws them."""

    def begin(self, stage: str, total: int | None) -> None:
        """Start a stage; `total` is its number of pictures, or None if that is unknown."""

    def advance(self, count: int) -> None:
        """Report that `count` more pictures are done."""


class Silent:
    """Ignores all updates."""

    def begin(self, stage: str, total: int | None) -> None:
        """Do nothing."""

    def advance(self, count: int) -> None:
        """Do nothing."""


class Stages:
    """Measures the seconds of each stage, and reports the stages to a `Progress`."""

    def __init__(self, progress: Progress) -> None:
        self.progress = progress
        self.seconds: dict[str, float] = {}

    @contextmanager
    def stage(self, name: str, total: int | None = None) -> Iterator[None]:
        """Start a stage and add the time of the block to it."""
        self.progress.begin(name, total)
        with self.timed(name):
            yield

    @contextmanager
    def timed(self, name: str) -> Iterator[None]:
        """Add the time of a block to a stage that was already started."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - start
