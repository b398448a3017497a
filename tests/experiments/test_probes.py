import numpy as np
import pytest

from experiments.probes import accuracy, by_class, confusion, half_interval, linear, nearest, silhouette
from experiments.runs import Embedded


@pytest.fixture
def clusters() -> Embedded:
    generator = np.random.default_rng(0)
    labels = np.repeat(np.arange(3), 20)
    centres = np.array([[0, 0], [4, 0], [0, 4]], dtype=np.float32)
    return Embedded((centres[labels] + generator.normal(0, 1.8, (60, 2))).astype(np.float32), labels)


def test_nearest_against_a_loop(clusters: Embedded) -> None:
    queries = Embedded(clusters.vectors[::3] + 0.1, clusters.labels[::3])
    slow = []
    for query in queries.vectors:
        near = np.argsort(np.linalg.norm(clusters.vectors - query, axis=1))[:5]
        slow.append(np.bincount(clusters.labels[near], minlength=3).argmax())
    found = nearest(clusters, queries)
    assert found.tolist() == slow
    assert accuracy(found, queries) == np.mean(np.array(slow) == queries.labels)
    assert 0.5 < accuracy(found, queries) < 1.0
    few = Embedded(clusters.vectors[:2], clusters.labels[:2])
    assert nearest(few, queries).tolist() == [0] * len(queries.labels)


def test_linear_separates_clusters(clusters: Embedded) -> None:
    assert accuracy(linear(clusters, clusters), clusters) > 0.7


def test_silhouette_by_hand() -> None:
    of = Embedded(np.array([[0.0, 0], [1, 0], [5, 0], [6, 0]], dtype=np.float32), np.array([0, 0, 1, 1]))
    outer, inner = (5.5 - 1) / 5.5, (4.5 - 1) / 4.5
    assert silhouette(of) == pytest.approx((outer + inner) / 2)


def test_figures_by_class_by_hand() -> None:
    of, answers = Embedded(np.zeros((6, 2), np.float32), np.array([0, 0, 0, 1, 1, 2])), np.array([0, 0, 1, 1, 1, 1])
    found = by_class(answers, of, 3)
    assert found.precision.tolist() == [1.0, 0.5, 0.0]
    assert found.recall.tolist() == pytest.approx([2 / 3, 1.0, 0.0])
    assert found.f1.tolist() == pytest.approx([0.8, 2 / 3, 0.0])
    assert found.count.tolist() == [3, 2, 1]
    assert confusion(answers, of, 3).tolist() == [[2, 1, 0], [0, 2, 0], [0, 1, 0]]


@pytest.mark.parametrize(("share", "count"), [(0.5, 100), (0.9965, 10000), (1.0, 10)])
def test_the_interval_is_wilsons(share: float, count: int) -> None:
    # The bounds are the shares p at which `share` is exactly z deviations away: (share - p)^2 = z^2 p (1 - p) / n.
    z2 = 1.959964**2 / count
    roots = np.roots([1 + z2, -2 * share - z2, share**2]).real
    assert half_interval(share, count) == pytest.approx((roots.max() - roots.min()) / 2, rel=1e-6)
