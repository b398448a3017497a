import pytest

from indexer.training.schedule import cosine_rate, plateau_rate, progress_of, size_at, waited_for


def test_progress_is_by_steps_or_by_time() -> None:
    assert progress_of(25, 100, 9999.0, None) == 0.25
    assert progress_of(25, 100, 30.0, 1.0) == 0.5
    assert progress_of(80, 100, 30.0, 1.0) == 0.8
    assert progress_of(0, 100, 90.0, 1.0) == 1.0
    assert progress_of(0, 100, 0.0, 0.0) == 1.0


def test_the_rate_rises_then_falls_to_zero() -> None:
    assert cosine_rate(0.05, 1.0, 0.1) == pytest.approx(0.5)
    assert cosine_rate(0.1, 1.0, 0.1) == pytest.approx(1.0)
    assert cosine_rate(0.55, 1.0, 0.1) == pytest.approx(0.5)
    assert cosine_rate(1.0, 1.0, 0.1) == pytest.approx(0.0)
    assert cosine_rate(0.0, 1.0, 0.0) == pytest.approx(1.0)
    falling = [cosine_rate(share / 100, 1.0, 0.1) for share in range(10, 101)]
    assert falling == sorted(falling, reverse=True)


def test_sizes_change_at_their_shares() -> None:
    sizes = ((0.0, 32), (0.5, 48))
    assert [size_at(share, sizes, 64) for share in (0.0, 0.49, 0.5, 1.0)] == [32, 32, 48, 48]
    assert size_at(0.3, (), 64) == 64


@pytest.mark.parametrize(
    ("scores", "cuts"),
    [
        ([], 0),
        ([0.1, 0.2, 0.3], 0),
        ([0.3, 0.2, 0.1], 1),
        ([0.3, 0.3, 0.3], 1),
        ([0.3, 0.2, 0.2, 0.2, 0.2], 2),
        ([0.3, 0.2, 0.2, 0.4, 0.3], 1),
        ([None, 0.3, None, 0.2, None], 0),
    ],
)
def test_the_rate_is_cut_on_a_plateau(scores: list[float | None], cuts: int) -> None:
    rate = plateau_rate(0.5, 1.0, 0.1, factor=0.5, patience=2, scores=scores)
    assert rate == pytest.approx(0.5**cuts)
    assert plateau_rate(0.05, 1.0, 0.1, factor=0.5, patience=2, scores=scores) == pytest.approx(0.5 ** (cuts + 1))


def test_waiting_is_counted_from_the_best_score() -> None:
    assert [waited_for(scores) for scores in ([], [None], [0.1], [0.1, 0.2], [0.2, 0.1, 0.2], [0.2, None, 0.1])] == [
        0,
        0,
        0,
        0,
        2,
        1,
    ]
