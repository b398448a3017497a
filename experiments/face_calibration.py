"""Measure the calibration that is part of the encoder `faces`: `python -m experiments.face_calibration`.

Uses the 20 people of ORL who are not in the test of `experiments.faces`; the network was not trained on ORL. Writes
search/encoders/weights/faces/calibration.json, which an index that is made with this encoder copies.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from benchmarks.datasets import unpack
from experiments.face_attendance import write_labels
from experiments.face_people import people_of, split_people
from experiments.page import ROOT
from indexer.calibration.calibrate import calibrate
from indexer.calibration.config import CalibrateConfig
from search.encoders import load_encoder
from search.recognition.stored import write_calibration

if TYPE_CHECKING:
    from collections.abc import Sequence

    from indexer.calibration.calibrate import CalibrateReport

SHIPPED = ROOT / "search" / "encoders" / "weights" / "faces"
MAX_FAR = 0.01


def calibrated(datasets: Path, out: Path = SHIPPED) -> CalibrateReport:
    """Calibrate the encoder on the people outside the test, and write the result into a folder."""
    folder = unpack("faces", datasets)
    train, watched, _ = split_people(folder)
    with TemporaryDirectory() as scratch:
        place, labels = Path(scratch, "encoder"), Path(scratch, "20 people of ORL")
        place.mkdir()
        load_encoder("faces").save(place)
        write_labels(labels, people_of(folder, [*train, *watched]).paths)
        report = calibrate(place, labels=str(labels), config=CalibrateConfig(max_far=MAX_FAR))
    out.mkdir(parents=True, exist_ok=True)
    write_calibration(out, report.calibration)
    return report


def main(arguments: Sequence[str] | None = None) -> None:
    """Calibrate, write the file, and print the figures."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--datasets", type=Path, default=ROOT / ".cache" / "datasets", help="unpacked there if missing")
    report = calibrated(parser.parse_args(arguments).datasets)
    of = report.calibration
    print(f"threshold {of.threshold:.4f} ({of.rule}), FAR {of.far}, FRR {of.frr}, EER {of.eer}")
    print(f"{of.same_pairs} same pairs, {of.different_pairs} different, {of.subjects} people; skipped:")
    print(*report.skipped, *report.cautions, sep="\n")


if __name__ == "__main__":
    main()
