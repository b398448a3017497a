import itertools
import math

import numpy as np
import pytest
import torch

from indexer.training.mining import (
    MINERS,
    DistanceWeighted,
    active_share,
    distances_of,
    make_miner,
    triplets_as_drawn,
)
from search.errors import DataError

LABELS = [0, 0, 0, 1, 1, 2, 2, 2]
MARGIN = 0.3


@pytest.fixture
def embeddings() -> torch.Tensor:
    return torch.randn(8, 5, generator=torch.Generator().manual_seed(3))


def slow_distances(embeddings: torch.Tensor, normalize: bool = True) -> np.ndarray:
    rows = embeddings.double().numpy()
    if normalize:
        rows = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return np.array([[np.linalg.norm(a - b) for b in rows] for a in rows])


def slow_triplets(labels: list[int]) -> list[tuple[int, int, int]]:
    every = itertools.product(range(len(labels)), repeat=3)
    return [(a, p, n) for a, p, n in every if a != p and labels[a] == labels[p] and labels[a] != labels[n]]


def slow(embeddings: torch.Tensor, mining: str, normalize: bool) -> set[tuple[int, int, int]]:
    d = slow_distances(embeddings, normalize)
    if mining in ("batch-hard", "easy-positive"):
        chosen, of_positives = set(), {"batch-hard": max, "easy-positive": min}[mining]
        for a in range(8):
            own = [t for t in slow_triplets(LABELS) if t[0] == a]
            positive = of_positives((p for _, p, _ in own), key=lambda p: d[a, p])
            chosen.add((a, positive, min((n for *_, n in own), key=lambda n: d[a, n])))
        return chosen
    keep = {
        "hard": lambda gap: gap <= 0,
        "semihard": lambda gap: 0 < gap <= MARGIN,
        "violating": lambda gap: gap <= MARGIN,
    }[mining]
    return {(a, p, n) for a, p, n in slow_triplets(LABELS) if keep(d[a, n] - d[a, p])}


@pytest.mark.parametrize("normalize", [True, False])
@pytest.mark.parametrize("mining", sorted(set(MINERS) - {"all", "distance-weighted"}))
def test_mining_against_a_loop(embeddings: torch.Tensor, mining: str, normalize: bool) -> None:
    rows = embeddings * torch.tensor([1.0, 1.3, 0.8, 1.1, 0.9, 1.2, 0.7, 1.0])[:, None]
    mined = make_miner(mining, MARGIN, normalize=normalize)(rows, torch.tensor(LABELS))
    expected = slow(rows, mining, normalize)
    assert expected
    assert set(zip(*(part.tolist() for part in mined), strict=True)) == expected


def test_all_is_no_mining() -> None:
    assert make_miner("all", MARGIN) is None


def test_distance_weighted_needs_unit_vectors() -> None:
    with pytest.raises(DataError, match="distance-weighted: needs unit vectors"):
        make_miner("distance-weighted", MARGIN, normalize=False)


def test_unknown_names_list_the_known_ones() -> None:
    with pytest.raises(DataError, match=r"'soft'.*semihard"):
        make_miner("soft", MARGIN)


@pytest.mark.parametrize("labels", [[0, 1, 2, 3], [0, 0, 0, 0], [0]], ids=["no pair", "one class", "one view"])
@pytest.mark.parametrize("mining", sorted(set(MINERS) - {"all"}))
def test_batches_without_triplets(mining: str, labels: list[int], embeddings: torch.Tensor) -> None:
    mined = make_miner(mining, MARGIN)(embeddings[: len(labels)], torch.tensor(labels))
    assert [len(part) for part in mined] == [0, 0, 0]


