"""Reproduce published MNIST triplets: a plane to draw, and 64 dimensions with a linear classifier.

    python -m experiments.mnist_published
    python -m experiments.mnist_published --steps 200     (a quick test)

Trains the recipe `mnist_published` twice, in 2 and in 64 dimensions, on random triplets of the training set; 5,000
validation pictures control the learning rate and the end of the run. Draws the plane of the training and of the test
set, and fits a linear classifier on the 64-D embeddings of the training pictures: precision, recall and F1 of every
digit of the test set, and a confusion matrix. Writes docs/results/mnist_published.md.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from time import monotonic
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.datasets import unpack
from experiments.options import parse
from experiments.page import figure, figure_path, table, write_page
from experiments.probes import accuracy, by_class, confusion, half_interval, linear, nearest
from experiments.runs import embedded, minutes_of, parts_of, trained
from experiments.scatter import draw_points, save_small
from indexer.plots.style import INK, PAPER, SMALL, head, new_figure, plain_axes
from indexer.training import load_recipe

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from experiments.options import Options
    from indexer.training.data import Split
    from search.encoders.checkpoint import CheckpointEncoder

NAME = "mnist_published"
PUBLISHED = 0.99
SPACE = load_recipe(NAME)
PLANE = replace(SPACE, network={**SPACE.network, "dim": 2}, early_stopping=5)


def main(arguments: Sequence[str] | None = None) -> None:
    """Train, measure, draw the figures, and write the page."""
    options = parse(NAME, __doc__ or "", arguments)
    began = monotonic()
    folder = unpack("mnist", options.datasets)
    parts = parts_of(folder, SPACE)
    plane = trained(folder / "train", options, "plane", PLANE)
    space = trained(folder / "train", options, "space", SPACE)
    trainings = minutes_of(plane, space)
    sections = [_in_the_plane(plane, parts, options), _in_space(space, parts, options), _how(plane, space, parts)]
    lead = (
        "The classic experiment: a small convolutional network learns from random triplets (anchor, positive, "
        "negative) to place equal digits close together and different digits apart. Published: a linear classifier on "
        f"the 64-D embedding classifies {PUBLISHED:.2f} of the test set correctly."
    )
    measured = max(0.0, (monotonic() - began) / 60 - trainings)
    write_page(NAME, "MNIST triplets as published", lead, sections, trainings + measured, options.docs)


def _in_the_plane(encoder: CheckpointEncoder, parts: dict[str, Split], options: Options) -> tuple[str, str]:
    train, test = (embedded(encoder, parts[part], unit=False) for part in ("train", "test"))
    drawing = new_figure(1240, 690)
    head(drawing, "MNIST in two dimensions", "random triplets, margin 1.5, as the network gives them", left=60)
    for place, (title, of) in enumerate({"training pictures": train, "test pictures": test}.items()):
        axes = drawing.add_subplot(1, 2, place + 1)
        draw_points(axes, of, parts["test"].names, title)
    drawing.subplots_adjust(left=0.05, right=0.98, top=0.82, bottom=0.07, wspace=0.12)
    save_small(drawing, figure_path(f"{NAME}_plane", options.docs))
    shares = {name: accuracy(nearest(train, of), of) for name, of in {"training": train, "test": test}.items()}
    text = (
        f"{figure(f'{NAME}_plane', 'The ten digits as clusters of a plane: training pictures left, test right')}"
        f"\n\n5-NN over the training pictures classifies {shares['test']:.4f} of the test pictures correctly. "
        f"(Training pictures, which are among their own neighbours: {shares['training']:.4f}.)"
    )
    return "In two dimensions", text


def _in_space(encoder: CheckpointEncoder, parts: dict[str, Split], options: Options) -> tuple[str, str]:
    train, test = (embedded(encoder, parts[part], unit=False) for part in ("train", "test"))
    names = parts["test"].names
    answers = linear(train, test)
    right = accuracy(answers, test)
    found = by_class(answers, test, len(names))
    rows = [
        [name, *(f"{value:.4f}" for value in (found.precision[n], found.recall[n], found.f1[n])), str(found.count[n])]
        for n, name in enumerate(names)
    ]
    means = [f"{float(np.mean(values)):.4f}" for values in (found.precision, found.recall, found.f1)]
    rows.append(["mean over digits", *means, str(len(test.labels))])
    _draw_confusion(confusion(answers, test, len(names)), names, figure_path(f"{NAME}_confusion", options.docs))
    text = [
        f"A linear classifier on the embedding, fitted on the training pictures, classifies **{right:.4f}** ± "
        f"{half_interval(right, len(test.labels)):.4f} of the {len(test.labels):,} test pictures correctly (95 % "
        f"interval for these answers; published {PUBLISHED:.2f}). 5-NN over the training pictures: "
        f"{accuracy(nearest(train, test), test):.4f}.",
        table(["digit", "precision", "recall", "F1", "pictures"], rows),
        figure(f"{NAME}_confusion", "Confusion matrix of the ten digits"),
    ]
    return "In 64 dimensions", "\n\n".join(text)


def _how(plane: CheckpointEncoder, space: CheckpointEncoder, parts: dict[str, Split]) -> tuple[str, str]:
    rows = [
        [
            title,
            *(str(encoder.card["last"][key]) for key in ("step",)),
            f"{encoder.card['final']['map_at_r']:.4f}",
            f"{encoder.card['last']['learning_rate']:.2g}",
            f"{encoder.card['last']['minutes']:.1f}",
        ]
        for title, encoder in {"2-D": plane, "64-D": space}.items()
    ]
    network = {key: value for key, value in SPACE.network.items() if key != "dim"}
    text = (
        f"Network `{network}`; Adam at {SPACE.learning_rate:g}, batches of {SPACE.classes_per_batch} random triplets "
        f"(anchor, positive, negative: {SPACE.classes_per_batch * SPACE.views_per_class} pictures); torch's "
        f"TripletMarginLoss with margin {SPACE.margin} between unnormalised embeddings, averaged over all triplets of "
        f"a batch, including those with a loss of zero; {len(parts['train'].paths):,} training pictures, no "
        f"augmentation. Every {SPACE.evaluate_every} batches the run evaluates "
        f"{min(SPACE.validation_pictures, len(parts['validation'].paths)):,} pictures that it does not train on. The "
        f"learning rate is multiplied by {SPACE.plateau_factor} when their mAP@R has not risen for more than three "
        "evaluations; the run ends after five (2-D) or eight (64-D) such evaluations and keeps the best weights. "
        "Unlike most published runs, it follows retrieval (mAP@R), not the validation loss."
    )
    header = ["", "batches", "validation mAP@R of what was kept", "last rate", "minutes"]
    return "How", f"{text}\n\n{table(header, rows)}"


def _draw_confusion(counts: NDArray[np.int64], names: Sequence[str], path: Path) -> None:
    drawing = new_figure(760, 760)
    head(drawing, "Confusion of digits", f"linear classifier on the 64-D embedding, {counts.sum():,} test pictures")
    axes = drawing.add_axes((0.1, 0.08, 0.86, 0.78))
    shares = counts / np.maximum(1, counts.sum(axis=1, keepdims=True))
    axes.imshow(np.sqrt(shares), cmap="Blues", vmin=0, vmax=1)
    for (row, column), count in np.ndenumerate(counts):
        if count:
            color = PAPER if shares[row, column] > 0.4 else INK
            axes.text(column, row, str(count), ha="center", va="center", size=SMALL, color=color)
    plain_axes(axes, "", x="called", y="is")
    axes.grid(visible=False)
    axes.set_xticks(range(len(names)), names)
    axes.set_yticks(range(len(names)), names)
    save_small(drawing, path)


if __name__ == "__main__":
    main(sys.argv[1:])
