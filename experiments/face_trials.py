"""Identification of people from one picture each: every choice of reference, and trials of a few people."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from search.types import Floats


def one_shot_hits(vectors: Floats, people: NDArray[np.int64], shots: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Whether each probe is told right, for every choice of reference.

    In turn the picture of each number is the only reference of everybody, all others are probes.

    Args:
        vectors: `(N, D)` unit rows.
        people: `(N,)` whom each shows.
        shots: `(N,)` the number of each picture among those of its person, from 0; everybody has the same numbers.

    Returns:
        `(shots, N)`: of the references themselves, which ask nothing, it says false: leave them out by `shots`.
    """
    hits = np.zeros((int(shots.max()) + 1, len(vectors)), dtype=np.bool_)
    for shot in range(len(hits)):
        references = np.flatnonzero(shots == shot)
        nearest = (vectors @ vectors[references].T).argmax(axis=1)
        hits[shot] = (people[references][nearest] == people) & (shots != shot)
    return hits


def few_way_hits(
    vectors: Floats, people: NDArray[np.int64], *, ways: int, trials: int, seed: int
) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
    """Random trials: `ways` people with a reference each, one more picture of one of them; hits and the probe's person.

    Returns:
        `(trials,)` each.
    """
    random = np.random.default_rng(seed)
    rows = {person: np.flatnonzero(people == person) for person in np.unique(people)}
    hits, whom = np.zeros(trials, dtype=np.bool_), np.zeros(trials, dtype=np.int64)
    for trial in range(trials):
        chosen = random.permutation(sorted(rows))[:ways]
        asked, reference = random.permutation(rows[chosen[0]])[:2]
        references = [reference, *(random.choice(rows[person]) for person in chosen[1:])]
        hits[trial] = (vectors[references] @ vectors[asked]).argmax() == 0
        whom[trial] = chosen[0]
    return hits, whom