@pytest.mark.parametrize("dim", [1, 2, 3, 4, 7, 64])
def test_distance_weights_against_a_loop(dim: int) -> None:
    embeddings = torch.randn(12, dim, generator=torch.Generator().manual_seed(dim))
    embeddings[3] = embeddings[0]  # a negative at distance 0
    embeddings[6] = -embeddings[0]  # and one at distance 2, where the density is 0 or infinite
    labels = [0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 4]
    d, expected = slow_distances(embeddings), np.zeros((12, 12))
    for a, n in itertools.product(range(12), repeat=2):
        if labels[a] != labels[n] and d[a, n] < 1.4:
            x = max(d[a, n], 0.5)
            expected[a, n] = 1 / (x ** (dim - 2) * (1 - x**2 / 4) ** ((dim - 3) / 2))
    sums = expected.sum(axis=1, keepdims=True)
    expected = np.divide(expected, sums, out=np.zeros_like(expected), where=sums > 0)
    found = DistanceWeighted().weights(embeddings, torch.tensor(labels)).numpy()
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_distance_weighted_draws_by_its_weights() -> None:
    embeddings = torch.tensor([[1.0, 0, 0], [1, 0.1, 0], [1, 0.5, 0], [1, 1, 0.2], [0.3, 1, 1]])
    labels = torch.tensor([0, 0, 1, 2, 3])
    miner, counts = DistanceWeighted(), np.zeros((5, 5))
    weights = miner.weights(embeddings, labels).numpy()
    torch.manual_seed(0)
    for _ in range(600):
        anchors, positives, negatives = miner(embeddings, labels)
        assert sorted(anchors.tolist()) == [0, 0, 1, 1]
        assert (positives == 1 - anchors).all()
        np.add.at(counts, (anchors.numpy(), negatives.numpy()), 1)
    np.testing.assert_allclose(counts[:2] / 1200, weights[:2], atol=0.04)


def test_distance_weighted_is_reproducible() -> None:
    embeddings = torch.randn(40, 16, generator=torch.Generator().manual_seed(0))
    labels, drawn = torch.arange(10).repeat(4), []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        drawn.append(torch.stack(make_miner("distance-weighted", MARGIN)(embeddings, labels)))
    assert torch.equal(drawn[0], drawn[1])
    assert not torch.equal(drawn[0], drawn[2])


def test_distance_weighted_keeps_its_anchors_in_many_dimensions() -> None:
    generator = torch.Generator().manual_seed(0)
    embeddings = torch.randn(40, 512, generator=generator) + torch.randn(512, generator=generator)
    embeddings[1] = embeddings[0]  # one close pair, next to which all other weights would vanish
    labels = torch.arange(10).repeat(4)
    anchors, *_ = make_miner("distance-weighted", MARGIN)(embeddings, labels)
    assert set(anchors.tolist()) == set(range(40))


def test_distance_weighted_with_nan_embeddings() -> None:
    anchors, *_ = make_miner("distance-weighted", MARGIN)(torch.full((8, 4), math.nan), torch.tensor(LABELS))
    assert len(anchors) == 0


def test_triplets_as_drawn() -> None:
    drawn = triplets_as_drawn(torch.zeros(9, 2), torch.tensor([0, 0, 1, 2, 2, 0, 1, 1, 2]))
    assert [part.tolist() for part in drawn] == [[0, 3, 6], [1, 4, 7], [2, 5, 8]]


@pytest.mark.parametrize("normalize", [True, False])
@pytest.mark.parametrize("margin", [0.0, 0.1, 0.5, 4.0])
@pytest.mark.parametrize("labels", [LABELS, [0, 1, 2, 3, 4, 5, 6, 6], [0] * 7 + [1]])
def test_active_share_against_a_loop(
    labels: list[int], margin: float, normalize: bool, embeddings: torch.Tensor
) -> None:
    d = slow_distances(embeddings, normalize)
    costs = [d[a, p] + margin > d[a, n] for a, p, n in slow_triplets(labels)]
    found = active_share(embeddings, torch.tensor(labels), margin, normalize=normalize)
    assert isinstance(found, float)
    assert found == pytest.approx(np.mean(costs), abs=1e-9)


def test_active_share_of_a_large_batch_and_of_none() -> None:
    generator = torch.Generator().manual_seed(0)
    large = active_share(torch.randn(512, 32, generator=generator), torch.arange(512) // 256, 0.1)
    assert 0.5 < large < 0.95
    assert active_share(torch.ones(4, 3), torch.tensor([0, 0, 1, 1]), 0.1) == 1.0
    assert active_share(torch.ones(4, 3), torch.tensor([0, 0, 1, 1]), 0.0) == 0.0
    assert active_share(torch.ones(4, 3), torch.arange(4), 0.1) == 0.0
    assert active_share(torch.ones(0, 3), torch.arange(0), 0.1) == 0.0


def test_distances_of_equal_rows_are_zero_and_have_a_gradient() -> None:
    rows = torch.randn(1, 16, generator=torch.Generator().manual_seed(0)).repeat(40, 1).requires_grad_()
    distances = distances_of(rows)
    assert float(distances.detach().max()) == 0.0
    distances.sum().backward()
    assert rows.grad is not None
    assert torch.isfinite(rows.grad).all()
