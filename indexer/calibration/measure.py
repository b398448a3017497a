"""Compute a calibration and its curves from measured pairs, every step on one page."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from indexer.calibration.calibration_error import HALVES, held_out
from indexer.calibration.checks import check_pairs
from indexer.calibration.error_rates import ErrorRates
from indexer.calibration.fitting import fit
from indexer.calibration.resampling import rate_with_interval, resample
from indexer.calibration.rules import rule_of
from indexer.pipeline.progress import Silent
from search.errors import DataError
from search.recognition.calibration import Calibration
from search.text import utc_now

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from indexer.calibration.calibration_error import Reliability
    from indexer.calibration.config import CalibrateConfig, Method
    from indexer.calibration.error_rates import Curves
    from indexer.calibration.pairs import MeasuredPairs
    from indexer.pipeline.progress import Progress

_BAND = (0.025, 0.975)


@dataclass(frozen=True, slots=True)
class Band:
    """Lower and upper bounds `(knots,)` of the curves at the knots of the table, by bootstrap over subjects."""

    far: tuple[NDArray[np.float64], NDArray[np.float64]]
    frr: tuple[NDArray[np.float64], NDArray[np.float64]]


@dataclass(frozen=True, slots=True)
class Measured:
    """A calibration, and the data that its report is drawn from."""

    calibration: Calibration
    pairs: MeasuredPairs
    thresholds: NDArray[np.float64]
    curves: Curves
    knots: NDArray[np.int64]
    band: Band
    reliability: Reliability
    other_ece: float
    """Calibration error of the other method."""


def measure(
    pairs: MeasuredPairs,
    config: CalibrateConfig,
    *,
    prior: float,
    fingerprint: str,
    data: str,
    progress: Progress | None = None,
) -> Measured:
    """Choose the threshold, fit the probabilities, and estimate the errors of both.

    Args:
        pairs: at least ten of each kind, from at least five subjects.
        config: settings.
        prior: share of same pairs; used if `config.prior` is None.
        fingerprint: fingerprint of the encoder that made the embeddings.
        data: name of the data, for the report.
        progress: callback for progress updates.

    Raises:
        DataError: the pairs cannot support the calibration; the message says why, and what is needed.
    """
    prior = prior if config.prior is None else config.prior
    rule = rule_of(config, prior)
    check_pairs(pairs, rule, data)
    progress = progress or Silent()
    progress.begin("sort", None)
    rates = ErrorRates(pairs)
    curves = rates.curves()
    assert curves is not None, "both kinds of pairs are there"
    chosen = rule.choose(curves)
    if chosen < 0:
        raise DataError(
            f"{data}: {curves.far_at(0):.4f} of the different pairs have distance 0, so no threshold satisfies the "
            f"rule {rule}. Remove copies of one picture from different subjects, or allow more false accepts"
        )
    knots = rates.knots(chosen)
    progress.begin("resample", config.resamples)
    drawn = resample(pairs, rates, rule, knots, draws=config.resamples, seed=config.seed, advance=progress.advance)
    progress.begin("hold out", 2 * HALVES)
    errors = held_out(pairs, config.method, prior, config.seed, progress.advance)
    other_method: Method = "isotonic" if config.method == "logistic" else "logistic"
    other = held_out(pairs, other_method, prior, config.seed, progress.advance)
    if not (drawn.new_far and drawn.new_frr and errors and other):
        raise DataError(
            f"{data}: too few subjects have both same and different pairs to estimate error rates on new subjects. "
            "Add subjects with two or more pictures, and different pairs among them"
        )
    progress.begin("fit", None)
    calibration = Calibration(
        fingerprint=fingerprint,
        threshold=float(rates.thresholds[chosen]),
        rule=str(rule),
        far=rate_with_interval(float(curves.far_at(chosen)), drawn.new_far),
        frr=rate_with_interval(float(curves.frr_at(chosen)), drawn.new_frr),
        probability_map=fit(config.method, pairs.distances, pairs.same, prior),
        prior=prior,
        rates=rates.table(curves, knots),
        eer=rate_with_interval(curves.eer, drawn.eer),
        auc=rate_with_interval(curves.auc, drawn.auc),
        ece=rate_with_interval(errors.error, errors.errors),
        same_pairs=int(np.count_nonzero(pairs.same)),
        different_pairs=int(np.count_nonzero(~pairs.same)),
        subjects=pairs.subjects,
        data=data,
        created=utc_now(),
    )
    bands = [tuple(np.quantile(each, _BAND, axis=0)) for each in (drawn.far, drawn.frr)]
    return Measured(
        calibration=calibration,
        pairs=pairs,
        thresholds=rates.thresholds,
        curves=curves,
        knots=knots,
        band=Band((bands[0][0], bands[0][1]), (bands[1][0], bands[1][1])),
        reliability=errors.reliability,
        other_ece=other.error,
    )
