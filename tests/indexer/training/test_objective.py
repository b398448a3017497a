"""The objective is the weighted sum of its parts."""

from dataclasses import replace

import pytest
import torch

from indexer.training import TrainConfig
from indexer.training.batches import Batch
from indexer.training.losses import LossSettings, make_loss
from indexer.training.mining import make_miner
from indexer.training.objective import DistillationLoss, Objective


@pytest.fixture
def embeddings() -> torch.Tensor:
    return torch.randn(8, 8, generator=torch.Generator().manual_seed(1))


@pytest.fixture
def batch() -> Batch:
    generator = torch.Generator().manual_seed(2)
    return Batch(
        views=torch.zeros(8, 3, 4, 4),
        classes=torch.tensor([0, 0, 0, 0, 1, 1, 1, 1]),
        pictures=torch.tensor([0, 1, 2, 0, 4, 5, 6, 4]),
        teacher=torch.randn(8, 8, generator=generator),
    )


def expected(config: TrainConfig, embeddings: torch.Tensor, labels: torch.Tensor, name: str = "triplet") -> float:
    loss = make_loss(name, LossSettings(config.margin, 3, 8))
    miner = make_miner(config.mining, config.margin) if name == "triplet" else None
    return float(loss(embeddings, labels, miner(embeddings, labels) if miner else None))


def test_parts_are_weighted_and_added(config: TrainConfig, embeddings: torch.Tensor, batch: Batch) -> None:
    weighted = replace(config, class_weight=0.5, instance_weight=2.0, teacher_weight=3.0)
    total = Objective(weighted, classes=3)(embeddings, batch, 0.0)
    by_hand = 0.5 * expected(config, embeddings, batch.classes) + 2.0 * expected(config, embeddings, batch.pictures)
    assert batch.teacher is not None
    by_hand += 3.0 * float(DistillationLoss()(embeddings, batch.teacher))
    assert float(total) == pytest.approx(by_hand, rel=1e-5)


def test_a_weight_of_zero_leaves_a_part_out(config: TrainConfig, embeddings: torch.Tensor, batch: Batch) -> None:
    only_pictures = Objective(replace(config, class_weight=0.0, instance_weight=1.0, teacher_weight=0.0), classes=3)
    assert float(only_pictures(embeddings, batch, 0.0)) == pytest.approx(
        expected(config, embeddings, batch.pictures), rel=1e-5
    )


def test_the_warm_up_has_losses_of_its_own(config: TrainConfig, embeddings: torch.Tensor, batch: Batch) -> None:
    warmed = replace(
        config,
        warmup_loss="supcon",
        warmup_instance_loss="supcon",
        warmup_share=0.5,
        instance_weight=1.0,
        teacher_weight=0.0,
    )
    objective = Objective(warmed, classes=3)
    early = sum(expected(config, embeddings, labels, "supcon") for labels in (batch.classes, batch.pictures))
    late = sum(expected(config, embeddings, labels) for labels in (batch.classes, batch.pictures))
    assert float(objective(embeddings, batch, 0.49)) == pytest.approx(early, rel=1e-5)
    assert float(objective(embeddings, batch, 0.5)) == pytest.approx(late, rel=1e-5)


def test_random_triplets_are_not_mined(config: TrainConfig, embeddings: torch.Tensor) -> None:
    drawn = replace(config, sampling="random-triplets", mining="all", instance_weight=0.0, margin=1.5)
    labels = torch.tensor([0, 0, 1, 1, 1, 0])
    batch = Batch(torch.zeros(6, 3, 4, 4), labels, torch.arange(6))
    units = torch.nn.functional.normalize(embeddings[:6])
    costs = [float((units[a] - units[a + 1]).norm() - (units[a] - units[a + 2]).norm()) + 1.5 for a in (0, 3)]
    assert min(costs) > 0
    assert float(Objective(drawn, classes=2)(embeddings[:6], batch, 0.0)) == pytest.approx(sum(costs) / 2, rel=1e-4)
