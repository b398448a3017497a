"""A disk that fails or is full: the command says so in one line, and the index is as it was."""

from __future__ import annotations

import errno
import random
import re

import pytest

from tests.indexer.crash.disk_faults import Action, Calls, Fault
from tests.indexer.crash.prepared import Prepared, assert_goes_on, assert_survived
from tests.indexer.crash.runner import Done, Runner
from tests.indexer.crash.scenarios import every_scenario, reset

SAMPLED = 4
"""Calls of a kind that fail in the default run."""
KINDS = {
    "write": (Calls.WRITE, Action.FAIL, errno.EIO),
    "sync": (Calls.SYNC, Action.FAIL, errno.EIO),
    "rename": (Calls.RENAME, Action.FAIL, errno.EIO),
    "create": (Calls.CREATE, Action.FAIL, errno.EACCES),
    "remove": (Calls.REMOVE, Action.FAIL, errno.EIO),
    "resize": (Calls.RESIZE, Action.FAIL, errno.EIO),
    "full disk": (Calls.WRITE | Calls.CREATE | Calls.RESIZE, Action.FULL, errno.ENOSPC),
}

CAUSES = (
    "no space left",
    "is full",
    "input/output error",
    "disk i/o error",
    "permission denied",
    "unable to open",
    "readonly database",
)
"""As the system, SQLite and hnswlib put it."""

every_kind = pytest.mark.parametrize("kind", KINDS)


@pytest.mark.thinned(16)
@every_scenario
@every_kind
def test_a_disk_that_fails(kind: str, prepared: Prepared, runner: Runner, faults: None) -> None:
    last = calls_of(kind, prepared)
    chance = random.Random(f"{kind} {prepared.scenario}")
    for at in sorted(chance.sample(range(1, last + 1), min(SAMPLED, last))):
        fail(kind, at, prepared, runner)


@pytest.mark.slow
@every_scenario
@every_kind
def test_a_disk_that_fails_at_every_call(kind: str, prepared: Prepared, runner: Runner, faults: None) -> None:
    for at in range(1, calls_of(kind, prepared) + 1):
        fail(kind, at, prepared, runner)


def calls_of(kind: str, prepared: Prepared) -> int:
    named = {call.name.lower() for call in KINDS[kind][0]}
    count = sum({"link": "rename", "mkdir": "create"}.get(call, call) in named for call, _ in prepared.calls)
    assert count or kind in {"remove", "rename", "resize"}
    return count


def fail(kind: str, at: int, prepared: Prepared, runner: Runner) -> None:
    calls, action, error = KINDS[kind]
    reset(prepared.here)
    done = runner.run(prepared.command, fault=Fault(prepared.index, action, at, calls, error))
    assert done.count >= at, done
    state = assert_survived(prepared, done)
    if done.status in {prepared.exit, *prepared.scenario.again} - {1}:  # 1 is an error, whoever expects it
        assert state == prepared.after, f"it says that it went well: {done}"
    else:
        assert_said_clearly(done, prepared)
    assert_goes_on(prepared, runner, done)


def assert_said_clearly(done: Done, prepared: Prepared) -> None:
    """One line that names the place, the cause and what to do; no traceback; exit code 1."""
    assert done.status == 1, done
    lines = done.err.strip().splitlines()
    assert len(lines) == 1, done
    assert lines[0].startswith(f"error: {prepared.index}"), done
    cause = re.search(r"cannot be (written or read|an index folder) \((.*?)\)\. [A-Z]", lines[0])
    assert cause, done
    assert any(word in cause[2].lower() for word in CAUSES), done
