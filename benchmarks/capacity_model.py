"""Formulas and a simulation: how long shards take on several machines that fail now and then, and what they need.

The formulas are for a plan on paper. The simulation plays the machines: each has its own share of the files, by chance
a little more or less; fails at random moments, loses the block that was running, starts again and continues.
"""

from __future__ import annotations

import heapq
import math
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Costs:
    """Measured costs of one machine; per picture, unless something else is said."""

    embed_seconds: float
    """Read, decode and embed, on the whole machine."""
    start_seconds: float
    """To start a run: Python, listing the files, loading the encoder, reading the blocks that are there."""
    part_bytes: float
    """Disk of a part."""
    merge_seconds: float
    """Read the parts, stage, compare, write and commit; without a structure."""
    merge_start: float
    """Seconds of a merge of nothing."""
    merge_memory: float
    """Bytes that the process of the merge needs."""
    merge_base: float
    """Bytes that it needs for a merge of nothing."""
    index_bytes: float
    """Disk of the index without a structure: vectors and catalog."""
    block_files: int = 2_048


@dataclass(frozen=True)
class Fleet:
    """The machines."""

    machines: int
    hours_between_failures: float = math.inf
    """Of one machine, on average."""
    down_seconds: float = 0.0
    """Until a failed machine, or another one in its place, runs again."""


@dataclass(frozen=True)
class Need:
    """What a collection needs."""

    embed_hours: float
    """Until the last shard is done."""
    merge_hours: float
    merge_gib: float
    parts_gib: float
    index_gib: float


def formula(pictures: int, fleet: Fleet, costs: Costs) -> Need:
    """The formulas of docs/scale.md.

    The largest of M shares is about mean + sqrt(2 ln M) standard deviations. A failure costs half a block, the start
    and the time until the machine is back.
    """
    mean = pictures / fleet.machines
    spread = math.sqrt(mean * (1 - 1 / fleet.machines)) * math.sqrt(2 * math.log(max(1, fleet.machines)))
    work = costs.start_seconds + min(pictures, mean + spread) * costs.embed_seconds
    lost = costs.block_files * costs.embed_seconds / 2 + costs.start_seconds + fleet.down_seconds
    share = lost / (fleet.hours_between_failures * 3600)
    return _need(pictures, work / max(1e-9, 1 - share) / 3600, costs)


def simulated(pictures: int, fleet: Fleet, costs: Costs, seed: int = 0) -> Need:
    """Play the machines, failure by failure."""
    chance = np.random.default_rng(seed)
    shares = chance.multinomial(pictures, np.full(fleet.machines, 1 / fleet.machines))
    block = costs.block_files * costs.embed_seconds
    between = fleet.hours_between_failures * 3600
    # Moment of the next event of each machine, its seconds of work that are left, and whether it is running.
    events = [(0.0, number, float(share) * costs.embed_seconds) for number, share in enumerate(shares)]
    heapq.heapify(events)
    ended = 0.0
    while events:
        now, number, left = heapq.heappop(events)
        lives = float(chance.exponential(between)) if math.isfinite(between) else math.inf
        if lives >= costs.start_seconds + left:
            ended = max(ended, now + costs.start_seconds + left)
            continue
        worked = max(0.0, lives - costs.start_seconds)
        saved = min(left, math.floor(worked / block) * block) if block else left
        heapq.heappush(events, (now + lives + fleet.down_seconds, number, left - saved))
    return _need(pictures, ended / 3600, costs)


def machines_for(pictures: int, hours: float, costs: Costs, fleet: Fleet) -> int:
    """The fewest machines that embed a collection within some hours, by the formula; `fleet` says how they fail."""
    few, many = 1, 1
    while formula(pictures, _with(fleet, many), costs).embed_hours > hours:
        few, many = many, many * 2
        if many > 2**30:
            raise ValueError("no number of machines is enough: one start takes longer")
    while few < many:
        middle = (few + many) // 2
        if formula(pictures, _with(fleet, middle), costs).embed_hours > hours:
            few = middle + 1
        else:
            many = middle
    return many


def _with(fleet: Fleet, machines: int) -> Fleet:
    return Fleet(machines, fleet.hours_between_failures, fleet.down_seconds)


def _need(pictures: int, embed_hours: float, costs: Costs) -> Need:
    gib = pictures / 2**30
    return Need(
        embed_hours,
        (costs.merge_start + pictures * costs.merge_seconds) / 3600,
        costs.merge_base / 2**30 + costs.merge_memory * gib,
        costs.part_bytes * gib,
        costs.index_bytes * gib,
    )
