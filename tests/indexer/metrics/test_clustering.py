"""NMI against a loop over the contingency table, and k-means on separated clusters."""

from math import log

import numpy as np
import pytest
from sklearn.metrics import normalized_mutual_info_score

from indexer.metrics import clustering
from indexer.metrics.clustering import cluster, contingency, nmi_figure


def slowly(classes: list[int], clusters: list[int]) -> float:
    n = len(classes)

    def entropy(values: list[int]) -> float:
        return -sum(values.count(v) / n * log(values.count(v) / n) for v in set(values))

    both = list(zip(classes, clusters, strict=True))
    mutual = sum(
        both.count(pair) / n * log(n * both.count(pair) / (classes.count(pair[0]) * clusters.count(pair[1])))
        for pair in set(both)
    )
    return 2 * mutual / (entropy(classes) + entropy(clusters))


def nmi(classes: np.ndarray, clusters: np.ndarray) -> float:
    return clustering.nmi(*contingency(classes, clusters))


def blobs(classes: np.ndarray, spread: float, dim: int = 12) -> np.ndarray:
    random = np.random.default_rng(3)
    rows = random.standard_normal((int(classes.max()) + 1, dim))[classes]
    rows = rows + spread * random.standard_normal(rows.shape)
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


@pytest.mark.parametrize("seed", range(4))
def test_against_the_definition(seed: int) -> None:
    random = np.random.default_rng(seed)
    classes, clusters = random.integers(0, 5, 80), random.integers(0, 7, 80)
    clusters[classes == 2] = 1
    assert nmi(classes, clusters) == pytest.approx(slowly(classes.tolist(), clusters.tolist()))


@pytest.mark.parametrize("seed", range(4))
def test_a_table_whose_classes_count_several_times(seed: int) -> None:
    """Against scikit-learn, which is given every picture as often as its class counts."""
    random = np.random.default_rng(seed)
    classes, clusters, times = random.integers(0, 6, 90), random.integers(0, 5, 90), random.integers(0, 4, 6)
    cells = contingency(classes, clusters)
    repeated = np.repeat(classes, times[classes]), np.repeat(clusters, times[classes])
    expected = normalized_mutual_info_score(*repeated, average_method="arithmetic")
    assert clustering.nmi(cells[0], cells[1], cells[2] * times[cells[0]]) == pytest.approx(expected)


def test_by_hand() -> None:
    one = np.array([0, 0, 1, 1])
    assert nmi(one, np.array([5, 5, 2, 2])) == pytest.approx(1.0)
    assert nmi(one, np.array([0, 1, 0, 1])) == pytest.approx(0.0)
    assert nmi(one, np.zeros(4, dtype=np.int64)) == pytest.approx(0.0)
    assert nmi(one, np.array([0, 1, 2, 3])) == pytest.approx(2 / 3)  # I = log 2, H = log 2 and log 4
    assert nmi(np.zeros(3, dtype=np.int64), np.zeros(3, dtype=np.int64)) == 1.0


def test_kmeans_finds_separated_clusters_reproducibly() -> None:
    classes = np.repeat(np.arange(6), 20)
    vectors = blobs(classes, 0.01)
    assert nmi(classes, cluster(vectors, 6)) == pytest.approx(1.0)
    assert (cluster(vectors, 6) == cluster(vectors, 6)).all()
    assert nmi_figure(vectors, classes).interval == pytest.approx((1.0, 1.0))


def test_the_figure_matches_its_clusters_and_lies_within_its_interval() -> None:
    classes = np.random.default_rng(4).integers(0, 10, 300)
    vectors = blobs(classes, 0.9)
    figure = nmi_figure(vectors, classes)
    assert figure.value == pytest.approx(nmi(classes, cluster(vectors, 10)))
    low, high = figure.interval or (1.0, 0.0)
    assert low < figure.value < high
    assert high - low < 0.3


def test_a_resample_weighs_whole_classes(monkeypatch: pytest.MonkeyPatch) -> None:
    classes = np.repeat(np.arange(4), 15)
    vectors = blobs(classes, 1.2)
    clusters = cluster(vectors, 4)
    draws = [np.array(times) for times in ([2, 0, 1, 1], [1, 1, 2, 0], [0, 3, 1, 0])]
    monkeypatch.setattr(clustering, "class_draws", lambda classes: draws)
    monkeypatch.setattr(clustering, "percentiles", lambda drawn: (min(drawn), max(drawn)))
    repeated = [np.concatenate([np.repeat(np.flatnonzero(classes == c), n) for c, n in enumerate(of)]) for of in draws]
    expected = [slowly(classes[rows].tolist(), clusters[rows].tolist()) for rows in repeated]
    figure = nmi_figure(vectors, classes)
    shift = figure.value - np.mean(expected)
    assert figure.interval == pytest.approx((max(0, min(expected) + shift), min(1, max(expected) + shift)))


def test_equal_embeddings_and_single_pictures() -> None:
    same = np.tile(np.array([1, 0], dtype=np.float32), (6, 1))
    assert nmi_figure(same, np.array([0, 0, 1, 1, 2, 2])).value == pytest.approx(0.0)
    assert nmi_figure(same[:1], np.array([4])).interval is None


def test_whole_classes_are_left_out_if_there_are_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    classes = np.repeat(np.arange(10), 8)
    vectors = blobs(classes, 0.01)
    seen: list[int] = []

    def counted(rows: np.ndarray, clusters: int) -> np.ndarray:
        seen.extend((len(rows), clusters))
        return cluster(rows, clusters)

    monkeypatch.setattr(clustering, "cluster", counted)
    monkeypatch.setattr(clustering, "_MOST_WORK", 80 * 10 // 4)
    assert nmi_figure(vectors, classes).value == pytest.approx(1.0)
    assert seen == [40, 5]
