"""Compare three losses of siamese networks in verification of handwritten names, with unseen writers in the test.

    python -m experiments.signatures                        complete, about an hour on one core; resumes
    python -m experiments.signatures --steps 10 --seeds 1   a quick test

Of 70 writers, 40 are for training, 10 for choosing settings, and 20 for the test. The margin of each loss is chosen
with the first seed on the validation writers. Writes docs/results/signatures.md and docs/images/signatures_*.png; runs
are kept in .cache/experiments/signatures.

Source: Bromley et al., "Signature Verification using a Siamese Time Delay Neural Network", NIPS 1993.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.datasets import unpack
from experiments.options import parse
from experiments.runs import minutes_of, trained
from experiments.signature_pairs import (
    FORGERIES,
    Signature,
    pairs_against,
    read_signatures,
    split_writers,
    write_labels,
)
from experiments.signatures_page import Findings, Half, LossFigures, write_findings
from experiments.verification_trials import DRAWS, equal_error, verified
from indexer.calibration.calibration_error import reliability
from indexer.calibration.config import CalibrateConfig
from indexer.calibration.error_rates import ErrorRates
from indexer.calibration.fitting import weights_for
from indexer.calibration.measure import measure
from indexer.training import load_recipe
from search.chunks import chunks
from search.pictures.decode import load_picture

if TYPE_CHECKING:
    from collections.abc import Sequence

    from experiments.options import Options
    from search.encoders.base import Encoder
    from search.encoders.checkpoint import CheckpointEncoder
    from search.types import Floats

LOSSES: dict[str, tuple[float, ...]] = {
    "triplet": (0.1, 0.3),
    "contrastive": (0.3, 0.6),
    "cosine-embedding": (0.0, 0.4),
}
"""Losses, and the margins to try."""
MAX_FAR = 0.01


class Harness:
    """Trains the encoders, which differ only in loss, margin and seed."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self.folder = unpack("signatures", options.datasets)
        every = read_signatures(self.folder)
        train, validation, test = split_writers(sorted({each.writer for each in every}))
        self.validation = [each for each in every if each.writer in validation]
        self.test = [each for each in every if each.writer in test]
        self.test_writers = test
        self.labels = write_labels(every, train, validation, options.work / "labels.csv")

    def trained(self, loss: str, margin: float, seed: int) -> CheckpointEncoder:
        """Train the encoder of a run, or load it."""
        config = replace(load_recipe("signatures"), loss=loss, margin=margin, seed=seed)
        return trained(self.folder, self.options, f"{loss}-{margin:g}-{seed}", config, labels=str(self.labels))


def embedded(encoder: Encoder, signatures: Sequence[Signature]) -> Floats:
    """Unit rows of the pictures, in order."""
    parts = [encoder.encode([load_picture(each.path) for each in batch]) for batch in chunks(signatures, 256)]
    vectors: Floats = np.concatenate(parts)
    return vectors


def eers(vectors: Floats, signatures: Sequence[Signature]) -> dict[str, float]:
    """Equal error rate against each kind of forgery."""
    rates = {}
    for kind in FORGERIES:
        curves = ErrorRates(pairs_against(signatures, kind).measured(vectors)).curves()
        assert curves is not None, "both kinds of pairs are there"
        rates[kind] = curves.eer
    return rates


def best_margin(harness: Harness, loss: str) -> tuple[float, dict[float, float]]:
    """The margin with the lowest EER against the same name on validation writers, and the EER of every margin."""
    tried = {}
    for margin in LOSSES[loss]:
        encoder = harness.trained(loss, margin, 0)
        tried[margin] = eers(embedded(encoder, harness.validation), harness.validation)["same-name"]
    return min(tried, key=lambda margin: tried[margin]), tried


def halves(vectors: Floats, harness: Harness, kind: str) -> list[Half]:
    """Choose a threshold for a FAR of 1 % on one half of the test writers and test it on the other, both ways."""
    writers = harness.test_writers
    sides = (writers[::2], writers[1::2])
    measured_sides = []
    for side in sides:
        rows = [row for row, each in enumerate(harness.test) if each.writer in side]
        pairs = pairs_against([harness.test[row] for row in rows], kind, most=20_000)
        measured_sides.append(pairs.measured(vectors[rows]))
    tests = []
    for chosen_on, tried_on in ((0, 1), (1, 0)):
        config = CalibrateConfig(max_far=MAX_FAR, resamples=DRAWS)
        expected = measure(measured_sides[chosen_on], config, prior=0.5, fingerprint="", data=kind).calibration
        other = measured_sides[tried_on]
        actual = verified(other, expected.threshold, draws=DRAWS)
        probabilities = expected.probability_map(other.distances)
        error = reliability(probabilities, other.same, weights_for(other.same, expected.prior)).error
        tests.append(Half("AB"[chosen_on], "AB"[tried_on], expected.far, expected.frr, expected.ece, actual, error))
    return tests


def run(options: Options) -> Findings:
    """Choose margins on validation writers, then test every seed of every loss once."""
    harness = Harness(options)
    figures, minutes = [], 0.0
    vectors_of: dict[str, Floats] = {}
    for loss in LOSSES:
        margin, tried = best_margin(harness, loss)
        found = []
        for seed in range(options.seeds):
            encoder = harness.trained(loss, margin, seed)
            minutes += minutes_of(encoder)
            vectors = embedded(encoder, harness.test)
            vectors_of.setdefault(loss, vectors)
            found.append(eers(vectors, harness.test))
        intervals = {
            kind: equal_error(pairs_against(harness.test, kind).measured(vectors_of[loss]), draws=DRAWS)
            for kind in FORGERIES
        }
        figures.append(LossFigures(loss, margin, tried, found, intervals))
    best = min(figures, key=lambda each: each.tried[each.margin])
    pairs = {
        loss: {kind: pairs_against(harness.test, kind).measured(vectors) for kind in FORGERIES}
        for loss, vectors in vectors_of.items()
    }
    return Findings(
        losses=figures,
        best=best.loss,
        halves={kind: halves(vectors_of[best.loss], harness, kind) for kind in FORGERIES},
        pairs=pairs,
        writers=len(harness.test_writers),
        pictures=len(harness.test),
        minutes=minutes,
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the missing trainings, and write the page."""
    options = parse("signatures", __doc__ or "", arguments, seeds=3)
    write_findings(run(options), options.docs)


if __name__ == "__main__":
    main()
