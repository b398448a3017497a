"""The command `calibrate`. An option is named after its field of `CalibrateConfig`, which has its default."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

import indexer
from indexer.calibration.config import MOST_PAIRS, MOST_RESAMPLES, CalibrateConfig, Method
from indexer.cli.base import OptionError, end_with_skipped
from indexer.cli.inside_collection import warn_inside_collection, warn_inside_index_collection
from indexer.cli.options import DeviceOption, JsonOption
from search.errors import DataError
from search.text import one_line

if TYPE_CHECKING:
    from indexer import CalibrateReport
    from search.recognition.calibration import Calibration


def calibrate(
    target: Annotated[Path, typer.Argument(help="An index, or a folder that train wrote.")],
    pictures: Annotated[
        Path | None,
        typer.Argument(
            help="A folder of labelled pictures, or the one that paths of a CSV start from; an index has its own."
        ),
    ] = None,
    pairs: Annotated[
        Path | None,
        typer.Option(help="A CSV with the columns a, b, same (1 or 0), and optionally subject_a and subject_b."),
    ] = None,
    labels: Annotated[
        str | None,
        typer.Option(
            help="folder (the default: the path of a picture's folder below PICTURES), a folder to use as PICTURES, "
            "or a CSV with the columns path, label and optionally subject."
        ),
    ] = None,
    max_far: Annotated[
        float | None,
        typer.Option(
            help=f"Choose the threshold for this false accept rate (FAR).  [default: {CalibrateConfig.max_far}]",
            show_default=False,
        ),
    ] = None,
    eer: Annotated[
        bool, typer.Option("--eer", help="Choose the threshold where FAR and FRR are equal.")
    ] = CalibrateConfig.eer,
    cost_false_accept: Annotated[
        float | None, typer.Option(help="Choose the threshold of lowest cost, given this cost of a false accept.")
    ] = CalibrateConfig.cost_false_accept,
    cost_false_reject: Annotated[
        float | None, typer.Option(help="The cost of a false reject; needs --cost-false-accept.")
    ] = CalibrateConfig.cost_false_reject,
    method: Annotated[Method, typer.Option(help="How distances become probabilities.")] = CalibrateConfig.method,
    prior: Annotated[
        float | None,
        typer.Option(
            help="Share of same pairs that probabilities and costs assume.  [default: as in --pairs; 0.5 with labels]",
            show_default=False,
        ),
    ] = CalibrateConfig.prior,
    max_pairs: Annotated[
        int,
        typer.Option(
            help="Largest number of same pairs, and of different pairs, drawn from labels.", min=1, max=MOST_PAIRS
        ),
    ] = CalibrateConfig.max_pairs,
    resamples: Annotated[
        int, typer.Option(help="Bootstrap samples of subjects for the intervals.", min=1, max=MOST_RESAMPLES)
    ] = CalibrateConfig.resamples,
    seed: Annotated[
        int, typer.Option(help="Random seed; the same seed and data give the same calibration.", min=0)
    ] = CalibrateConfig.seed,
    report: Annotated[Path | None, typer.Option(help="A folder for curves and an HTML page.")] = None,
    device: DeviceOption = CalibrateConfig.device,
    as_json: JsonOption = False,
) -> None:
    """Choose a distance threshold and fit match probabilities, from pairs of same and different pictures.

    Use subjects (people, writers, things) that the encoder was not trained on. The result is stored with the index or
    encoder, for verify, query --same-only and the probability of hits. Exit code 3 if pictures were skipped.
    """
    chosen = {"--max-far": max_far is not None, "--eer": eer, "--cost-false-accept": cost_false_accept is not None}
    if sum(chosen.values()) > 1:
        raise typer.BadParameter("choose the threshold by only one of them", param_hint=" / ".join(chosen))
    warn_inside_index_collection(target, [report])
    warn_inside_collection([] if pictures is None else [pictures], [report])
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
        done = indexer.calibrate(
            target, pictures, pairs=pairs, labels=labels, config=config, report=report, progress=progress
        )
    if as_json:
        typer.echo(json.dumps(_plain(done)))
    else:
        _show(done)
    end_with_skipped(done.skipped, rest="--json lists them all", as_json=as_json)


def _plain(done: CalibrateReport) -> dict[str, Any]:
    return {
        **done.calibration.summary(),
        "pictures": done.pictures,
        "skipped": [{"path": each.source, "reason": each.reason} for each in done.skipped],
        "cautions": list(done.cautions),
        "proposals": [each.to_dict() for each in done.calibration.proposals],
        "stored": str(done.stored),
        "report": [str(path) for path in done.written],
    }


def _weak_text(result: Calibration) -> str:
    return (
        f"answers repeat the cautions below, and probabilities assume that {result.answer_prior:.3g} of the pairs are "
        "the same"
    )


def _show(done: CalibrateReport) -> None:
    result = done.calibration
    lines = [
        f"{done.stored}: calibrated on {result.data}: {done.pictures} pictures of {result.subjects} subjects, "
        f"{result.same_pairs} same and {result.different_pairs} different pairs",
        f"threshold    {result.threshold:.4f}, chosen by {result.rule}",
        f"FAR          {result.far} of different pairs are accepted as the same",
        f"FRR          {result.frr} of same pairs are rejected",
        f"EER          {result.eer}",
        f"AUC          {result.auc}",
        f"probability  {result.summary()['method']}, calibration error {result.ece} on held-out subjects, where "
        f"{result.prior:.3g} of the pairs are the same",
        *([f"weak         {_weak_text(result)}"] if result.weak else []),
        *(f"caution      {caution}" for caution in done.cautions),
        *(f"report       {path}" for path in done.written),
    ]
    typer.echo("\n".join(map(one_line, lines)))
