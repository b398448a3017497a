"""Workers that look at pictures, watched: one that dies, or takes too long, is named with its picture and replaced.

Memory is bounded twice: what a picture made the process grow by is measured, and RLIMIT_AS ends a worker that would
take the machine with it.
"""

from __future__ import annotations

import json
import os
import resource
import selectors
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parents[3]
DEADLINE = 5.0
"""Seconds of processor time that one picture may cost; the wall is no measure on a busy machine."""
PATIENCE = 60.0
"""Seconds of wall time after which a silent worker is taken to hang."""
MEMORY = 1 << 30
"""Bytes by which one picture may make the process grow."""
ENOUGH = 20
"""Faults after which no more is looked at."""
ADDRESSES = 8 << 30
"""RLIMIT_AS of a worker: what the libraries map by themselves, and far more than `MEMORY`."""


@dataclass
class Watch:
    """What came of the pictures, and every one for which the promise was broken."""

    outcomes: list[dict] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    def count(self, outcome: str) -> int:
        return sum(each["outcome"] == outcome for each in self.outcomes)

    @property
    def slowest(self) -> dict:
        return max(self.outcomes, key=lambda each: each["cpu"])

    @property
    def largest(self) -> dict:
        return max(self.outcomes, key=lambda each: each["grown"])

    def judge(self, told: dict) -> None:
        self.outcomes.append(told)
        name = f"picture {told['task']} ({told['what']})"
        if told["outcome"] == "error":
            self.faults.append(f"{name}: {told['why']}")
        if told["cpu"] > DEADLINE:
            self.faults.append(f"{name}: took {told['cpu']:.1f} s: {told['why']}")
        if told["grown"] > MEMORY or "not enough memory" in told["why"]:
            self.faults.append(f"{name}: took {told['grown'] / 2**20:.0f} MiB: {told['why']}")


def watch(tasks: Iterable[int | str], encoder: str = "color-layout") -> Watch:
    """Have the worker look at every picture; a new one takes over where one died."""
    seen = Watch()
    left = list(tasks)
    while left and len(seen.faults) < ENOUGH:
        done = _one_worker(left, encoder, seen)
        left = left[done:]
    return seen


def _one_worker(tasks: list[int | str], encoder: str, seen: Watch) -> int:
    """Feed one worker until it is through or dead; how many of the tasks are settled by then."""
    words = [sys.executable, "-m", "tests.indexer.hostile.worker", encoder]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "error", "OMP_NUM_THREADS": "1"}
    with subprocess.Popen(
        words,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env=environment,
        preexec_fn=_bounded,
    ) as worker:
        assert worker.stdin is not None
        assert worker.stdout is not None
        for number, task in enumerate(tasks):
            try:
                worker.stdin.write(json.dumps(task) + "\n")
                worker.stdin.flush()
                line = _next_line(worker)
            except BrokenPipeError:
                line = ""
            if line is None:
                worker.kill()
                seen.faults.append(f"picture {task}: no answer after {PATIENCE:.0f} s")
                return number + 1
            if not line:
                seen.faults.append(f"picture {task}: the process ended with code {worker.wait()}")
                return number + 1
            seen.judge(json.loads(line))
        worker.stdin.close()
    return len(tasks)


def _next_line(worker: subprocess.Popen[str]) -> str | None:
    """The next line; empty where the worker has ended, None where it says nothing for too long."""
    with selectors.DefaultSelector() as selector:
        selector.register(worker.stdout, selectors.EVENT_READ)
        if not selector.select(PATIENCE):
            return None
    return worker.stdout.readline()


def _bounded() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (ADDRESSES, ADDRESSES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
