"""Write the page of the experiment with few examples: the claims, and whether they are confirmed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from experiments.page import DOCS, figure, figure_path, half_width, mean_and_spread, table, write_page
from experiments.scatter import save_small
from indexer.plots.style import BLUE, GREEN, ORANGE, SMALL, head, new_figure, plain_axes

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from matplotlib.figure import Figure

Seeds = list[dict[str, dict[str, float]]]
"""For each seed: method -> part (`all`, `cut`, `full`) -> accuracy."""
PARTS = {"all": "all classes", "cut": "cut classes", "full": "full classes"}
CLASSIFIER, BALANCED, SIAMESE = "classifier", "classifier, balanced batches", "siamese, nearest example"
AVERAGE, BALANCED_AVERAGE = "average of classifier and siamese", "average of balanced and siamese"
QUESTIONS = (
    ("more robust than a plain classifier", SIAMESE, CLASSIFIER, "cut"),
    ("more robust than a classifier on balanced batches", SIAMESE, BALANCED, "cut"),
    ("better over all classes than a plain classifier", SIAMESE, CLASSIFIER, "all"),
    ("the average better than the plain classifier in it", AVERAGE, CLASSIFIER, "all"),
    ("that average better than the siamese network in it", AVERAGE, SIAMESE, "all"),
    ("the average with balanced batches better than the balanced classifier", BALANCED_AVERAGE, BALANCED, "all"),
    ("that average better than the siamese network in it", BALANCED_AVERAGE, SIAMESE, "all"),
)


@dataclass(frozen=True, slots=True)
class Findings:
    """Figures by collection."""

    figures: dict[str, Seeds]
    about: dict[str, str]
    few: int
    examples: int
    queries: int
    minutes: float


def write_findings(found: Findings, docs: Path = DOCS) -> Path:
    """Draw the figure and write the page."""
    save_small(draw(found.figures), figure_path("few_examples", docs))
    seeds = len(next(iter(found.figures.values())))
    return write_page(
        "few_examples",
        "Few examples and class imbalance",
        "The claim: siamese networks are *more robust to class imbalance, because a few pictures of a "
        "class are enough, and good in an ensemble with a classifier*. Here half of ten classes are cut to "
        f"{found.few} examples and the others have {found.examples}; {found.queries} other pictures of each class are "
        "the queries. One network is trained with one budget in three ways: as a softmax classifier on pictures as "
        "they come, as a softmax classifier on batches with every class equally often, and as a siamese network with "
        "supervised contrastive loss, which predicts the class of the nearest example. *Average*: the mean of the "
        "class probabilities of the classifier and the scores of "
        "the siamese network, which are the softmax over classes of the largest cosine to an example of each, divided "
        "by 0.1. "
        f"{seeds} seeds, each with other classes cut and other pictures; ± is half a 95 % interval of the mean by "
        "Student's t.",
        [
            *((found.about[name], section(of)) for name, of in found.figures.items()),
            ("Plot", figure("few_examples", "Accuracy of every way on cut and on full classes")),
        ],
        found.minutes,
        docs,
    )


def section(seeds: Seeds) -> str:
    """Section of one collection: accuracies, and verdicts on the claims."""
    rows = [[way, *(mean_and_spread([of[way][part] for of in seeds], 3) for part in PARTS)] for way in seeds[0]]
    answers = []
    for claim, one, other, part in QUESTIONS:
        gains = differences(seeds, one, other, part)
        answers.append([claim, PARTS[part], f"{np.mean(gains):+.3f}{spread(gains)}", verdict(gains)])
    return "\n\n".join(
        [
            table(["accuracy", *PARTS.values()], rows),
            "Differences are taken seed by seed, so that the draw of a seed, which affects both sides, cancels out:",
            table(["the claim", "judged on", "difference", ""], answers),
        ]
    )


def differences(seeds: Seeds, one: str, other: str, part: str) -> list[float]:
    """Difference in accuracy between two methods, for each seed."""
    return [of[one][part] - of[other][part] for of in seeds]


def verdict(gains: Sequence[float]) -> str:
    """Confirmed or refuted if the 95 % interval of the mean excludes zero, else open."""
    if len(gains) < 2:
        return "open"
    mean, half = float(np.mean(gains)), half_width(gains)
    return "confirmed" if mean - half > 0 else "refuted" if mean + half < 0 else "open"


def spread(gains: Sequence[float]) -> str:
    """Half the interval, formatted; empty for a single seed."""
    return f" ± {half_width(gains):.3f}" if len(gains) > 1 else ""


def draw(figures: Mapping[str, Seeds]) -> Figure:
    """Draw bars of accuracy by method on cut, full and all classes, with intervals; one panel per collection."""
    page = new_figure(1500, 720)
    head(
        page,
        "Half of the classes cut to four examples",
        "accuracy on pictures never seen; lines are 95 % intervals over seeds",
    )
    panels = page.subplots(1, len(figures), sharey=True)
    page.subplots_adjust(left=0.05, right=0.985, top=0.8, bottom=0.2, wspace=0.06)
    for axes, (name, seeds) in zip(np.atleast_1d(panels), figures.items(), strict=True):
        plain_axes(axes, name)
        ways = list(seeds[0])
        places = np.arange(len(ways))
        for shift, (part, color) in zip(
            (-0.26, 0.0, 0.26), zip(PARTS, (BLUE, ORANGE, GREEN), strict=True), strict=True
        ):
            values = [[of[way][part] for of in seeds] for way in ways]
            errors = [half_width(each) if len(each) > 1 else 0.0 for each in values]
            axes.bar(
                places + shift,
                [np.mean(each) for each in values],
                0.24,
                yerr=errors,
                color=color,
                alpha=0.85,
                error_kw={"linewidth": 1},
                label=PARTS[part],
            )
        axes.set_xticks(
            places,
            [
                way.replace(", ", ",\n")
                .replace(" of ", " of\n")
                .replace(" and ", "\nand ")
                .replace("d b", "d\nb")
                .replace("t e", "t\ne")
                for way in ways
            ],
        )
        axes.grid(visible=False, axis="x")
        axes.set_ylim(0, 1)
    np.atleast_1d(panels)[-1].legend(loc="upper right", fontsize=SMALL + 1, frameon=True, edgecolor="none", ncols=3)
    return page
