import numpy as np
import pytest

from indexer.training.sampling import BatchesByClass
from search.errors import DataError

CLASSES = np.array([0] * 5 + [1] * 2 + [2] * 1 + [3] * 9 + [4] * 4)


def sampler(**changes: int) -> BatchesByClass:
    options = {"classes_per_batch": 3, "views_per_class": 4, "repeats": 1, "seed": 7} | changes
    return BatchesByClass(CLASSES, **options)


def test_p_classes_of_k_views_with_repeats() -> None:
    for step in range(60):
        rows = sampler().batch(step)
        assert len(rows) == 12
        groups = CLASSES[rows].reshape(3, 4)
        assert (groups == groups[:, :1]).all()
        assert len(set(groups[:, 0])) == 3
        assert 2 not in groups
        for group in rows.reshape(3, 4):
            counts = np.unique(group, return_counts=True)[1]
            assert sorted(counts) == ([2, 2] if CLASSES[group[0]] == 1 else [1, 1, 2])


def test_a_batch_follows_from_seed_and_step_alone() -> None:
    first, second = sampler(), sampler()
    later = [second.batch(step) for step in (5, 3)]
    assert np.array_equal(first.batch(5), later[0])
    assert np.array_equal(first.batch(3), later[1])
    assert not np.array_equal(first.batch(3), first.batch(4))
    assert not np.array_equal(first.batch(3), sampler(seed=8).batch(3))


def test_every_picture_gets_its_turn_and_classes_share_alike() -> None:
    drawn = np.concatenate([sampler().batch(step) for step in range(400)])
    assert set(drawn) == set(np.flatnonzero(CLASSES != 2))
    shares = np.bincount(CLASSES[drawn], minlength=5)[[0, 1, 3, 4]] / len(drawn)
    np.testing.assert_allclose(shares, 0.25, atol=0.03)


def test_fewer_classes_than_p() -> None:
    assert len(sampler(classes_per_batch=50).batch(0)) == 4 * 4


def test_what_makes_no_batch() -> None:
    with pytest.raises(DataError, match="at least 2 classes"):
        BatchesByClass(np.array([0, 0, 1]), classes_per_batch=2, views_per_class=2, repeats=0, seed=0)
    with pytest.raises(DataError, match="repeats 3"):
        sampler(repeats=3)
    with pytest.raises(DataError, match="views_per_class 1"):
        sampler(views_per_class=1, repeats=0)
