import itertools
from dataclasses import replace

import numpy as np
import pytest
import torch

from indexer.training.config import TrainConfig
from indexer.training.losses import LOSSES, LossSettings, Objective, make_loss
from indexer.training.mining import MINERS, make_miner
from search.errors import DataError

LABELS = [0, 0, 0, 1, 1, 2, 2, 2]
MARGIN = 0.3


@pytest.fixture
def embeddings() -> torch.Tensor:
    return torch.randn(8, 5, generator=torch.Generator().manual_seed(3))


def distances(embeddings: torch.Tensor) -> np.ndarray:
    rows = embeddings.double().numpy()
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return np.array([[np.linalg.norm(a - b) for b in rows] for a in rows])


def triplets() -> list[tuple[int, int, int]]:
    every = itertools.product(range(8), repeat=3)
    return [(a, p, n) for a, p, n in every if a != p and LABELS[a] == LABELS[p] and LABELS[a] != LABELS[n]]


def slow(embeddings: torch.Tensor, mining: str) -> set[tuple[int, int, int]]:
    d = distances(embeddings)
    if mining == "hard":
        chosen = set()
        for a in range(8):
            others = [t for t in triplets() if t[0] == a]
            chosen.add(
                (
                    a,
                    max((p for _, p, _ in others), key=lambda p: d[a, p]),
                    min((n for *_, n in others), key=lambda n: d[a, n]),
                )
            )
        return chosen
    gap = {(a, p, n): d[a, n] - d[a, p] for a, p, n in triplets()}
    keep = {"semihard": lambda g: 0 < g <= MARGIN, "violating": lambda g: g <= MARGIN, "all": lambda g: True}[mining]
    return {triplet for triplet, value in gap.items() if keep(value)}


@pytest.mark.parametrize("mining", sorted(MINERS))
def test_triplet_loss_and_mining_against_a_loop(embeddings: torch.Tensor, mining: str) -> None:
    labels = torch.tensor(LABELS)
    miner = make_miner(mining, MARGIN)
    mined = None if miner is None else miner(embeddings, labels)
    wanted = slow(embeddings, mining)
    assert wanted
    if mined is not None:
        assert set(zip(*(part.tolist() for part in mined), strict=True)) == wanted
    d = distances(embeddings)
    costs = [d[a, p] - d[a, n] + MARGIN for a, p, n in wanted]
    costs = [cost for cost in costs if cost > 0]
    loss = make_loss("triplet", LossSettings(MARGIN, 3, 5))(embeddings, labels, mined)
    assert float(loss) == pytest.approx(np.mean(costs), rel=1e-4)


def test_normalized_softmax_against_a_formula(embeddings: torch.Tensor) -> None:
    loss = make_loss("normalized-softmax", LossSettings(MARGIN, 3, 5))
    weights = torch.nn.functional.normalize(loss.W.detach(), dim=0)
    logits = (torch.nn.functional.normalize(embeddings) @ weights / 0.05).numpy()
    wanted = np.mean([np.log(np.exp(row).sum()) - row[label] for row, label in zip(logits, LABELS, strict=True)])
    assert float(loss(embeddings, torch.tensor(LABELS)).detach()) == pytest.approx(wanted, rel=1e-4)


def test_supcon_against_a_loop(embeddings: torch.Tensor) -> None:
    labels = [0, 0, 0, 1, 1, 2, 2, 3]  # 3 stands alone: no positive, no share in the mean
    s = np.exp((2 - distances(embeddings) ** 2) / 2 / 0.1)
    costs = []
    for a in range(7):
        positives = [p for p in range(8) if p != a and labels[p] == labels[a]]
        rest = sum(s[a, other] for other in range(8) if other != a)
        costs.append(-np.mean([np.log(s[a, p] / rest) for p in positives]))
    loss = make_loss("supcon", LossSettings(MARGIN, 4, 5))(embeddings, torch.tensor(labels))
    assert float(loss) == pytest.approx(np.mean(costs), rel=1e-3)


@pytest.mark.parametrize("name", sorted(LOSSES))
def test_gradients_are_finite_even_where_embeddings_coincide(name: str) -> None:
    embeddings = torch.ones(8, 5, requires_grad=True)
    make_loss(name, LossSettings(MARGIN, 3, 5))(embeddings, torch.tensor(LABELS)).backward()
    assert embeddings.grad is not None
    assert torch.isfinite(embeddings.grad).all()


def test_unknown_names_list_the_known_ones() -> None:
    with pytest.raises(DataError, match=r"'tripel'.*triplet"):
        make_loss("tripel", LossSettings(MARGIN, 3, 5))
    with pytest.raises(DataError, match=r"'soft'.*semihard"):
        make_miner("soft", MARGIN)


@torch.no_grad()
def test_the_objective_changes_its_loss_after_the_warm_up(embeddings: torch.Tensor) -> None:
    config = replace(
        TrainConfig(), network={"dim": 5}, margin=MARGIN, warmup_loss="normalized-softmax", warmup_share=0.5
    )
    objective = Objective(replace(config, instance_weight=0.0), classes=3)
    labels, pictures = torch.tensor(LABELS), torch.tensor([0, 0, 1, 2, 3, 4, 4, 5])
    early, late = (float(objective(embeddings, labels, pictures, share)) for share in (0.49, 0.5))
    assert early == pytest.approx(float(objective.warmup(embeddings, labels)))
    miner = make_miner("violating", MARGIN)
    by_class = float(objective.by_class(embeddings, labels, miner(embeddings, labels)))
    assert late == pytest.approx(by_class)
    both = Objective(replace(config, instance_weight=2.0), classes=3)
    by_picture = float(both.by_picture(embeddings, pictures, miner(embeddings, pictures)))
    assert float(both(embeddings, labels, pictures, 0.9)) == pytest.approx(by_class + 2.0 * by_picture, rel=1e-5)
