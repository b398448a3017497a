"""Write the page of the signature experiment: a comparison of losses, and thresholds tested on other writers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from experiments.page import DOCS, figure, figure_path, mean_and_spread, table, write_page
from experiments.scatter import save_small
from experiments.signatures_plots import draw_det, draw_histograms

if TYPE_CHECKING:
    from pathlib import Path

    from experiments.verification_trials import Verified
    from indexer.calibration.pairs import MeasuredPairs
    from search.recognition.calibration import ErrorRate

NAMED = {"random": "random forgeries", "same-name": "the same name by another writer"}


@dataclass(frozen=True, slots=True)
class LossFigures:
    """One loss: margins tried (EER on validation writers), and the test's EER of each seed by kind of forgery."""

    loss: str
    margin: float
    tried: dict[float, float]
    seeds: list[dict[str, float]]
    interval: dict[str, ErrorRate]
    """Interval of the first seed, by bootstrap over writers."""


@dataclass(frozen=True, slots=True)
class Half:
    """A threshold from one half of the test writers: expected rates, and actual rates on the other half."""

    chosen_on: str
    tried_on: str
    far: ErrorRate
    frr: ErrorRate
    ece: ErrorRate
    kept: Verified
    ece_kept: float
    """Calibration error of the probabilities on the other half."""


@dataclass(frozen=True, slots=True)
class Findings:
    """Results of the experiment."""

    losses: list[LossFigures]
    best: str
    """The best loss on the validation writers."""
    halves: dict[str, list[Half]]
    pairs: dict[str, dict[str, MeasuredPairs]]
    """Loss -> kind -> the first seed's pairs of test writers."""
    writers: int
    pictures: int
    minutes: float


def write_findings(found: Findings, docs: Path = DOCS) -> Path:
    """Draw the figures and write the page."""
    save_small(draw_det(found.pairs, NAMED), figure_path("signatures_det", docs))
    save_small(draw_histograms(found.pairs[found.best], found.best, NAMED), figure_path("signatures_distances", docs))
    return write_page(
        "signatures",
        "Signature verification",
        "Ten Chinese names, written by 70 people in four media each. Two pictures are a same pair if one writer "
        "wrote the same name. Training used 40 writers, and settings were chosen on 10 others. The figures are for "
        f"the last {found.writers} ({found.pictures} pictures), measured after all settings were fixed. A *random "
        "forgery*, as in the literature, is another name by another writer; *the same name by another writer* is "
        "harder. No forger tried to imitate a signature here: skilled forgeries would be harder still.",
        [
            ("Three losses", losses_section(found)),
            ("A threshold for FAR 1 %, tested on other writers", halves_section(found)),
            (
                "Distances",
                figure(
                    "signatures_distances", "Histograms of distances of genuine pairs and of both kinds of forgeries"
                ),
            ),
        ],
        found.minutes,
        docs,
    )


def losses_section(found: Findings) -> str:
    """Section on the EER of each loss."""
    rows = []
    for each in found.losses:
        margins = ", ".join(f"{margin:g}: {eer:.2%}" for margin, eer in each.tried.items())
        columns = [f"{percents([seed[kind] for seed in each.seeds])}" for kind in NAMED]
        intervals = [
            f"{each.interval[kind].low:.2%} to {each.interval[kind].high:.2%}"
            if each.interval[kind].low is not None
            else ""
            for kind in NAMED
        ]
        rows.append([each.loss, f"{each.margin:g}", margins, columns[0], intervals[0], columns[1], intervals[1]])
    seeds = len(found.losses[0].seeds)
    header = [
        "loss",
        "margin",
        "validation EER by margin",
        "EER, random",
        "95 %, by writer",
        "EER, same name",
        "95 %, by writer",
    ]
    return "\n\n".join(
        [
            "One network, one budget, one learning rate and the same batches for all (the recipe `signatures`); the "
            "margin of each loss is the one with the lower EER against the same name on the validation writers. "
            "*cosine-embedding* is the "
            "loss of Bromley et al. 1993: cosine, pulled to 1 for a writer's own and pushed below the margin for "
            f"others'. The equal error rates on the test writers are means of {seeds} seeds with a 95 % interval by "
            "Student's t; the first seed also has an interval by bootstrap over writers.",
            table(header, rows),
            figure("signatures_det", "DET curves of the losses against both kinds of forgeries"),
        ]
    )


def halves_section(found: Findings) -> str:
    """Section on expected and actual rates of a threshold."""
    rows = [
        [
            NAMED[kind],
            f"{half.chosen_on} → {half.tried_on}",
            f"{half.kept.threshold:.3f}",
            rate(half.far),
            rate(half.kept.far),
            rate(half.frr),
            rate(half.kept.frr),
            rate(half.ece),
            f"{half.ece_kept:.2%}",
        ]
        for kind, both in found.halves.items()
        for half in both
    ]
    inside = [
        half.far.low is None or half.far.low <= half.kept.far.value <= (half.far.high or 1.0)
        for both in found.halves.values()
        for half in both
    ]
    kept = [f"{error} {when}" for error in ("FAR", "FRR", "ECE") for when in ("expected", "found")]
    return "\n\n".join(
        [
            f"Loss {found.best}, the best on the validation writers, first seed. The test writers are split into "
            "halves. On one half, the largest threshold with a FAR of at most 1 % is chosen, with the interval in "
            "which calibration expects the rate of new writers. The other half is then measured. Both directions are "
            "shown.",
            table(["forgeries", "writers", "threshold", *kept], rows),
            "ECE: the expected calibration error, the mean error of the probabilities. The FAR found was within the "
            f"interval expected in {sum(inside)} of {len(inside)} cases. Intervals are 95 %, by bootstrap over "
            "writers; they are wide, because ten writers are few.",
        ]
    )


def rate(found: ErrorRate) -> str:
    """Format a rate and its interval in per cent."""
    bounds = "" if found.low is None or found.high is None else f" ({found.low:.1%} to {found.high:.1%})"
    return f"{found.value:.2%}{bounds}"


def percents(values: list[float]) -> str:
    """Format mean and spread over seeds in per cent."""
    return mean_and_spread([100 * value for value in np.array(values)], digits=2) + " %"
