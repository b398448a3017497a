from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from indexer.training.config import TrainConfig
from indexer.training.sampling import BatchesByClass, RandomBatches, RandomTriplets, Sampler, make_sampler
from search.errors import DataError

CLASSES = np.array([0] * 5 + [1] * 2 + [2] * 1 + [3] * 9 + [4] * 4)
SHUFFLED = np.random.default_rng(0).permutation(CLASSES)
CONFIG = TrainConfig(classes_per_batch=3, views_per_class=4, repeats=1, seed=7)


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


def every_sampler(seed: int = 7) -> dict[str, Sampler]:
    config = replace(CONFIG, seed=seed)
    made: dict[str, Sampler] = {
        name: make_sampler(replace(config, sampling=name), SHUFFLED) for name in ("p-x-k", "random", "random-triplets")
    }
    return made | {"instances": make_sampler(replace(config, labelled=False), np.arange(21))}


@pytest.mark.parametrize("name", list(every_sampler()))
def test_a_batch_depends_only_on_seed_and_step(name: str) -> None:
    first, second = every_sampler()[name], every_sampler()[name]
    later = [second.batch(step) for step in (50, 3, 4)]
    assert np.array_equal(first.batch(3), later[1])
    assert np.array_equal(first.batch(50), later[0])
    assert not np.array_equal(first.batch(3), first.batch(4))
    assert not np.array_equal(first.batch(3), every_sampler(seed=8)[name].batch(3))
    assert first.batch(0).dtype == np.int64
    assert {len(first.batch(step)) for step in range(30)} == {12}


def test_every_picture_is_drawn_and_classes_are_equally_frequent() -> None:
    drawn = np.concatenate([sampler().batch(step) for step in range(400)])
    assert set(drawn) == set(np.flatnonzero(CLASSES != 2))
    shares = np.bincount(CLASSES[drawn], minlength=5)[[0, 1, 3, 4]] / len(drawn)
    np.testing.assert_allclose(shares, 0.25, atol=0.03)


def test_classes_drawn_by_their_size() -> None:
    classes = np.repeat(np.arange(30), np.arange(1, 31))  # the first, of one picture, is never drawn
    config = replace(CONFIG, classes_per_batch=2, class_draw="by-size")
    batches = make_sampler(config, classes)
    drawn = np.concatenate([np.unique(classes[batches.batch(step)]) for step in range(4000)])
    shares = np.bincount(drawn, minlength=30) / len(drawn)
    assert shares[0] == 0.0
    np.testing.assert_allclose(shares[1:], np.arange(2, 31) / np.arange(2, 31).sum(), atol=0.006)
    assert all(len(set(classes[batches.batch(step)])) == 2 for step in range(50))


def test_fewer_classes_than_p() -> None:
    assert len(sampler(classes_per_batch=50).batch(0)) == 4 * 4


