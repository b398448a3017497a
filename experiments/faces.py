"""Identify faces from one picture per person, with different people in training and test.

    python -m experiments.faces                        complete, about a quarter of an hour on one core; resumes
    python -m experiments.faces --steps 5 --seeds 1    a quick test

Of 40 people, 14 are for training, 6 for validation (settings and thresholds are chosen on them), and 20 for the test.
Writes docs/results/faces.md and docs/images/faces_*.png; runs are kept in .cache/experiments/faces.

Source: the pictures are those of Samaria and Harter, "Parameterisation of a stochastic model for human face
identification", 1994 (AT&T Laboratories Cambridge).
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.datasets import unpack
from experiments.face_attendance import Attended, attended
from experiments.face_people import People, people_of, split_people
from experiments.face_trials import few_way_hits, one_shot_hits, open_set
from experiments.faces_findings import Findings, Judged
from experiments.faces_page import write_findings
from experiments.options import parse
from experiments.runs import minutes_of, run_folder, trained
from indexer.calibration.config import CalibrateConfig
from indexer.calibration.label_pairs import pairs_of_labels
from indexer.calibration.measure import measure
from indexer.evaluation.embed_in_memory import embed_in_memory
from indexer.metrics.bootstrap import mean_figure
from indexer.training import load_recipe
from search.encoders import load_encoder

if TYPE_CHECKING:
    from collections.abc import Sequence

    from experiments.options import Options
    from indexer.training import TrainConfig
    from search.encoders.base import Encoder
    from search.recognition.calibration import Calibration
    from search.types import Floats

WAYS, TRIALS, GALLERIES = 10, 10_000, 200
HALVES = 3
"""Random choices of enrolled people for the attendance, for each seed."""
ALLOWED = (None, 0.3)
"""Allowed shares of strangers' pictures that attendance identifies as somebody; None is the default of the command."""
DRAWS = 1000
MAX_FAR = 0.01
SCRATCH = {
    "kind": "resnet",
    "stem": 24,
    "widths": [48, 96, 192],
    "depths": [1, 1, 1],
    "pooled": 2,
    "grid": 3,
    "dim": 128,
}
"""A network with random initial weights, for comparison."""


def embedded(encoder: Encoder, of: People) -> Floats:
    """Unit rows of the pictures; a zero row for a picture in which the encoder finds no face."""
    found = embed_in_memory(encoder, of.paths)
    vectors = np.zeros((len(of.paths), encoder.dim), dtype=np.float32)
    vectors[found.rows] = found.vectors
    return vectors


def calibrated(vectors: Floats, of: People) -> Calibration:
    """Calibrate a threshold for a FAR of 1 % on people who are not in the training set."""
    names = [str(person) for person in of.people]
    pairs = pairs_of_labels(names, names, most=200_000, seed=0)
    config = CalibrateConfig(max_far=MAX_FAR, resamples=DRAWS)
    return measure(pairs.measured(vectors), config, prior=0.5, fingerprint="", data="watched people").calibration


def judged(
    name: str,
    source: str,
    encoder: Encoder,
    watched: People,
    test: People,
    calibration: Calibration | None = None,
) -> Judged:
    """Measure all figures of one encoder; without a calibration of its own, calibrate it on the watched people."""
    validation_vectors, vectors = embedded(encoder, watched), embedded(encoder, test)
    hits = one_shot_hits(vectors, test.people, test.shots)
    probes = np.array([[shot != own for own in test.shots] for shot in range(len(hits))])
    whom = np.broadcast_to(test.people, hits.shape)
    few, of_whom = few_way_hits(vectors, test.people, ways=min(WAYS, len(set(test.people))), trials=TRIALS, seed=0)
    validation = one_shot_hits(validation_vectors, watched.people, watched.shots)
    return Judged(
        name=name,
        encoder=source,
        validation=float(validation.sum() / (validation.size - len(watched.people))),
        one_shot=mean_figure(hits[probes].astype(np.float64), whom[probes]),
        by_reference=[float(each[own].mean()) for each, own in zip(hits, probes, strict=True)],
        few_way=mean_figure(few.astype(np.float64), of_whom),
        calibration=calibration or calibrated(validation_vectors, watched),
        open_set={
            references: open_set(
                vectors, test.people, test.shots, galleries=GALLERIES, references=references, seed=references
            )
            for references in (1, 3)
        },
        vectors=vectors,
    )


def settings(config: TrainConfig, names: tuple[Sequence[str], Sequence[str], Sequence[str]], seed: int) -> TrainConfig:
    """The recipe with the training and validation people; the test people are never opened."""
    train, watched, test = names
    return replace(
        config,
        classes=tuple(train),
        validation=tuple(watched),
        held_out=tuple(test),
        seed=seed,
        classes_per_batch=min(config.classes_per_batch, len(train)),
    )


def run(options: Options) -> Findings:
    """Train, then measure every encoder once on the test people."""
    folder = unpack("faces", options.datasets)
    names = split_people(folder)
    watched, test = people_of(folder, names[1]), people_of(folder, names[2])
    recipe = load_recipe("faces")
    found = [[judged("the encoder `small` as it is", "small", load_encoder("small", device="cpu"), watched, test)]]
    minutes = 0.0
    kinds = {
        "from-small": ("the network of `small`, trained on with faces", recipe),
        "from-random": (
            "a small network from random weights",
            replace(recipe, network=SCRATCH, start=None, learning_rate=2e-3, steps=120, evaluate_every=30),
        ),
    }
    for run_name, (name, config) in kinds.items():
        of_seeds = []
        for seed in range(options.seeds):
            each = f"{run_name}-{seed}"
            encoder = trained(folder, options, each, settings(config, names, seed))
            minutes += minutes_of(encoder)
            of_seeds.append(judged(name, str(run_folder(options, each)), encoder, watched, test))
        found.append(of_seeds)
    split = tuple(len(each) for each in names)
    findings = Findings(found, test.paths, test.people, test.shots, split, minutes)
    return replace(findings, attendance=attendance(findings.best, test, watched))


def attendance(encoders: Sequence[Judged], test: People, watched: People) -> dict[float | None, Attended]:
    """Sum of several runs with each encoder, by the allowed share of strangers."""
    people = {path.parent.name: [each for each in test.paths if each.parent == path.parent] for path in test.paths}
    return {
        allowed: sum(
            (
                attended(each.encoder, people, watched.paths, max_false_accept=allowed, seed=half)
                for each in encoders
                for half in range(HALVES)
            ),
            Attended(),
        )
        for allowed in ALLOWED
    }


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the missing trainings, and write the page."""
    options = parse("faces", __doc__ or "", arguments, seeds=3)
    write_findings(run(options), options.docs)


if __name__ == "__main__":
    main()
