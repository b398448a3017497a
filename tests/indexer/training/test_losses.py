import itertools
import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.nn import functional

from indexer.training.losses import CLASSIFIERS, LOSSES, MINED, UNSCALED, LossSettings, make_loss
from indexer.training.losses.triplets import AdaptedTripletLoss
from indexer.training.mining import make_miner
from search.errors import DataError

LABELS = [0, 0, 0, 1, 1, 2, 2, 2]
MARGIN = 0.3
SETTINGS = LossSettings(MARGIN, classes=4, dim=5)
PAIRS = list(itertools.permutations(range(8), 2))
SAME = [(a, b) for a, b in PAIRS if LABELS[a] == LABELS[b]]
OTHER = [(a, b) for a, b in PAIRS if LABELS[a] != LABELS[b]]
TRIPLETS = [(a, p, n) for a, p in SAME for n in range(8) if LABELS[n] != LABELS[a]]


@pytest.fixture
def embeddings() -> torch.Tensor:
    return torch.randn(8, 5, generator=torch.Generator().manual_seed(3))


def directions(rows: torch.Tensor) -> np.ndarray:
    values = rows.detach().double().numpy()
    return values / np.linalg.norm(values, axis=1, keepdims=True)


def mean_of_positive(costs: list[float]) -> float:
    return float(np.mean([cost for cost in costs if cost > 0] or [0.0]))


def log_sum(logits: list[float]) -> float:
    return math.log(sum(math.exp(logit) for logit in logits))


def contrastive(x: np.ndarray, loss: torch.nn.Module) -> float:
    near = [np.linalg.norm(x[a] - x[b]) - 0.3 for a, b in SAME]
    far = [0.3 + MARGIN - np.linalg.norm(x[a] - x[b]) for a, b in OTHER]
    return mean_of_positive(near) + mean_of_positive(far)


def cosine_embedding(x: np.ndarray, loss: torch.nn.Module) -> float:
    one = torch.nn.CosineEmbeddingLoss(margin=MARGIN)

    def cost(pair: tuple[int, int], target: int) -> float:
        a, b = (torch.from_numpy(x[row])[None] for row in pair)
        return float(one(a, b, torch.tensor([target])))

    return mean_of_positive([cost(pair, 1) for pair in SAME]) + mean_of_positive([cost(pair, -1) for pair in OTHER])


def triplet(x: np.ndarray, loss: torch.nn.Module) -> float:
    gaps = [np.linalg.norm(x[a] - x[p]) - np.linalg.norm(x[a] - x[n]) for a, p, n in TRIPLETS]
    return mean_of_positive([gap + MARGIN for gap in gaps])


def triplet_mean(x: np.ndarray, loss: torch.nn.Module) -> float:
    gaps = [np.linalg.norm(x[a] - x[p]) - np.linalg.norm(x[a] - x[n]) for a, p, n in TRIPLETS]
    return float(np.mean([max(0.0, gap + MARGIN) for gap in gaps]))


def triplet_cosine(x: np.ndarray, loss: torch.nn.Module) -> float:
    return mean_of_positive([x[a] @ x[n] - x[a] @ x[p] + MARGIN for a, p, n in TRIPLETS])


def triplet_soft(x: np.ndarray, loss: torch.nn.Module) -> float:
    gaps = [np.linalg.norm(x[a] - x[p]) - np.linalg.norm(x[a] - x[n]) for a, p, n in TRIPLETS]
    return float(np.mean([MARGIN * math.log(1 + math.exp(gap / MARGIN)) for gap in gaps]))


def triplet_soft_cosine(x: np.ndarray, loss: torch.nn.Module) -> float:
    gaps = [x[a] @ x[n] - x[a] @ x[p] for a, p, n in TRIPLETS]
    return float(np.mean([MARGIN * math.log(1 + math.exp(gap / MARGIN)) for gap in gaps]))


def angular(x: np.ndarray, loss: torch.nn.Module) -> float:
    t = math.tan(math.radians(40)) ** 2
    costs = []
    for a, p in SAME:
        terms = [4 * t * (x[a] + x[p]) @ x[n] - 2 * (1 + t) * x[a] @ x[p] for n in range(8) if LABELS[n] != LABELS[a]]
        costs.append(log_sum([0.0, *terms]))
    return float(np.mean(costs))


def multi_similarity(x: np.ndarray, loss: torch.nn.Module) -> float:
    costs = []
    for a in range(8):
        near = [-2 * (x[a] @ x[p] - 0.5) for b, p in SAME if b == a]
        far = [50 * (x[a] @ x[n] - 0.5) for b, n in OTHER if b == a]
        costs.append(log_sum([0.0, *near]) / 2 + log_sum([0.0, *far]) / 50)
    return float(np.mean(costs))


