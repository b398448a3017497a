"""Test whether siamese networks are more robust to few examples than classifiers, and useful in an ensemble.

    python -m experiments.few_examples                        complete, about ten minutes on one core; resumes
    python -m experiments.few_examples --steps 5 --seeds 2    a quick test

Half of the classes are cut to four examples. The same network is trained as a classifier (softmax), on random batches
and on batches with every class equally often, and as a siamese network (supervised contrastive loss), which predicts
the class of the nearest example. Their predictions are also averaged. Every seed cuts other classes and draws other
pictures. Writes docs/results/few_examples.md and docs/images/few_examples.png; figures of each seed are kept in
.cache/experiments/few_examples.
"""

from __future__ import annotations

import json
import tempfile
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch.nn import functional

from benchmarks.datasets import unpack
from experiments.few_examples_page import Findings, write_findings
from experiments.imbalance import Imbalanced, accuracies, draw_imbalanced, nearest_scores
from experiments.options import parse
from indexer.training import load_recipe
from indexer.training.batches import BatchMaker
from indexer.training.trainer import Trainer
from indexer.training.validation import normalised
from search.files.writing import write_file

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from torch import Tensor, nn

    from experiments.options import Options
    from indexer.training import TrainConfig
    from search.types import Floats

FEW, EXAMPLES, QUERIES = 4, 200, 100
CLASSES = 10
TEMPERATURE = 0.1
"""Temperature of the siamese network's scores, the same as that of its loss."""


@dataclass(frozen=True, slots=True)
class Data:
    """A data set: its folders of classes for training and test, and changes to the recipe."""

    about: str
    unpacked: str
    train: str
    test: str
    changes: dict[str, Any]


DATA = {
    "clothes": Data(
        "Fashion-MNIST, all ten classes",
        "fashion-mnist",
        "train",
        "test",
        {
            "input_size": 28,
            "network": {"kind": "cnn", "size": 28, "widths": [32, 64], "hidden": [128], "gray": True, "dim": 64},
        },
    ),
    "photos": Data("Tiny ImageNet, its first ten classes", "tiny-imagenet", "train", "train", {}),
}
WAYS: dict[str, dict[str, Any]] = {
    "classifier": {"loss": "softmax", "sampling": "random"},
    "classifier, balanced batches": {"loss": "softmax"},
    "siamese, nearest example": {},
}


def trained(of: Imbalanced, config: TrainConfig) -> tuple[nn.Module, nn.Module]:
    """Train a network on pictures in memory; return it and its loss, which contains a classifier's last layer."""
    classes = int(of.classes.max()) + 1
    batches = BatchMaker(of.squares, np.arange(len(of.classes)), of.classes, config, torch.device("cpu"))
    with tempfile.TemporaryDirectory() as folder:
        trainer = Trainer(config, classes, batches, None, Path(folder))
        trainer.run(lambda event: None)
        return trainer.trained(), trainer.objective.by_class.eval()


@torch.inference_mode()
def embedded(network: nn.Module, squares: NDArray[np.uint8]) -> Tensor:
    """Unscaled embeddings `(N, D)`."""
    pixels = torch.from_numpy(squares).permute(0, 3, 1, 2).float() / 255.0
    return torch.cat([network(normalised(part)) for part in torch.split(pixels, 256)])


def scores_of(way: str, of: Imbalanced, config: TrainConfig) -> NDArray[np.float64]:
    """Class scores `(Q, C)` of one method, after training it."""
    network, loss = trained(of, config)
    queries = embedded(network, of.queries)
    if way.startswith("classifier"):
        with torch.inference_mode():
            probabilities: NDArray[np.float64] = torch.softmax(loss.get_submodule("layer")(queries), 1).double().numpy()
        return probabilities
    rows: list[Floats] = [functional.normalize(each).numpy() for each in (embedded(network, of.squares), queries)]
    return nearest_scores(rows[0], of.classes, rows[1], temperature=TEMPERATURE)


def one_seed(data: Data, seed: int, options: Options) -> dict[str, dict[str, float]]:
    """Accuracies of each method, for one draw of classes and pictures."""
    folder = unpack(data.unpacked, options.datasets)
    names = sorted(path.name for path in (folder / data.train).iterdir())[:CLASSES]
    recipe = replace(load_recipe("few_examples"), seed=seed, **data.changes)
    steps = options.steps or recipe.steps
    recipe = replace(recipe, steps=steps, evaluate_every=steps)
    of = draw_imbalanced(
        [folder / data.train / name for name in names],
        [folder / data.test / name for name in names],
        examples=EXAMPLES,
        few=FEW,
        queries=QUERIES,
        size=recipe.input_size,
        seed=seed,
    )
    scores = {way: scores_of(way, of, replace(recipe, **changes)) for way, changes in WAYS.items()}
    one, balanced, siamese = scores.values()
    scores["average of classifier and siamese"] = (one + siamese) / 2
    scores["average of balanced and siamese"] = (balanced + siamese) / 2
    return {way: accuracies(each, of) for way, each in scores.items()}


def kept(name: str, seed: int, options: Options) -> tuple[dict[str, dict[str, float]], float]:
    """Figures and minutes of a seed, stored or computed; stored ones must have the same settings."""
    file = options.work / f"{name}-{seed}.json"
    recipe = load_recipe("few_examples")
    settings = json.loads(json.dumps([asdict(DATA[name]), WAYS, asdict(recipe), options.steps, EXAMPLES, FEW, QUERIES]))
    if file.is_file():
        stored = json.loads(file.read_text(encoding="utf-8"))
        if stored["settings"] == settings:
            return stored["figures"], float(stored["minutes"])
    began = time.monotonic()
    figures = one_seed(DATA[name], seed, options)
    minutes = (time.monotonic() - began) / 60
    file.parent.mkdir(parents=True, exist_ok=True)
    write_file(file, json.dumps({"settings": settings, "figures": figures, "minutes": minutes}))
    return figures, minutes


def run(options: Options) -> Findings:
    """Measure every seed of every collection."""
    figures: dict[str, list[dict[str, dict[str, float]]]] = {}
    minutes = 0.0
    for name in DATA:
        for seed in range(options.seeds):
            found, took = kept(name, seed, options)
            figures.setdefault(name, []).append(found)
            minutes += took
    return Findings(figures, {name: data.about for name, data in DATA.items()}, FEW, EXAMPLES, QUERIES, minutes)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the missing seeds, and write the page."""
    options = parse("few_examples", __doc__ or "", arguments, seeds=6)
    write_findings(run(options), options.docs)


if __name__ == "__main__":
    main()
