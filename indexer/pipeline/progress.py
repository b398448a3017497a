"""How the stages of the offline road tell what they do; the command line draws it."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator


class Progress(Protocol):
    """Whoever wants to know."""

    def begin(self, stage: str, total: int | None) -> None:
        """A stage begins; `total` is the number of pictures it will look at, where it is known."""

    def advance(self, count: int) -> None:
        """So many more are done."""


class Silent:
    """Nobody wants to know."""

    def begin(self, stage: str, total: int | None) -> None:
        """Do nothing."""

    def advance(self, count: int) -> None:
        """Do nothing."""


class Stages:
    """Seconds by stage, told to a `Progress` as they pass."""

    def __init__(self, progress: Progress) -> None:
        self.progress = progress
        self.seconds: dict[str, float] = {}

    @contextmanager
    def stage(self, name: str, total: int | None = None) -> Iterator[None]:
        """Time a block under a name."""
        self.progress.begin(name, total)
        with self.timed(name):
            yield

    @contextmanager
    def timed(self, name: str) -> Iterator[None]:
        """Add the time of a block to a name, without telling that a stage begins."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - start