def supcon(x: np.ndarray, loss: torch.nn.Module) -> float:
    costs = []
    for a in range(8):
        rest = log_sum([x[a] @ x[other] / 0.1 for other in range(8) if other != a])
        costs.append(np.mean([rest - x[a] @ x[p] / 0.1 for b, p in SAME if b == a]))
    return float(np.mean(costs))


def normalized_softmax(x: np.ndarray, loss: torch.nn.Module) -> float:
    return cross_entropy(x @ directions(loss.W.T).T / 0.05)


def arcface(x: np.ndarray, loss: torch.nn.Module) -> float:
    cosines = x @ directions(loss.W.T).T
    for row, label in enumerate(LABELS):
        cosines[row, label] = math.cos(math.acos(cosines[row, label]) + MARGIN)
    return cross_entropy(cosines / 0.05)


def proxy_anchor(x: np.ndarray, loss: torch.nn.Module) -> float:
    cosines = x @ directions(loss.proxies).T
    near, far = [], []
    for number in range(4):
        own = [-32 * (cosines[row, number] - MARGIN) for row in range(8) if LABELS[row] == number]
        others = [32 * (cosines[row, number] + MARGIN) for row in range(8) if LABELS[row] != number]
        far.append(log_sum([0.0, *others]))
        if own:
            near.append(log_sum([0.0, *own]))
    return float(np.mean(near) + np.mean(far))


def cross_entropy(logits: np.ndarray) -> float:
    return float(np.mean([log_sum(list(row)) - row[label] for row, label in zip(logits, LABELS, strict=True)]))


REFERENCES: dict[str, Callable[[np.ndarray, torch.nn.Module], float]] = {
    "angular": angular,
    "arcface": arcface,
    "contrastive": contrastive,
    "cosine-embedding": cosine_embedding,
    "multi-similarity": multi_similarity,
    "normalized-softmax": normalized_softmax,
    "proxy-anchor": proxy_anchor,
    "supcon": supcon,
    "triplet": triplet,
    "triplet-adapted": triplet,  # without mining there is no bias to correct
    "triplet-cosine": triplet_cosine,
    "triplet-mean": triplet_mean,
    "triplet-soft": triplet_soft,
    "triplet-soft-cosine": triplet_soft_cosine,
}


def test_every_loss_has_a_reference() -> None:
    assert {*REFERENCES, "softmax"} == set(LOSSES)


@pytest.mark.parametrize("name", sorted(REFERENCES))
def test_a_loss_against_a_slow_loop_for_any_length_of_embeddings(name: str, embeddings: torch.Tensor) -> None:
    torch.manual_seed(1)
    loss = make_loss(name, SETTINGS)
    expected = REFERENCES[name](directions(embeddings), loss)
    assert expected > 0
    lengths = torch.arange(1.0, 9.0)[:, None]
    for rows in (embeddings, embeddings * lengths):
        assert float(loss(rows, torch.tensor(LABELS), None).detach()) == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("name", sorted(UNSCALED - {"softmax"}))
def test_a_loss_against_a_slow_loop_without_normalising(name: str, embeddings: torch.Tensor) -> None:
    rows = embeddings * torch.arange(1.0, 9.0)[:, None] / 4
    loss = make_loss(name, replace(SETTINGS, normalize=False))
    expected = REFERENCES[name](rows.double().numpy(), loss)
    assert expected > 0
    assert float(loss(rows, torch.tensor(LABELS), None)) == pytest.approx(expected, rel=1e-4)
    assert float(loss(rows * 2, torch.tensor(LABELS), None)) != pytest.approx(expected, rel=1e-2)


@pytest.mark.parametrize("normalize", [True, False])
def test_triplet_mean_is_the_loss_of_torch(embeddings: torch.Tensor, normalize: bool) -> None:
    mined = tuple(torch.tensor(part) for part in zip(*TRIPLETS[::3], strict=True))
    rows = functional.normalize(embeddings) if normalize else embeddings
    expected = torch.nn.TripletMarginLoss(margin=MARGIN)(*(rows[part] for part in mined))
    found = make_loss("triplet-mean", replace(SETTINGS, normalize=normalize))(embeddings, torch.tensor(LABELS), mined)
    assert float(found) == pytest.approx(float(expected), rel=1e-4)


@pytest.mark.parametrize("name", sorted(set(LOSSES) - UNSCALED))
def test_other_losses_need_unit_vectors(name: str) -> None:
    with pytest.raises(DataError, match=f"normalize false: {name} needs unit vectors.*triplet"):
        make_loss(name, replace(SETTINGS, normalize=False))


