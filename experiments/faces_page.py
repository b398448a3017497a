"""Write the page of the faces experiment."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from experiments.faces_plots import draw_mistakes, draw_open_set
from experiments.page import DOCS, figure, figure_path, mean_and_spread, table, write_page
from experiments.scatter import save_small

if TYPE_CHECKING:
    from pathlib import Path

    from experiments.faces_findings import Findings
    from indexer.metrics.bootstrap import Figure

PUBLISHED, TARGET = 0.68, 0.90


def write_findings(found: Findings, docs: Path = DOCS) -> Path:
    """Draw the figures and write the page."""
    best = found.best
    save_small(draw_open_set({each[0].name: each[0] for each in found.encoders}), figure_path("faces_open_set", docs))
    save_small(draw_mistakes(found, best[0]), figure_path("faces_mistakes", docs))
    trained, watched, tested = found.split
    few = float(np.mean([each.few_way.value for each in best]))
    verdict = f"the goal was {TARGET:.2f}" if few >= TARGET else f"**the goal of {TARGET:.2f} was missed**"
    return write_page(
        "faces",
        "Face identification",
        f"The 40 people of ORL, ten pictures each: {trained} for training, {watched} for validation, and {tested} for "
        "the test, whom no training saw. They are identified from a single reference picture each. The best encoder "
        "and every "
        f"threshold were chosen on the validation people: {best[0].name}. Among ten people it identifies {few:.3f} of "
        "the probes correctly (published for a siamese network on unseen people of the same collection: "
        f"{PUBLISHED}; {verdict}). All pictures of a person were taken in one place under even light: harder pictures "
        "give worse figures.",
        [
            ("One reference each", one_shot_section(found)),
            ("With strangers", open_set_section(found)),
            ("Attendance", attendance_section(found)),
        ],
        found.minutes,
        docs,
    )


def one_shot_section(found: Findings) -> str:
    """Section on closed-set identification."""
    rows = []
    for seeds in found.encoders:
        first = seeds[0]
        references = [value for each in seeds for value in each.by_reference]
        rows.append(
            [
                first.name + (" (chosen)" if seeds is found.best else ""),
                mean_and_spread([each.validation for each in seeds], 3),
                mean_and_spread([each.one_shot.value for each in seeds], 3),
                interval(first.one_shot),
                f"{min(references):.3f} to {max(references):.3f}",
                mean_and_spread([each.few_way.value for each in seeds], 3),
                interval(first.few_way),
            ]
        )
    people = len(np.unique(found.people))
    header = [
        "encoder",
        f"{found.split[1]} validation people",
        f"{people} people",
        "95 %, by person",
        "by choice of reference",
        "10 people",
        "95 %, by person",
    ]
    return "\n\n".join(
        [
            "Share of probes whose nearest reference shows the same person. In turn the first, second, ... picture of "
            "each person is the only reference, and all others are probes. The table has the mean over all choices, "
            "and the worst and the best choice. *10 people*: 10,000 trials of ten people drawn at random, one "
            "reference each and one probe. "
            f"Mean of {len(found.best)} seeds with an interval by Student's t; the intervals by person are those of "
            "the first seed.",
            table(header, rows),
            figure(
                "faces_mistakes", "Rows of three faces: a probe, the wrong reference that was nearest, the right one"
            ),
        ]
    )


def open_set_section(found: Findings) -> str:
    """Section on open-set identification."""
    rows = []
    for seeds in found.encoders:
        for references in seeds[0].open_set:
            figures = [(each.calibration.threshold, each.open_set[references]) for each in seeds]
            rows.append(
                [
                    seeds[0].name,
                    str(references),
                    f"{np.mean([threshold for threshold, _ in figures]):.3f}",
                    mean_and_spread([of.identified(threshold) for threshold, of in figures], 3),
                    mean_and_spread([of.taken_for_another(threshold) for threshold, of in figures], 3),
                    mean_and_spread([of.strangers_accepted(threshold) for threshold, of in figures], 3),
                ]
            )
    chance = 1 - 0.99 ** (len(np.unique(found.people)) // 2)
    header = ["encoder", "references each", "threshold", "identified", "taken for another", "strangers accepted"]
    return "\n\n".join(
        [
            "Half of the test people are enrolled and the other half are strangers, for 200 random choices of halves "
            "and references. A probe whose nearest reference is beyond the threshold is reported as *unknown*. The "
            "threshold is that of `twinlens calibrate` on the validation people: at most 1 % of the *pairs* of "
            "different people are closer. A stranger "
            f"is compared with all ten people, so {chance:.0%} of the strangers would be accepted if ten comparisons "
            "were independent, and more with more references per person.",
            table(header, rows),
            "The threshold comes from only six people, and how well it transfers to others varies. The curve shows "
            "the results of other thresholds.",
            figure("faces_open_set", "Share of enrolled people identified over share of strangers accepted"),
        ]
    )


def attendance_section(found: Findings) -> str:
    """Section on attendance."""
    rows = [
        [
            "as it is" if allowed is None else f"`--max-false-accept {allowed:g}`",
            f"{of.logged} of {of.visits} ({of.logged / of.visits:.3f})",
            str(of.wrong),
            f"{of.admitted} of {of.strangers} ({of.admitted / of.strangers:.3f})",
        ]
        for allowed, of in found.attendance.items()
    ]
    return "\n\n".join(
        [
            "End to end with the commands of Twinlens and the chosen encoder: `enroll` half of the test people with "
            "one picture each, `calibrate` on the validation people, then `attend` a camera's folder. Everybody "
            "comes once a day for three days and is photographed three times within two minutes. A visit is logged "
            "if one of the three pictures is recognised, so visits are recognised more often than pictures, and a "
            "stranger also has three chances. The counts are summed over the seeds, each with random halves.",
            table(["twinlens attend", "visits logged", "under a wrong name", "visits of strangers logged"], rows),
        ]
    )


def interval(found: Figure) -> str:
    """Format the interval of a figure."""
    return "" if found.interval is None else "{:.3f} to {:.3f}".format(*found.interval)
