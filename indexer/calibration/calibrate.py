"""Calibrate an index or encoder: from pictures to the stored calibration, every stage on one page."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from indexer.calibration.config import CalibrateConfig
from indexer.calibration.label_pairs import pairs_of_labels
from indexer.calibration.measure import measure
from indexer.calibration.pairs_csv import read_pairs
from indexer.calibration.report import check_report, write_report
from indexer.calibration.targets import open_target
from indexer.pipeline.progress import Silent
from search.errors import DataError
from search.recognition.weakness import GOOD_ECE

if TYPE_CHECKING:
    import os

    from indexer.calibration.measure import Measured
    from indexer.calibration.pairs import MeasuredPairs
    from indexer.calibration.targets import Target
    from indexer.pipeline.progress import Progress
    from search.errors import PictureError
    from search.recognition.calibration import Calibration

_EVEN = 0.5


@dataclass(frozen=True, slots=True)
class CalibrateReport:
    """Result of `calibrate`."""

    calibration: Calibration
    pictures: int
    """Number of pictures that were compared."""
    skipped: tuple[PictureError, ...]
    """Pictures that could not be read; their pairs were left out."""
    cautions: tuple[str, ...]
    """`Calibration.cautions`, and what another method would improve."""
    stored: Path
    """Where the calibration was stored."""
    written: tuple[Path, ...]
    """Files of the report; empty without one."""


@dataclass(frozen=True, slots=True)
class _Material:
    """Measured pairs, from a CSV of pairs or from labels."""

    pairs: MeasuredPairs
    pictures: int
    skipped: tuple[PictureError, ...]
    prior: float
    data: str


def calibrate(
    target: str | os.PathLike[str],
    pictures: str | os.PathLike[str] | None = None,
    *,
    pairs: str | os.PathLike[str] | None = None,
    labels: str | None = None,
    config: CalibrateConfig | None = None,
    report: str | os.PathLike[str] | None = None,
    progress: Progress | None = None,
) -> CalibrateReport:
    """Measure same and different pairs, choose a threshold, fit probabilities, and store them with the target.

    Args:
        target: an index folder, or a folder that `twinlens train` wrote. An index that is built from such a folder
            later copies its calibration.
        pictures: a folder of labelled pictures, or the folder that the paths of a CSV are relative to. Its subjects
            should not be in the encoder's training set.
        pairs: a CSV with the columns a, b, same, and optionally subject_a and subject_b.
        labels: `folder` (the default: the path of a picture's folder below `pictures`), a folder to use as `pictures`,
            or the path of a CSV with the columns path, label and optionally subject. Without `pictures` and `labels`
            an index uses its own labels.
        config: settings; defaults to `CalibrateConfig()`.
        report: a folder for figures and a page; None writes no report.
        progress: callback for progress updates.

    Raises:
        DataError: the pairs cannot support the calibration; the message says why, and what is needed.
        EncoderError, IndexFolderError: the target is neither an index nor an encoder, or it is damaged.
    """
    config, progress = config or CalibrateConfig(), progress or Silent()
    if pairs is not None and labels is not None:
        raise DataError("pairs and labels cannot be used together: name one of them")
    if report is not None:
        check_report(Path(report))
    root = None if pictures is None else Path(pictures)
    with open_target(Path(target), config.device) as opened:
        if pairs is not None:
            material = _of_pairs(opened, Path(pairs), root, progress)
        else:
            material = _of_labels(opened, root, labels or "folder", config, progress)
        measured = measure(
            material.pairs,
            config,
            prior=material.prior,
            fingerprint=opened.fingerprint,
            data=material.data,
            progress=progress,
        )
        written: list[Path] = []
        if report is not None:
            progress.begin("report", None)
            written = write_report(Path(report), measured, encoder=opened.name)
        stored = opened.store(measured.calibration)
    return CalibrateReport(
        calibration=measured.calibration,
        pictures=material.pictures,
        skipped=material.skipped,
        cautions=_cautions(measured, config),
        stored=stored,
        written=tuple(written),
    )


def _of_pairs(target: Target, file: Path, root: Path | None, progress: Progress) -> _Material:
    paths, pairs = read_pairs(file, root)
    embedded = target.embed(paths, progress)
    kept = pairs.among(embedded.rows, len(paths))
    _refuse_nothing(len(kept), embedded.skipped, str(file))
    progress.begin("compare", None)
    prior = float(np.mean(kept.same))
    used = len(np.unique(np.concatenate([kept.a, kept.b])))
    measured = kept.measured(embedded.vectors)
    return _Material(measured, used, embedded.skipped, prior if 0 < prior < 1 else _EVEN, file.name)


def _of_labels(
    target: Target, root: Path | None, labels: str, config: CalibrateConfig, progress: Progress
) -> _Material:
    if root is None and labels == "folder":
        found, data = target.own_pictures(), target.name
    else:
        found, data = _read_labels(root, labels)
    embedded = target.embed([each[0] for each in found], progress)
    kept = [found[row] for row in embedded.rows.tolist()]
    _refuse_nothing(len(kept), embedded.skipped, data)
    progress.begin("compare", None)
    pairs = pairs_of_labels([each[1] for each in kept], [each[2] for each in kept], config.max_pairs, config.seed)
    _refuse_nothing(len(pairs), embedded.skipped, data)
    return _Material(pairs.measured(embedded.vectors), len(kept), embedded.skipped, _EVEN, data)


def _read_labels(root: Path | None, labels: str) -> tuple[list[tuple[Path, str, str]], str]:
    """Path, label and subject of each picture, and a name for all of them."""
    from indexer.training.data import read_pictures

    if labels != "folder" and Path(labels).is_dir():
        if root is not None:
            raise DataError(f"{root} and {labels}: two folders of pictures; name one")
        root, labels = Path(labels), "folder"
    root = Path(labels).absolute().parent if root is None else root
    data = root.resolve().name if labels == "folder" else Path(labels).name
    return [(each.path, each.label, each.subject or each.label) for each in read_pictures(root, labels)], data


def _refuse_nothing(left: int, skipped: tuple[PictureError, ...], data: str) -> None:
    if left == 0 and skipped:
        raise DataError(
            f"{data}: no pictures left to compare: {len(skipped)} could not be read, the first: {skipped[0]}"
        )
    if left == 0:
        raise DataError(f"{data}: no two labelled pictures to compare")


def _cautions(measured: Measured, config: CalibrateConfig) -> tuple[str, ...]:
    other = "isotonic" if config.method == "logistic" else "logistic"
    cautions, error = measured.calibration.cautions, measured.calibration.ece.value
    if error > GOOD_ECE and measured.other_ece < error:
        return (*cautions, f"--method {other} has a smaller calibration error: {measured.other_ece:.3f}")
    return cautions
