import itertools

import numpy as np
import pytest

from indexer.calibration.label_pairs import pairs_of_labels
from search.errors import DataError


def as_set(pairs):
    return {(min(a, b), max(a, b), bool(same)) for a, b, same in zip(pairs.a, pairs.b, pairs.same, strict=True)}


def by_loop(labels):
    return {(i, j, labels[i] == labels[j]) for i, j in itertools.combinations(range(len(labels)), 2)}


def test_all_pairs_if_they_are_few() -> None:
    labels = list("abbcaacdab")
    pairs = pairs_of_labels(labels, labels, 1000, 0)
    assert as_set(pairs) == by_loop(labels)
    assert len(pairs) == 45
    names = np.unique(labels, return_inverse=True)[1]
    assert (pairs.subject_a == names[pairs.a]).all()
    assert (pairs.subject_b == names[pairs.b]).all()


def test_two_labels_of_one_subject_are_different_pairs() -> None:
    labels, subjects = ["ann", "ann", "ann-forged", "bob", "bob"], ["ann", "ann", "ann", "bob", "bob"]
    pairs = pairs_of_labels(labels, subjects, 1000, 0)
    assert as_set(pairs) == by_loop(labels)
    hard = (pairs.subject_a == pairs.subject_b) & ~pairs.same
    assert hard.sum() == 2


def test_a_sample_is_even_over_the_subjects_and_reproducible() -> None:
    labels = ["many"] * 60 + ["some"] * 20 + ["few"] * 3
    pairs = pairs_of_labels(labels, labels, 90, 0)
    different, same = ~pairs.same, pairs.same
    met = np.sort(np.stack([pairs.subject_a, pairs.subject_b])[:, different], axis=0)
    _, counts = np.unique(met, axis=1, return_counts=True)
    assert counts.tolist() == [30, 30, 30]
    counts = np.bincount(pairs.subject_a[same])
    assert counts.min() == 3  # the few have three same pairs
    assert counts.sum() <= 90
    assert sorted(counts)[1:] == [43, 43]
    assert len(as_set(pairs)) == len(pairs)
    assert as_set(pairs) == as_set(pairs_of_labels(labels, labels, 90, 0))
    assert as_set(pairs) != as_set(pairs_of_labels(labels, labels, 90, 1))
    assert as_set(pairs) <= by_loop(labels)


def test_more_subjects_than_pairs() -> None:
    labels = [f"{number // 2}" for number in range(6000)]
    pairs = pairs_of_labels(labels, labels, 500, 0)
    assert pairs.same.sum() == 500
    assert (~pairs.same).sum() == 500
    assert len(as_set(pairs)) == 1000
    assert all((labels[a] == labels[b]) == same for a, b, same in as_set(pairs))


def test_labels_and_subjects_must_match() -> None:
    with pytest.raises(DataError, match="do not match"):
        pairs_of_labels(["a"], [], 10, 0)
