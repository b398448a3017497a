"""Compare the encoder `faces` with the built-in one: one reference each, strangers, attendance, light and pose.

    python -m experiments.face_encoder       about ten minutes on one core; trains nothing

The test people are those of `experiments.faces`; `small` is calibrated on the other 20 people of ORL, on which the
calibration of `faces` was measured too (`experiments.face_calibration`). The second set is the same people in another
light and pose (`experiments.light_and_pose`). Writes docs/results/face_encoder.md.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from benchmarks.datasets import unpack
from experiments.face_attendance import Attended, attended
from experiments.face_encoder_page import write_findings
from experiments.face_people import people_of, split_people
from experiments.faces import judged
from experiments.faces_findings import Compared
from experiments.light_and_pose import write_altered
from experiments.options import parse
from indexer.evaluation.embed_in_memory import embed_in_memory
from search.encoders import load_encoder
from search.recognition.stored import encoder_calibration

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from experiments.options import Options

ENCODERS = ("faces", "small")
TIMED = 50
"""Pictures of which the speed is measured."""
RUNS = 3
"""Random choices of enrolled people for the attendance."""


def run(options: Options) -> list[Compared]:
    """Measure both encoders on both sets."""
    plain = unpack("faces", options.datasets)
    altered = write_altered(plain, options.datasets / "faces-light-and-pose")
    sets = {"ORL": plain, "ORL, other light and pose": altered}
    return [compared(name, pictures, folder, plain) for pictures, folder in sets.items() for name in ENCODERS]


def compared(name: str, pictures: str, folder: Path, plain: Path) -> Compared:
    """Measure one encoder on the test people of a folder, with a threshold from unaltered pictures of other people."""
    train, watched, tested = split_people(plain)
    others, test = people_of(plain, [*train, *watched]), people_of(folder, tested)
    encoder = load_encoder(name, device="cpu")
    own = encoder_calibration(name, encoder.fingerprint)
    found = judged(name, name, encoder, others, test, own)
    begun = time.perf_counter()
    embed_in_memory(encoder, test.paths[:TIMED])
    speed = TIMED / (time.perf_counter() - begun)
    by_person = {path.parent.name: [each for each in test.paths if each.parent == path.parent] for path in test.paths}
    runs = [
        attended(name, by_person, [] if own else others.paths, max_false_accept=None, seed=seed) for seed in range(RUNS)
    ]
    return Compared(pictures, found, test, sum(runs, Attended()), speed)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, and write the page."""
    options = parse("face_encoder", __doc__ or "", arguments)
    begun = time.monotonic()
    write_findings(run(options), (time.monotonic() - begun) / 60, options.docs)


if __name__ == "__main__":
    main()
