"""R@k and mAP@R against a loop over the definitions."""

import numpy as np
import pytest

from indexer.metrics import retrieval as metrics
from indexer.metrics.retrieval import query_figures, retrieval


def slowly(vectors: np.ndarray, labels: list[str | None], ks: list[int]) -> tuple[int, dict[int, float], float]:
    hits, precisions, queries = dict.fromkeys(ks, 0), 0.0, 0
    for i, label in enumerate(labels):
        relevant = sum(label is not None and other == label for other in labels) - 1
        if label is None or relevant < 1:
            continue
        queries += 1
        others = sorted((j for j in range(len(labels)) if j != i), key=lambda j: -float(vectors[i] @ vectors[j]))
        right = [labels[j] == label for j in others]
        for k in ks:
            hits[k] += any(right[:k])
        precisions += sum(right[r] * sum(right[: r + 1]) / (r + 1) for r in range(relevant)) / relevant
    return queries, {k: hits[k] / queries for k in ks}, precisions / queries


@pytest.mark.parametrize("block", [10**9, 4000])
def test_against_the_definitions(block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics, "_BLOCK_BYTES", block)
    random = np.random.default_rng(0)
    vectors = random.standard_normal((60, 5)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    labels: list[str | None] = [str(n) for n in random.integers(0, 7, 57)] + [None, None, "alone"]
    queries, recall_at, map_at_r = slowly(vectors, labels, [1, 5, 10])
    found = retrieval(vectors, labels)
    assert found.queries == queries
    assert found.recall_at == pytest.approx(recall_at)
    assert found.map_at_r == pytest.approx(map_at_r)


def test_rows_of_any_length_are_ordered_by_distance() -> None:
    random = np.random.default_rng(1)
    vectors = (random.standard_normal((50, 3)) * random.uniform(0.1, 3, (50, 1))).astype(np.float32)
    labels = [str(n) for n in random.integers(0, 5, 50)]
    right = []
    for i, label in enumerate(labels):
        others = sorted((j for j in range(50) if j != i), key=lambda j: float(np.linalg.norm(vectors[i] - vectors[j])))
        right.append([labels[j] == label for j in others])
    counts = [labels.count(label) - 1 for label in labels]
    precisions = [
        sum(row[r] * sum(row[: r + 1]) / (r + 1) for r in range(count)) / count
        for row, count in zip(right, counts, strict=True)
    ]
    found = retrieval(vectors, labels, ks=(1, 5), unit=False)
    assert found.recall_at == pytest.approx({k: np.mean([any(row[:k]) for row in right]) for k in (1, 5)})
    assert found.map_at_r == pytest.approx(np.mean(precisions))
    assert found.map_at_r != pytest.approx(retrieval(vectors, labels, ks=(1, 5)).map_at_r)


def test_by_hand() -> None:
    angles = np.radians([0, 10, 25, 90])
    vectors = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)
    found = retrieval(vectors, ["a", "b", "a", "a"], ks=[1, 2])
    # The first asks: b, a, a. The third: b, a, a. The fourth: a, b, a. R is 2 for each; b is alone.
    assert found.queries == 3
    assert found.recall_at == pytest.approx({1: 1 / 3, 2: 1.0})
    assert found.map_at_r == pytest.approx((1 / 4 + 1 / 4 + 1 / 2) / 3)


@pytest.mark.parametrize("labels", [[], [None], ["a"], ["a", "b"], [None, None]])
def test_no_queries(labels: list[str | None]) -> None:
    vectors = np.ones((len(labels), 1), dtype=np.float32)
    assert retrieval(vectors, labels) == metrics.Retrieval(0, {1: 0.0, 5: 0.0, 10: 0.0}, 0.0)


def test_figures_of_each_query() -> None:
    angles = np.radians([0, 10, 25, 90])
    vectors = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)
    of = query_figures(vectors, ["a", "b", "a", "a"], ks=[1, 2])
    assert of.rows.tolist() == [0, 2, 3]
    assert of.classes.tolist() == [0, 0, 0]
    assert {k: hits.tolist() for k, hits in of.hits.items()} == {1: [False, False, True], 2: [True, True, True]}
    assert of.average_precision.tolist() == pytest.approx([1 / 4, 1 / 4, 1 / 2])
    assert len(query_figures(vectors, [None, "b", None, "c"]).rows) == 0
