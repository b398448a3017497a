"""Compare siamese and softmax training of one perceptron, and draw both planes.

    python -m experiments.siamese_or_softmax
    python -m experiments.siamese_or_softmax --steps 100 --seeds 1     (a quick test)

The network (200-100-2), batches, optimizer and learning rate are the same; only the loss differs: softmax over a linear
layer on the plane, contrastive over pairs, or triplet. The planes are measured on the test set: accuracy by the five
nearest training pictures, and the silhouette. Writes docs/results/siamese_or_softmax.md.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from time import monotonic
from typing import TYPE_CHECKING

from benchmarks.datasets import unpack
from experiments.options import parse
from experiments.page import figure, figure_path, mean_and_spread, table, write_page
from experiments.probes import accuracy, linear, nearest, silhouette
from experiments.runs import embedded, minutes_of, parts_of, trained
from experiments.scatter import draw_points, save_small
from indexer.plots.style import head, new_figure
from indexer.training import load_recipe

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from experiments.options import Options
    from experiments.runs import Embedded
    from indexer.training import TrainConfig
    from indexer.training.data import Split

NAME = "siamese_or_softmax"
BY_DISTANCE = load_recipe(NAME)
CONTENDERS = {
    "softmax": replace(BY_DISTANCE, loss="softmax"),
    "contrastive": BY_DISTANCE,
    "triplet": replace(BY_DISTANCE, loss="triplet"),
}
"""All three use the same batches, drawn evenly over the digits."""


@dataclass(frozen=True, slots=True)
class Run:
    """One training: the test set in its plane, and the figures."""

    test: Embedded
    nearest: float
    linear: float
    silhouette: float
    minutes: float


def main(arguments: Sequence[str] | None = None) -> None:
    """Train, measure, draw the figures, and write the page."""
    options = parse(NAME, __doc__ or "", arguments, seeds=3)
    began = monotonic()
    folder = unpack("mnist", options.datasets)
    runs = {
        name: [run(folder, replace(config, seed=seed), f"{name}-{seed}", options) for seed in range(options.seeds)]
        for name, config in CONTENDERS.items()
    }
    trainings = sum(each.minutes for of in runs.values() for each in of)
    names = parts_of(folder, BY_DISTANCE)["test"].names
    draw(runs, names, options)
    lead = (
        "The claim: trained by distances, a siamese network forms a cluster for each class, while a classifier only "
        f"divides the plane into sectors. The same perceptron (200-100-2) was trained in both ways. {verdict(runs)}"
    )
    minutes = max(trainings, (monotonic() - began) / 60)
    sections = [
        ("The planes", figure(f"{NAME}_planes", "Test set in the plane: softmax, contrastive, triplet")),
        ("Figures", figures(runs, len(runs["softmax"][0].test.labels))),
        ("How", how(folder)),
    ]
    write_page(NAME, "Siamese or softmax", lead, sections, minutes, options.docs)


def run(folder: Path, config: TrainConfig, name: str, options: Options) -> Run:
    """Train a network, or load it, and measure it; the gallery is its training pictures."""
    encoder = trained(folder / "train", options, name, config)
    parts: dict[str, Split] = parts_of(folder, config)
    train, test = (embedded(encoder, parts[part], unit=False) for part in ("train", "test"))
    return Run(
        test,
        accuracy(nearest(train, test), test),
        accuracy(linear(train, test), test),
        silhouette(test),
        minutes_of(encoder),
    )


def verdict(runs: dict[str, list[Run]]) -> str:
    """Describe the result: how well clusters separate, and the accuracy."""
    silhouettes = {name: mean_and_spread([each.silhouette for each in of], 2) for name, of in runs.items()}
    right = {name: mean_and_spread([each.nearest for each in of], 3) for name, of in runs.items()}
    return (
        f"The silhouette, which measures clusters, was {silhouettes['contrastive']} with contrastive loss, "
        f"{silhouettes['triplet']} with triplets and {silhouettes['softmax']} with softmax; 5-NN classifies "
        f"{right['contrastive']}, {right['triplet']} and {right['softmax']} of the test set correctly."
    )


def draw(runs: dict[str, list[Run]], names: Sequence[str], options: Options) -> None:
    """Draw the planes of the first seed, side by side."""
    drawing = new_figure(1500, 620)
    head(drawing, "The test set of MNIST in the plane", "one perceptron (200-100-2), three losses, the first seed")
    for place, (name, of) in enumerate(runs.items()):
        axes = drawing.add_subplot(1, len(runs), place + 1)
        draw_points(axes, of[0].test, names, f"{name}: 5-NN {of[0].nearest:.3f}, silhouette {of[0].silhouette:.2f}")
    drawing.subplots_adjust(left=0.045, right=0.985, top=0.8, bottom=0.07, wspace=0.13)
    save_small(drawing, figure_path(f"{NAME}_planes", options.docs))


def figures(runs: dict[str, list[Run]], pictures: int) -> str:
    """Table with one row per loss: means over seeds, with intervals."""
    rows = [
        [
            name,
            mean_and_spread([each.nearest for each in of], 3),
            mean_and_spread([each.silhouette for each in of], 3),
            mean_and_spread([each.linear for each in of], 3),
        ]
        for name, of in runs.items()
    ]
    seeds = len(runs["softmax"])
    return (
        table(["loss", "5-NN accuracy", "silhouette", "linear accuracy"], rows)
        + f"\n\nMeans over {seeds} seeds ± half a 95 % interval, on {pictures:,} test pictures. 5-NN searches the "
        "training pictures. The silhouette is 1 if every digit is a point far from the others, and 0 if the "
        "distance to the next cluster is the distance within it. The last column is logistic regression on the "
        "coordinates."
    )


def how(folder: Path) -> str:
    """Describe the trainings."""
    config = BY_DISTANCE
    pictures = len(parts_of(folder, config)["train"].paths)
    return (
        f"{config.steps:,} batches of {config.classes_per_batch * config.views_per_class} of {pictures:,} training "
        f"pictures, drawn evenly over the digits; Adam at {config.learning_rate:g}, with a cosine schedule; no "
        "augmentation; nothing was tuned for any loss. `contrastive`: pairs of one digit are penalised beyond "
        f"distance 0.3, other pairs within {0.3 + config.margin:g}. `triplet`: every triplet of a batch that violates "
        f"a margin of {config.margin:g}. `softmax`: cross-entropy of a linear layer on the plane. All losses use "
        "unnormalised embeddings."
    )


if __name__ == "__main__":
    main(sys.argv[1:])