@pytest.mark.parametrize(("pictures", "size"), [(21, 12), (24, 12), (5, 12), (12, 12)])
def test_random_draws_each_picture_once_per_epoch(pictures: int, size: int) -> None:
    batches = RandomBatches(pictures, size=size, seed=3)
    drawn = np.concatenate([batches.batch(step) for step in range(3 * pictures)])
    epochs = drawn[: len(drawn) // pictures * pictures].reshape(-1, pictures)
    assert len(epochs) == 3 * size
    assert (np.sort(epochs, axis=1) == np.arange(pictures)).all()
    assert len({tuple(epoch) for epoch in epochs}) > len(epochs) // 2


def test_random_draws_from_all_classes_including_lonely_ones() -> None:
    batches = make_sampler(replace(CONFIG, sampling="random"), CLASSES)
    drawn = np.concatenate([batches.batch(step) for step in range(7)])  # 84 views: four epochs of 21
    assert (np.bincount(drawn) == 4).all()


def test_random_triplets_are_valid_and_uniform() -> None:
    batches = RandomTriplets(SHUFFLED, triplets=4, seed=7)
    drawn = np.concatenate([batches.batch(step).reshape(4, 3) for step in range(4000)])
    anchors, positives, negatives = drawn.T
    assert (SHUFFLED[anchors] == SHUFFLED[positives]).all()
    assert (anchors != positives).all()
    assert (SHUFFLED[anchors] != SHUFFLED[negatives]).all()
    of = {name: np.flatnonzero(name == SHUFFLED) for name in range(5)}
    lonely = of[2][0]
    assert lonely not in anchors
    assert lonely in negatives
    shares = np.bincount(anchors, minlength=21) / len(anchors)
    np.testing.assert_allclose(np.delete(shares, lonely), 1 / 20, atol=0.008)
    for name in (0, 1, 3, 4):
        rows = SHUFFLED[anchors] == name
        others = np.flatnonzero(name != SHUFFLED)
        np.testing.assert_allclose(
            np.bincount(negatives[rows], minlength=21)[others] / rows.sum(), 1 / len(others), atol=0.02
        )
        one = rows & (anchors == of[name][0])
        np.testing.assert_allclose(
            np.bincount(positives[one], minlength=21)[of[name][1:]] / one.sum(), 1 / (len(of[name]) - 1), atol=0.06
        )


def test_a_batch_holds_as_many_triplets_as_fit() -> None:
    config = replace(CONFIG, sampling="random-triplets", classes_per_batch=4, views_per_class=5)
    assert len(make_sampler(config, CLASSES).batch(0)) == 18


def test_unlabelled_pictures_come_in_two_views_once_per_epoch() -> None:
    for sampling in ("p-x-k", "random"):
        batches = make_sampler(replace(CONFIG, labelled=False, sampling=sampling), np.arange(18))
        drawn = np.concatenate([batches.batch(step).reshape(6, 2) for step in range(6)])
        assert (drawn[:, 0] == drawn[:, 1]).all()
        assert (np.bincount(drawn[:, 0]) == 2).all()
        assert len(set(batches.batch(0))) == 6


def test_invalid_batches() -> None:
    with pytest.raises(DataError, match="at least 2 classes"):
        BatchesByClass(np.array([0, 0, 1]), classes_per_batch=2, views_per_class=2, repeats=0, seed=0)
    with pytest.raises(DataError, match="repeats 3"):
        sampler(repeats=3)
    with pytest.raises(DataError, match="views_per_class 1"):
        sampler(views_per_class=1, repeats=0)


@pytest.mark.parametrize(
    ("changes", "classes", "message"),
    [
        ({"sampling": "p-x-k"}, [0, 0, 1], "2 classes of at least 2"),
        ({"sampling": "random"}, [], "at least 2 classes"),
        ({"sampling": "random"}, [4, 4, 4], "at least 2 classes"),
        ({"sampling": "random-triplets"}, [4, 4, 4], "at least 2 classes"),
        ({"sampling": "random-triplets"}, [0, 1, 2], "a class of at least 2 pictures"),
        ({"sampling": "random-triplets", "classes_per_batch": 2, "views_per_class": 1}, [0, 0, 1], "fewer than 3"),
        ({"labelled": False}, [0], "1 pictures in batches of 6"),
        ({"labelled": False, "classes_per_batch": 1, "views_per_class": 2}, [0, 1], "batches of 1"),
        ({"labelled": False, "sampling": "random-triplets"}, [0, 1, 2], "labelled is false"),
    ],
)
def test_invalid_samplers(changes: dict[str, object], classes: list[int], message: str) -> None:
    with pytest.raises(DataError, match=message):
        make_sampler(replace(CONFIG, **changes), np.array(classes, dtype=np.int64))


def by_folder(classes_per_batch: int = 6, classes_per_folder: int = 3) -> tuple[Sampler, NDArray[np.int64], list[str]]:
    """Folders a, b and c of 8, 3 and 2 classes, each of 4 pictures; one more class of c has a single picture."""
    names = [*(f"a/{n}" for n in range(8)), *(f"b/{n}" for n in range(3)), *(f"c/{n}" for n in range(3))]
    classes = np.array([*np.repeat(np.arange(13), 4), 13])
    config = replace(
        CONFIG,
        classes_per_batch=classes_per_batch,
        class_draw="by-folder",
        classes_per_folder=classes_per_folder,
        repeats=0,
    )
    return make_sampler(config, classes, names), classes, names


def test_classes_come_by_folder() -> None:
    sampler, classes, names = by_folder()
    seen: list[str] = []
    for step in range(300):
        rows = sampler.batch(step).reshape(6, 4)
        chosen = classes[rows][:, 0]
        assert (classes[rows] == chosen[:, None]).all()
        assert len(set(chosen)) == 6
        assert 13 not in chosen
        folders = [names[number].partition("/")[0] for number in chosen]
        counts = {folder: folders.count(folder) for folder in folders}
        assert max(counts.values()) <= 3
        assert counts.get("c", 0) <= 2
        seen.extend(folders)
    assert set(seen) == {"a", "b", "c"}
    assert np.array_equal(sampler.batch(5), by_folder()[0].batch(5))


def test_by_folder_with_fewer_classes_than_the_batch() -> None:
    sampler, classes, _ = by_folder(classes_per_batch=50, classes_per_folder=4)
    assert len(set(classes[sampler.batch(0)])) == 4 + 3 + 2
