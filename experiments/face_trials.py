"""Identify people from one picture each: every choice of reference, trials of a few people, and open-set rates."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from search.types import Floats


def one_shot_hits(vectors: Floats, people: NDArray[np.int64], shots: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Whether each probe is identified correctly, for every choice of reference.

    Each shot number in turn is the only reference of every person; all other pictures are probes.

    Args:
        vectors: `(N, D)` unit rows, and zero rows for pictures without a face.
        people: `(N,)` the person in each picture.
        shots: `(N,)` the number of each picture among those of its person, from 0; the same numbers for everyone.

    Returns:
        `(shots, N)`; false for the references themselves, which are not probes, and for zero rows: pictures without a
        face.
    """
    shown = vectors.any(axis=1)
    hits = np.zeros((int(shots.max()) + 1, len(vectors)), dtype=np.bool_)
    for shot in range(len(hits)):
        references = np.flatnonzero(shots == shot)
        nearest = (vectors @ vectors[references].T).argmax(axis=1)
        hits[shot] = (people[references][nearest] == people) & (shots != shot) & shown
    return hits


def few_way_hits(
    vectors: Floats, people: NDArray[np.int64], *, ways: int, trials: int, seed: int
) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
    """Random trials: `ways` people with one reference each, and another picture of one of them as the probe.

    Returns:
        `(trials,)` whether the probe is identified correctly, and `(trials,)` its person.
    """
    random = np.random.default_rng(seed)
    rows = {person: np.flatnonzero(people == person) for person in np.unique(people)}
    hits, whom = np.zeros(trials, dtype=np.bool_), np.zeros(trials, dtype=np.int64)
    for trial in range(trials):
        chosen = random.permutation(sorted(rows))[:ways]
        probe, reference = random.permutation(rows[chosen[0]])[:2]
        references = [reference, *(random.choice(rows[person]) for person in chosen[1:])]
        hits[trial] = vectors[probe].any() and (vectors[references] @ vectors[probe]).argmax() == 0
        whom[trial] = chosen[0]
    return hits, whom


@dataclass(frozen=True, slots=True)
class OpenSet:
    """Distances to the nearest reference over many galleries, for probes of enrolled people and of strangers."""

    known_distances: NDArray[np.float64]
    """`(K,)` distance of each probe of an enrolled person to the nearest reference."""
    known_right: NDArray[np.bool_]
    """`(K,)` whether that reference shows the probe's person."""
    stranger_distances: NDArray[np.float64]
    """`(S,)` distance of each probe of a stranger to the nearest reference."""
    known_people: NDArray[np.int64]
    """`(K,)` the person of each probe of an enrolled person."""
    stranger_people: NDArray[np.int64]
    """`(S,)` the same for the probes of strangers."""

    def identified(self, threshold: float) -> float:
        """Detection and identification rate: share of probes of enrolled people that are identified correctly."""
        return float((self.known_right & (self.known_distances <= threshold)).mean())

    def taken_for_another(self, threshold: float) -> float:
        """Share of probes of enrolled people that are identified as somebody else."""
        return float((~self.known_right & (self.known_distances <= threshold)).mean())

    def strangers_accepted(self, threshold: float) -> float:
        """False-positive identification rate: share of strangers' probes that are identified as anybody.

        Source: Phillips, Grother, Micheals, "Evaluation Methods in Face Recognition", Handbook of Face Recognition,
        2nd edition, 2011.
        """
        return float((self.stranger_distances <= threshold).mean())


def open_set(
    vectors: Floats, people: NDArray[np.int64], shots: NDArray[np.int64], *, galleries: int, references: int, seed: int
) -> OpenSet:
    """Random galleries: half of the people are enrolled with `references` pictures each, the others are strangers.

    Random shot numbers are the references of every enrolled person; all other pictures of enrolled people, and all
    pictures of strangers, are probes. Of several references the nearest counts. A zero row, a picture without a face,
    is as far from everybody as orthogonal vectors are: beyond any threshold.
    """
    random = np.random.default_rng(seed)
    everybody, last = np.unique(people), int(shots.max()) + 1
    known, right, strange, whose, strangers_of = [], [], [], [], []
    for _ in range(galleries):
        enrolled = np.isin(people, random.permutation(everybody)[: len(everybody) // 2])
        shown = np.isin(shots, random.permutation(last)[:references])
        gallery, probes, strangers = (np.flatnonzero(rows) for rows in (enrolled & shown, enrolled & ~shown, ~enrolled))
        cosines = vectors[probes] @ vectors[gallery].T
        right.append(people[gallery][cosines.argmax(axis=1)] == people[probes])
        known.append(_distances(cosines.max(axis=1)))
        strange.append(_distances((vectors[strangers] @ vectors[gallery].T).max(axis=1)))
        whose.append(people[probes])
        strangers_of.append(people[strangers])
    return OpenSet(*map(np.concatenate, (known, right, strange, whose, strangers_of)))


def _distances(cosines: NDArray[np.floating]) -> NDArray[np.float64]:
    """Euclidean distances between unit vectors, from their cosines."""
    return np.sqrt(np.maximum(0.0, 2.0 - 2.0 * cosines.astype(np.float64)))