def test_softmax_against_its_formula_on_unscaled_embeddings(embeddings: torch.Tensor) -> None:
    loss = make_loss("softmax", SETTINGS)
    weight, bias = (each.detach().double().numpy() for each in loss.parameters())
    expected = cross_entropy(embeddings.double().numpy() @ weight.T + bias)
    assert float(loss(embeddings, torch.tensor(LABELS)).detach()) == pytest.approx(expected, rel=1e-4)
    assert float(loss(embeddings * 2, torch.tensor(LABELS)).detach()) != pytest.approx(expected, rel=1e-2)


def test_supcon_leaves_views_without_a_positive_out_of_the_mean(embeddings: torch.Tensor) -> None:
    x, labels = directions(embeddings), [0, 0, 0, 1, 1, 2, 2, 3]
    costs = []
    for a in range(7):
        rest = log_sum([x[a] @ x[other] / 0.1 for other in range(8) if other != a])
        costs.append(np.mean([rest - x[a] @ x[p] / 0.1 for p in range(8) if p != a and labels[p] == labels[a]]))
    loss = make_loss("supcon", SETTINGS)(embeddings, torch.tensor(labels))
    assert float(loss) == pytest.approx(np.mean(costs), rel=1e-3)


def slowly_adapted(x: np.ndarray, mined: list[tuple[int, int, int]], weight: float) -> float:
    costs = [np.linalg.norm(x[a] - x[p]) - np.linalg.norm(x[a] - x[n]) + MARGIN for a, p, n in mined]
    apart = []
    for name in sorted(set(LABELS)):
        views = [x[row] for row in range(8) if LABELS[row] == name]
        selected = [x[row] for one in mined for row in one if LABELS[row] == name]
        if selected:
            difference = sum(views) / len(views) - sum(selected) / len(selected)
            apart.append(sum(value**2 for value in difference))
    return mean_of_positive(costs) + weight * float(np.mean(apart))


@pytest.mark.parametrize("mining", ["batch-hard", "hard", "semihard", "violating"])
@pytest.mark.parametrize("weight", [1.0, 2.5])
def test_the_adapted_triplet_loss_against_a_slow_loop(embeddings: torch.Tensor, mining: str, weight: float) -> None:
    labels = torch.tensor(LABELS)
    mined = make_miner(mining, MARGIN)(embeddings, labels)
    listed = list(zip(*(part.tolist() for part in mined), strict=True))
    expected = slowly_adapted(directions(embeddings), listed, weight)
    assert float(AdaptedTripletLoss(MARGIN, weight)(embeddings, labels, mined)) == pytest.approx(expected, rel=1e-4)
    in_space = AdaptedTripletLoss(MARGIN, weight, normalize=False)(embeddings, labels, mined)
    assert float(in_space) == pytest.approx(slowly_adapted(embeddings.double().numpy(), listed, weight), rel=1e-4)
    assert expected > slowly_adapted(directions(embeddings), listed, 0.0) + 1e-3


def test_the_adapted_triplet_loss_attracts_selected_views_to_their_class() -> None:
    embeddings = torch.eye(4)[[0, 0, 0, 1, 2, 2]].requires_grad_()
    labels = torch.tensor([0, 0, 0, 0, 1, 1])
    mined = (
        torch.tensor([0]),
        torch.tensor([3]),
        torch.tensor([4]),
    )  # the odd view of class 0 is half of the selection
    loss = AdaptedTripletLoss(margin=0.0)(embeddings, labels, mined)
    # The odd view is a quarter of class 0 and half of its selected views: the means differ by (1/4, -1/4).
    assert float(loss.detach()) == pytest.approx((2 * 0.25**2 + 0) / 2)
    loss.backward()
    assert embeddings.grad is not None
    moved = functional.normalize(embeddings.detach() - 0.1 * embeddings.grad)
    assert float(moved[3] @ moved[1]) > 0.0  # they began at right angles


@pytest.mark.parametrize("name", sorted(MINED))
def test_losses_over_triplets_use_only_the_mined_ones(name: str, embeddings: torch.Tensor) -> None:
    labels = torch.tensor(LABELS)
    mined = (torch.tensor([0]), torch.tensor([1]), torch.tensor([3]))
    one = LossSettings(3.0, classes=4, dim=5)  # a margin so wide that every triplet violates it
    few = float(make_loss(name, one)(embeddings, labels, mined))
    x = directions(embeddings)
    gap = x[0] @ x[3] - x[0] @ x[1] if "cosine" in name else np.linalg.norm(x[0] - x[1]) - np.linalg.norm(x[0] - x[3])
    cost = 3 * math.log(1 + math.exp(gap / 3)) if "soft" in name else gap + 3
    if name == "triplet-adapted":
        cost += (
            sum(
                float(((x[rows].mean(0) - x[chosen].mean(0)) ** 2).sum())
                for rows, chosen in (([0, 1, 2], [0, 1]), ([3, 4], [3]))
            )
            / 2
        )
    assert few == pytest.approx(cost, rel=1e-4)


