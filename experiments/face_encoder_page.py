"""Write the page that compares the encoder `faces` with the built-in one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from experiments.page import DOCS, table, write_page
from indexer.calibration.label_pairs import pairs_of_labels
from indexer.metrics.bootstrap import mean_figure
from search.recognition.identities import open_set_threshold

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from experiments.face_trials import OpenSet
    from experiments.faces_findings import Compared
    from indexer.metrics.bootstrap import Figure
    from search.recognition.identities import OpenSetThreshold

FACES = "faces"
TARGET = 0.95


def write_findings(found: Sequence[Compared], minutes: float, docs: Path = DOCS) -> Path:
    """Write the page."""
    own = [each for each in found if each.judged.name == FACES]
    rates = [identified(each.judged.open_set[1], threshold_of(each, 1)).value for each in own]
    admitted = [str(accepted(each.judged.open_set[1], threshold_of(each, 1))) for each in own]
    verdict = f"the goal was {TARGET:.2f}" if min(rates) >= TARGET else f"**the goal of {TARGET:.2f} was missed**"
    test = own[0].people
    people, pictures = len(np.unique(test.people)), len(test.paths)
    of = own[0].judged.calibration
    return write_page(
        "face_encoder",
        "The encoder for faces",
        f"`faces`, beside `small`, on the {people} people of ORL who are not in its calibration ({pictures} "
        "pictures), and on the same pictures with another light and another pose: turned, tilted, moved and scaled, "
        "lit from one side, with another gamma and noise (`experiments/light_and_pose.py`). Half of the people are "
        "enrolled with one picture each, and the threshold allows 1 % of strangers' pictures. `faces` then identifies "
        f"{' and '.join(f'{rate:.3f}' for rate in rates)} of the pictures of enrolled people ({verdict}), and accepts "
        f"{' and '.join(admitted)} of those of strangers. The threshold comes from 20 people, and how well it "
        "transfers to others varies as much as the interval of its FAR says; another light and pose cost more. ORL "
        "shows adults in one laboratory, mostly men, from the front. Other people may be recognised less well: measure "
        "on your own.",
        [
            ("With strangers", open_set_section(found)),
            ("Stated and measured rates", rates_section(own)),
            ("Without strangers", closed_set_section(found)),
            ("Attendance", attendance_section(found)),
            ("Faces found, and speed", speed_section(found)),
            (
                "The calibration of `faces`",
                f"Measured by `python -m experiments.face_calibration` on {of.subjects} other people of ORL: "
                f"{of.same_pairs:,} pairs of pictures of one person, {of.different_pairs:,} of two. Threshold "
                f"{of.threshold:.3f} ({of.rule}); FAR {of.far}, FRR {of.frr}, equal error rate {of.eer}. Its people "
                "also served to choose the lowest score of a face and the scales at which faces are searched. The test "
                "people served for nothing but this page. The network was trained by others, on FaceScrub, VGG-Face "
                "and pictures from the web.",
            ),
        ],
        minutes,
        docs,
    )


def threshold_of(compared: Compared, references: int) -> OpenSetThreshold:
    """The threshold that `identify` uses by default, for half of the people with so many references each."""
    enrolled = len(np.unique(compared.people.people)) // 2
    return open_set_threshold(compared.judged.calibration, enrolled * references)


def identified(of: OpenSet, threshold: OpenSetThreshold) -> Figure:
    """Share of pictures of enrolled people that are identified correctly, with its interval by person."""
    right = of.known_right & (of.known_distances <= threshold.distance)
    return mean_figure(right.astype(np.float64), of.known_people)


def accepted(of: OpenSet, threshold: OpenSetThreshold) -> Figure:
    """Share of pictures of strangers that are identified as somebody, with its interval by person."""
    return mean_figure((of.stranger_distances <= threshold.distance).astype(np.float64), of.stranger_people)


def open_set_section(found: Sequence[Compared]) -> str:
    """Section on enrolled people and strangers."""
    rows = []
    for each in found:
        for references, of in each.judged.open_set.items():
            threshold = threshold_of(each, references)
            rows.append(
                [
                    each.pictures,
                    each.judged.name,
                    str(references),
                    f"{threshold.distance:.3f}",
                    str(identified(of, threshold)),
                    f"{of.taken_for_another(threshold.distance):.4f}",
                    str(accepted(of, threshold)),
                ]
            )
    header = ["pictures", "encoder", "references", "threshold", "identified", "taken for another", "strangers accepted"]
    return "\n\n".join(
        [
            "Half of the people are enrolled and the others are strangers, for 200 random choices of halves and "
            "references. The threshold is the default of `twinlens identify`: at most 1 % of strangers' pictures, by "
            "the calibration on the other people. A picture in which no face is found counts as not identified. "
            "Intervals of 95 % by person.",
            table(header, rows),
        ]
    )


def rates_section(found: Sequence[Compared]) -> str:
    """Section that compares the rates of the calibration with those of the test people."""
    calibration = found[0].judged.calibration
    rows = [["stated, with 95 %", str(calibration.far), str(calibration.frr)]]
    for each in found:
        shown = each.judged.vectors.any(axis=1)
        names = [str(person) for person in each.people.people[shown]]
        pairs = pairs_of_labels(names, names, most=10**6, seed=0).measured(each.judged.vectors[shown])
        near = pairs.distances <= calibration.threshold
        rows.append([each.pictures, f"{near[~pairs.same].mean():.4f}", f"{1 - near[pairs.same].mean():.4f}"])
    return "\n\n".join(
        [
            f"Pairs of two pictures at the threshold {calibration.threshold:.3f}: false accept rate (FAR) and false "
            "reject rate (FRR) as the calibration states them for new people, and as measured on the test people.",
            table(["pairs", "FAR", "FRR"], rows),
        ]
    )


def closed_set_section(found: Sequence[Compared]) -> str:
    """Section on identification without a threshold."""
    rows = [
        [
            each.pictures,
            each.judged.name,
            str(each.judged.one_shot),
            f"{min(each.judged.by_reference):.3f} to {max(each.judged.by_reference):.3f}",
            str(each.judged.few_way),
        ]
        for each in found
    ]
    header = ["pictures", "encoder", "20 people", "by choice of reference", "10 people"]
    return "\n\n".join(
        [
            "Share of pictures whose nearest reference shows the same person, with one reference each; in turn the "
            "first, second, ... picture of everybody is the reference. *10 people*: 10,000 random trials. Intervals "
            "of 95 % by person.",
            table(header, rows),
        ]
    )


def attendance_section(found: Sequence[Compared]) -> str:
    """Section on attendance."""
    rows = [
        [
            each.pictures,
            each.judged.name,
            f"{of.logged} of {of.visits} ({of.logged / of.visits:.3f})",
            str(of.wrong),
            f"{of.admitted} of {of.strangers} ({of.admitted / of.strangers:.3f})",
        ]
        for each in found
        for of in [each.attended]
    ]
    header = ["pictures", "encoder", "visits logged", "under a wrong name", "visits of strangers logged"]
    return "\n\n".join(
        [
            "End to end with the commands: `enroll` half of the people with one picture each (the next one if no face "
            "is found), then `attend` a camera's folder. Everybody comes once a day for three days and is photographed "
            "three times, so a visit has three chances, also that of a stranger. `faces` uses the calibration that it "
            "has; `small` is calibrated on the other people. Sum of random halves.",
            table(header, rows),
        ]
    )


def speed_section(found: Sequence[Compared]) -> str:
    """Section on pictures without a face and on speed."""
    rows = [
        [each.pictures, each.judged.name, f"{each.without_face} of {len(each.people.paths)}", f"{each.speed:.1f}"]
        for each in found
    ]
    return table(["pictures", "encoder", "no face found", "pictures/s"], rows)
