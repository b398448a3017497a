"""Intervals against a loop that draws classes, and against the theory of means."""

import numpy as np
import pytest

from indexer.metrics.bootstrap import SEED, Figure, class_draws, mean_figure


def slowly(values: list[float], classes: list[int], resamples: int) -> tuple[float, float]:
    random = np.random.default_rng(SEED)
    names = sorted(set(classes))
    means = []
    for _ in range(resamples):
        drawn = [names[place] for place in random.integers(len(names), size=len(names))]
        taken = [value for name in drawn for value, of in zip(values, classes, strict=True) if of == name]
        means.append(sum(taken) / len(taken))
    ordered = sorted(means)

    def quantile(share: float) -> float:
        place = share * (len(ordered) - 1)
        below = int(place)
        above = min(below + 1, len(ordered) - 1)
        return ordered[below] + (place - below) * (ordered[above] - ordered[below])

    return quantile(0.025), quantile(0.975)


def test_against_the_loop() -> None:
    random = np.random.default_rng(1)
    classes = random.integers(3, 11, 90)
    values = random.random(90) + classes / 10
    figure = mean_figure(values, classes, resamples=200)
    assert figure.value == pytest.approx(values.mean())
    assert figure.interval == pytest.approx(slowly(values.tolist(), classes.tolist(), 200))


def test_the_deviation_matches_a_mean_of_class_means() -> None:
    random = np.random.default_rng(2)
    means = random.normal(size=60)
    figure = mean_figure(np.repeat(means, 25), np.repeat(np.arange(60), 25))
    low, high = figure.interval or (0.0, 0.0)
    assert (high - low) / (2 * 1.96) == pytest.approx(means.std() / np.sqrt(60), rel=0.1)  # not of 1,500 queries


def test_equal_classes_give_an_interval_of_width_zero() -> None:
    figure = mean_figure(np.tile([0.0, 1.0], 6), np.repeat(np.arange(6), 2))
    assert figure == Figure(0.5, 0.5, 0.5)
    assert str(figure) == "0.500 (0.500 to 0.500)"


@pytest.mark.parametrize(("values", "mean"), [([], 0.0), ([1.0], 1.0), ([1.0, 0.0], 0.5)])
def test_one_class_has_no_interval(values: list[float], mean: float) -> None:
    figure = mean_figure(np.array(values), np.zeros(len(values), dtype=np.int64))
    assert figure == Figure(mean)
    assert figure.interval is None
    assert str(figure) == f"{mean:.3f}"


def test_every_figure_gets_the_same_draws() -> None:
    assert all((one == other).all() for one, other in zip(class_draws(7, 20), class_draws(7, 20), strict=True))
    assert all(times.sum() == 7 for times in class_draws(7, 20))