@pytest.mark.parametrize("name", sorted(LOSSES))
def test_a_loss_falls_along_its_gradient(name: str, embeddings: torch.Tensor) -> None:
    torch.manual_seed(1)
    loss, labels = make_loss(name, SETTINGS), torch.tensor(LABELS)
    rows = embeddings.clone().requires_grad_()
    before = loss(rows, labels, None)
    before.backward()
    assert rows.grad is not None
    assert (rows.grad.abs().sum(dim=1) > 0).all()
    after = loss(rows.detach() - 1e-3 * rows.grad, labels, None)
    assert float(after.detach()) < float(before.detach())


@pytest.mark.parametrize("labels", [[0] * 8, [*range(4)] * 2], ids=["no other class", "mixed"])
@pytest.mark.parametrize("name", sorted(LOSSES))
def test_gradients_are_finite_if_embeddings_coincide(name: str, labels: list[int]) -> None:
    rows = torch.ones(8, 5, requires_grad=True)
    make_loss(name, SETTINGS)(rows, torch.tensor(labels)).backward()
    assert rows.grad is not None
    assert torch.isfinite(rows.grad).all()


@pytest.mark.parametrize("labels", [[0, 1, 2, 3], [1, 1, 1, 1], [2]], ids=["no pair", "one class", "one view"])
@pytest.mark.parametrize("name", sorted(LOSSES))
def test_batches_without_pairs_give_a_finite_loss_and_gradient(
    name: str, labels: list[int], embeddings: torch.Tensor
) -> None:
    rows = embeddings[: len(labels)].clone().requires_grad_()
    cost = make_loss(name, SETTINGS)(rows, torch.tensor(labels), None)
    cost.backward()
    assert torch.isfinite(cost.detach())
    assert rows.grad is not None
    assert torch.isfinite(rows.grad).all()
    if name in {*MINED, "angular", "supcon"} or (len(labels) == 1 and name not in CLASSIFIERS):
        assert float(cost.detach()) == 0.0
        assert not rows.grad.any()


@pytest.mark.parametrize("name", sorted(MINED))
def test_without_mined_triplets_the_loss_is_zero(name: str, embeddings: torch.Tensor) -> None:
    rows = embeddings.clone().requires_grad_()
    none = (torch.empty(0, dtype=torch.long),) * 3
    cost = make_loss(name, SETTINGS)(rows, torch.tensor(LABELS), none)
    cost.backward()
    assert float(cost.detach()) == 0.0
    assert rows.grad is not None
    assert not rows.grad.any()


def test_arcface_has_a_gradient_where_a_view_meets_its_class() -> None:
    loss = make_loss("arcface", SETTINGS)
    with torch.no_grad():
        loss.W.copy_(torch.eye(5)[:, :4])
    rows = torch.eye(5)[:4].requires_grad_()
    loss(rows, torch.arange(4)).backward()
    assert rows.grad is not None
    assert torch.isfinite(rows.grad).all()


@pytest.mark.parametrize("name", sorted(CLASSIFIERS))
def test_adamw_trains_the_weights_of_classifiers(name: str) -> None:
    torch.manual_seed(0)
    centers = functional.normalize(torch.randn(30, 16))
    loss = make_loss(name, LossSettings(0.1, classes=30, dim=16))
    weights = [each for each in loss.parameters() if each.ndim == 2]
    assert len(weights) == 1
    optimizer = torch.optim.AdamW(loss.parameters(), lr=1e-2, weight_decay=0.05)
    labels = torch.arange(30)
    for _ in range(150):
        optimizer.zero_grad()
        loss(centers, labels).backward()
        optimizer.step()
    found = weights[0].detach()
    found = found.T if found.shape == (16, 30) else found
    assert ((centers @ functional.normalize(found).T).argmax(dim=1) == labels).all()


def test_unknown_names_list_the_known_ones() -> None:
    with pytest.raises(DataError, match=r"'tripel'.*triplet"):
        make_loss("tripel", SETTINGS)


@pytest.mark.parametrize("name", ["triplet-soft", "triplet-soft-cosine"])
def test_a_soft_margin_needs_a_width(name: str) -> None:
    with pytest.raises(DataError, match=r"margin 0\.0"):
        make_loss(name, LossSettings(0.0, classes=4, dim=5))
