"""A scenario made ready to be disturbed, and what must be true after it was."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tests.indexer.crash.disk_faults import Fault
from tests.indexer.crash.runner import Done, Runner
from tests.indexer.crash.scenarios import Scenario, reset
from tests.indexer.crash.state import State, assert_whole, litter, read_state


@dataclass(frozen=True)
class Prepared:
    """A scenario with its folder, the states before and after its command, and an undisturbed run of it."""

    scenario: Scenario
    here: Path
    before: State | None
    after: State
    seconds: float
    changes: int
    """Of files; 0 where they cannot be counted."""
    calls: list[tuple[str, str]]
    exit: int

    @property
    def command(self) -> list[str]:
        return self.scenario.command(self.here)

    @property
    def index(self) -> Path:
        return self.here / "run.index"


def prepare(scenario: Scenario, here: Path, runner: Runner, *, watched: bool) -> Prepared:
    """Make the start, and run the command undisturbed: first so that the server learns, then for the figures."""
    here.mkdir()
    scenario.prepare(here)
    index = reset(here)
    before = read_state(index)
    command = scenario.command(here)
    runner.run(command, learn=True)
    index = reset(here)
    done = runner.run(command)
    assert done.status in (0, 3), done
    after = read_state(index)
    assert after is not None
    assert litter(index) == set(), "an undisturbed run leaves something behind"
    calls: list[tuple[str, str]] = []
    if watched:
        seen = runner.run(command, fault=Fault(reset(here)))
        assert seen.status == done.status, seen
        calls = seen.calls
    return Prepared(scenario, here, before, after, done.seconds, len(calls), calls, done.status)


def assert_survived(prepared: Prepared, done: Done) -> State | None:
    """The index is whole, and in the state before the command or in the one after it."""
    try:
        state = read_state(prepared.index)
        assert_whole(prepared.index, state)
        assert state in (prepared.before, prepared.after)
    except Exception as error:
        raise AssertionError(f"after {done}") from error
    return state


def assert_goes_on(prepared: Prepared, runner: Runner, killed: Done) -> None:
    """The command, run again, comes to the same end as a run that nobody disturbed, and leaves nothing behind."""
    done = runner.run(prepared.command)
    try:
        assert done.status in {prepared.exit, *prepared.scenario.again}, done
        state = read_state(prepared.index)
        assert_whole(prepared.index, state)
        assert state == prepared.after
        assert litter(prepared.index) == set()
    except Exception as error:
        raise AssertionError(f"after {killed}\nand then {done}") from error
