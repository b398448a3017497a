"""The plan for many machines: the formulas agree with the simulation, and both with plain arithmetic."""

from __future__ import annotations

from dataclasses import replace

import pytest

from benchmarks.capacity_model import Costs, Fleet, formula, machines_for, simulated

COSTS = Costs(
    embed_seconds=0.01,
    start_seconds=20,
    part_bytes=2_000,
    merge_seconds=0.0005,
    merge_start=3,
    merge_memory=1_000,
    merge_base=2**30,
    index_bytes=2_500,
)


def test_one_machine_is_plain_arithmetic() -> None:
    for plan in (formula(3_600_000, Fleet(1), COSTS), simulated(3_600_000, Fleet(1), COSTS)):
        assert plan.embed_hours == pytest.approx(10 + 20 / 3600)
        assert plan.merge_hours == pytest.approx(0.5 + 3 / 3600)
        assert plan.merge_gib == pytest.approx(1 + 3_600_000 * 1_000 / 2**30)
        assert plan.parts_gib == pytest.approx(3_600_000 * 2_000 / 2**30)


@pytest.mark.parametrize("pictures", [1_000_000, 100_000_000, 1_000_000_000])
@pytest.mark.parametrize("machines", [1, 8, 200])
@pytest.mark.parametrize("hours", [float("inf"), 168.0, 24.0])
def test_the_formula_agrees_with_the_simulation(pictures: int, machines: int, hours: float) -> None:
    fleet = Fleet(machines, hours, down_seconds=300)
    plan = formula(pictures, fleet, COSTS).embed_hours
    played = [simulated(pictures, fleet, COSTS, seed).embed_hours for seed in range(5)]
    assert plan == pytest.approx(sum(played) / len(played), rel=0.15, abs=0.2)


def test_a_machine_that_always_fails_within_a_block_never_ends_by_the_formula() -> None:
    slow = replace(COSTS, block_files=10_000_000)
    assert formula(1_000_000, Fleet(1, hours_between_failures=1), slow).embed_hours > 1e6


def test_machines_for_a_day() -> None:
    fleet = Fleet(1, 168, 300)
    machines = machines_for(100_000_000, 24, COSTS, fleet)
    assert formula(100_000_000, replace(fleet, machines=machines), COSTS).embed_hours <= 24
    assert formula(100_000_000, replace(fleet, machines=machines - 1), COSTS).embed_hours > 24
    assert machines_for(1_000, 24, COSTS, fleet) == 1
    with pytest.raises(ValueError, match="no number of machines"):
        machines_for(1_000, 0.001, COSTS, fleet)
