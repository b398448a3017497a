"""The command `calibrate`. An option is named after its field of `CalibrateConfig`, which has its default."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from indexer.calibration.config import MOST_PAIRS, MOST_RESAMPLES, CalibrateConfig, Method
from indexer.cli.base import SKIPPED_EXIT, OptionError
from indexer.cli.inside_collection import warn_inside_collection, warn_inside_index_collection
from indexer.cli.options import DeviceOption, JsonOption
from search.errors import DataError
from search.text import one_line, printable

if TYPE_CHECKING:
    from indexer.calibration.calibrate import CalibrateReport

_SHOWN = 20
"""Unreadable pictures that the summary names; --json lists them all."""


def calibrate(
    target: Annotated[Path, typer.Argument(help="An index, or a folder that train wrote.")],
    pictures: Annotated[
        Path | None,
        typer.Argument(help="A folder of labelled pictures, or where the paths of a CSV lie; an index has its own."),
    ] = None,
    pairs: Annotated[
        Path | None,
        typer.Option(help="A CSV with the columns a, b, same (1 or 0), and perhaps subject_a and subject_b."),
    ] = None,
    labels: Annotated[
        str | None,
        typer.Option(
            help="folder (the default: the path of a picture's folder below PICTURES), a folder to take for PICTURES, "
            "or a CSV with the columns path, label and perhaps subject."
        ),
    ] = None,
    max_far: Annotated[
        float | None,
        typer.Option(
            help=f"Choose the threshold for so high a false-accept rate.  [default: {CalibrateConfig.max_far}]",
            show_default=False,
        ),
    ] = None,
    eer: Annotated[
        bool, typer.Option("--eer", help="Choose it where both error rates are equal.")
    ] = CalibrateConfig.eer,
    cost_false_accept: Annotated[
        float | None, typer.Option(help="Choose it by costs: what a false accept costs.")
    ] = CalibrateConfig.cost_false_accept,
    cost_false_reject: Annotated[
        float | None, typer.Option(help="And what a false reject costs.")
    ] = CalibrateConfig.cost_false_reject,
    method: Annotated[Method, typer.Option(help="How distances become probabilities.")] = CalibrateConfig.method,
    prior: Annotated[
        float | None,
        typer.Option(
            help="Share of same pairs that probabilities and costs are made for.  [default: as in --pairs; "
            "0.5 with labels]",
            show_default=False,
        ),
    ] = CalibrateConfig.prior,
    max_pairs: Annotated[
        int, typer.Option(help="At most so many same, and so many different pairs from labels.", min=1, max=MOST_PAIRS)
    ] = CalibrateConfig.max_pairs,
    resamples: Annotated[
        int, typer.Option(help="Draws of subjects behind the intervals.", min=1, max=MOST_RESAMPLES)
    ] = CalibrateConfig.resamples,
    seed: Annotated[int, typer.Option(help="Same seed and data, same calibration.", min=0)] = CalibrateConfig.seed,
    report: Annotated[Path | None, typer.Option(help="A folder for curves and a page.")] = None,
    device: DeviceOption = CalibrateConfig.device,
    as_json: JsonOption = False,
) -> None:
    """Learn from same and different pairs which distance is near enough, and how probable the same is.

    Use subjects (people, writers, things) that the encoder was not trained on. The outcome is stored with the index or
    encoder: verify, query --same-only and the probability of hits use it. Exit code 3 when pictures were skipped.
    """
    chosen = {"--max-far": max_far is not None, "--eer": eer, "--cost-false-accept": cost_false_accept is not None}
    if sum(chosen.values()) > 1:
        raise typer.BadParameter("choose the threshold by one of them", param_hint=" / ".join(chosen))
    warn_inside_index_collection(target, [report])
    warn_inside_collection([] if pictures is None else [pictures], [report])
    from indexer.calibration.calibrate import calibrate as calibrate_target
    from indexer.cli.console import ConsoleProgress

    try:
        config = CalibrateConfig(
            max_far=CalibrateConfig.max_far if max_far is None else max_far,
            eer=eer,
            cost_false_accept=cost_false_accept,
            cost_false_reject=cost_false_reject,
            method=method,
            prior=prior,
            max_pairs=max_pairs,
            resamples=resamples,
            seed=seed,
            device=device,
        )
    except DataError as error:
        raise OptionError(str(error)) from None
    with ConsoleProgress() as progress:
        done = calibrate_target(
            target, pictures, pairs=pairs, labels=labels, config=config, report=report, progress=progress
        )
    if as_json:
        typer.echo(json.dumps(_plain(done)))
    else:
        _show(done)
    if done.skipped:
        raise typer.Exit(SKIPPED_EXIT)


def _plain(done: CalibrateReport) -> dict[str, Any]:
    return {
        **done.calibration.summary(),
        "pictures": done.pictures,
        "skipped": [{"path": each.source, "reason": each.reason} for each in done.skipped],
        "cautions": list(done.cautions),
        "stored": str(done.stored),
        "report": [str(path) for path in done.written],
    }


def _show(done: CalibrateReport) -> None:
    found = done.calibration
    lines = [
        f"{done.stored}: calibrated on {found.data}: {done.pictures} pictures of {found.subjects} subjects, "
        f"{found.same_pairs} same and {found.different_pairs} different pairs",
        f"threshold    {found.threshold:.4f}, chosen by {found.rule}",
        f"FAR          {found.far} of different pairs are taken for the same",
        f"FRR          {found.frr} of same pairs are taken for different",
        f"EER          {found.eer}",
        f"AUC          {found.auc}",
        f"probability  {found.summary()['method']}, off by {found.ece} on subjects not fitted on, where "
        f"{found.prior:.3g} of the pairs are the same",
        *(f"beware       {caution}" for caution in done.cautions),
        *(f"report       {path}" for path in done.written),
    ]
    typer.echo("\n".join(map(one_line, lines)))
    for error in done.skipped[:_SHOWN]:
        typer.echo(printable(f"skipped {error}"), err=True)
    if len(done.skipped) > _SHOWN:
        typer.echo(f"... and {len(done.skipped) - _SHOWN} more: --json lists them all", err=True)
