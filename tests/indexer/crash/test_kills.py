"""Kill -9 at any moment: the index is the one before the command or the one after it, and the command goes on."""

from __future__ import annotations

import random

import pytest

from tests.indexer.crash.disk_faults import Action, Fault
from tests.indexer.crash.prepared import Prepared, assert_goes_on, assert_survived
from tests.indexer.crash.runner import KILLED, Done, Runner
from tests.indexer.crash.scenarios import SCENARIOS, every_scenario, reset

KILLS = 60
SLOW_KILLS = 1000
CHAIN = 4
"""Kills in a row, each of the run that takes up what the one before left, until one may come to its end."""


@every_scenario
def test_killed_at_random_moments(prepared: Prepared, runner: Runner) -> None:
    kill_at_random(prepared, runner, -(-KILLS // sum(not each.slow for each in SCENARIOS)), seed=0)


@pytest.mark.slow
@every_scenario
def test_killed_at_many_random_moments(prepared: Prepared, runner: Runner) -> None:
    kill_at_random(prepared, runner, -(-SLOW_KILLS // len(SCENARIOS)), seed=1)


@pytest.mark.slow
@every_scenario
@pytest.mark.parametrize("action", [Action.KILL, Action.TEAR])
def test_killed_at_every_change_of_a_file(prepared: Prepared, action: Action, runner: Runner, faults: None) -> None:
    writes = {number for number, (kind, _) in enumerate(prepared.calls, 1) if kind == "write"}
    for at in range(1, prepared.changes + 1):
        if action is Action.KILL or at in writes:
            reset(prepared.here)
            done = runner.run(prepared.command, fault=Fault(prepared.index, action, at))
            assert done.status == KILLED, done
            assert_survived(prepared, done)
            assert_goes_on(prepared, runner, done)


def kill_at_random(prepared: Prepared, runner: Runner, kills: int, seed: int) -> None:
    """Kill so often, by turns at a moment of the clock and at a change of a file."""
    chance = random.Random(f"{seed} {prepared.scenario}")
    killed = tried = 0
    while killed < kills:
        reset(prepared.here)
        for _ in range(CHAIN):
            done = kill_once(prepared, runner, chance)
            tried += 1
            assert_survived(prepared, done)
            if done.status != KILLED:
                break
            killed += 1
        assert_goes_on(prepared, runner, done)
        assert tried < 20 * kills, "the machine is too fast for the kills"


def kill_once(prepared: Prepared, runner: Runner, chance: random.Random) -> Done:
    if prepared.changes and chance.random() < 0.5:
        action, at = chance.choice([Action.KILL, Action.TEAR]), chance.randint(1, prepared.changes)
        return runner.run(prepared.command, fault=Fault(prepared.index, action, at))
    return runner.run(prepared.command, kill_after=chance.uniform(0, prepared.seconds))
