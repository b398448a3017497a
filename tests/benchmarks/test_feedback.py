"""The simulated user of `benchmarks.feedback`, against loops."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.feedback import SEEN, Vectors, simulate
from search.query.feedback import moved


def collection(seed: int) -> Vectors:
    random = np.random.default_rng(seed)
    classes = random.integers(0, 4, 60)
    rows = random.normal(size=(60, 8)) + 0.8 * random.normal(size=(4, 8))[classes]
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return Vectors("made", rows.astype(np.float32), classes)


@pytest.mark.parametrize(("likes", "dislikes"), [(3, 3), (1, 0), (0, 2)])
def test_the_next_hits_are_those_that_were_not_seen(likes: int, dislikes: int) -> None:
    of, before, after, queries = collection(likes), [], [], []
    for row in range(60):
        others = [each for each in range(60) if each != row]
        ranked = sorted(others, key=lambda each: -float(of.vectors[each] @ of.vectors[row]))
        seen, unseen = ranked[:SEEN], ranked[SEEN:]
        right = {each for each in others if of.classes[each] == of.classes[row]}
        if not right - set(seen):
            continue
        liked = [each for each in seen if each in right][:likes]
        disliked = [each for each in seen if each not in right][:dislikes]
        query = moved(of.vectors[row], of.vectors[liked], of.vectors[disliked])
        again = sorted(unseen, key=lambda each: -float(of.vectors[each] @ query))
        queries.append(row)
        before.append([each in right for each in unseen[:SEEN]])
        after.append([each in right for each in again[:SEEN]])
    measured = simulate(of, likes, dislikes)
    assert measured.classes.tolist() == of.classes[queries].tolist()
    assert measured.before.tolist() == before
    assert measured.after.tolist() == after


def test_without_ratings_nothing_changes() -> None:
    measured = simulate(collection(9), 0, 0)
    assert measured.gain == 0
    assert measured.before.tolist() == measured.after.tolist()
