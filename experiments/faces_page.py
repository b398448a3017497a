"""The page of the faces experiment."""

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
    verdict = f"{TARGET:.2f} was asked for" if few >= TARGET else f"**{TARGET:.2f} was asked for: missed**"
    return write_page(
        "faces",
        "Faces: who is it?",
        f"The 40 people of ORL, ten pictures each: {trained} were trained on, {watched} watched, and {tested}, whom no "
        "training saw, are identified from a single reference picture each. Which encoder is the best, and every "
        f"threshold, was decided on the watched people: {best[0].name}. Among ten people it answers "
        f"{few:.3f} of the probes right (published for a siamese network on unseen people of the same collection: "
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
    """Closed-set identification."""
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
        f"{found.split[1]} watched people",
        f"{people} people",
        "95 %, by person",
        "by choice of reference",
        "10 people",
        "95 %, by person",
    ]
    return "\n\n".join(
        [
            "Share of probes whose nearest reference shows the same person. In turn the first, second, ... picture of "
            "everybody is the only reference and all others are probes; the mean of all choices, and the worst and the "
            "best of them. *10 people*: 10,000 trials of ten people drawn at random, one reference each and one probe. "
            f"Mean of {len(found.best)} seeds with an interval by Student's t; the intervals by person are those of "
            "the first seed.",
            table(header, rows),
            figure(
                "faces_mistakes", "Rows of three faces: a probe, the wrong reference that was nearest, the right one"
            ),
        ]
    )


def open_set_section(found: Findings) -> str:
    """Strangers among the probes."""
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
            "Half of the test's people are enrolled, the other half are strangers, 200 random halves and references. A "
            "probe whose nearest reference lies beyond the threshold is answered *unknown*. The threshold is that of "
            "`twinlens calibrate` on the watched people: at most 1 % of *pairs* of different people nearer. A stranger "
            f"is compared with all ten people, so {chance:.0%} of the strangers would be accepted if ten comparisons "
            "were independent, and more with more references each.",
            table(header, rows),
            "The threshold comes from six people alone, and how it carries over to others varies; the curve shows what "
            "other thresholds would give.",
            figure("faces_open_set", "Share of enrolled people identified over share of strangers accepted"),
        ]
    )


def attendance_section(found: Findings) -> str:
    """What a log of visits was worth."""
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
            "End to end, with the product's own commands, by the encoder that was chosen: `enroll` half of the test's "
            "people with one picture each, `calibrate` on the watched people, then `attend` to a camera's folder. "
            "Everybody comes once a day, three days long, and is photographed three times within two minutes; a visit "
            "is logged when one picture of the three is recognised, so it is noticed more often than a picture, and a "
            "stranger has three chances too. Random halves by every seed, counted together.",
            table(["twinlens attend", "visits logged", "under a wrong name", "visits of strangers logged"], rows),
        ]
    )


def interval(found: Figure) -> str:
    """Bounds of a figure."""
    return "" if found.interval is None else "{:.3f} to {:.3f}".format(*found.interval)
