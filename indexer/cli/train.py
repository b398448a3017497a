"""The commands `train`, `teach` and `recipes`.

An option of `train` is named after its field of `TrainConfig`, which has its default.
"""

from __future__ import annotations

import os
from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

import indexer
from indexer.cli.base import SHOWN, end_with_skipped
from indexer.cli.inside_collection import warn_inside_collection
from indexer.cli.options import DeviceOption, ExcludeOption, patterns
from indexer.training.config import Precision, Sampling, Schedule, SplitBy, TrainConfig
from search.config import Device
from search.text import printable

if TYPE_CHECKING:
    from indexer import TrainReport

_MOST_DIM, _MOST_SIDE, _MOST_IN_BATCH = 65_536, 4_096, 65_536


def _setting(field: str, text: str, *names: str, **limits: Any) -> Any:
    """The option of a field. Its value is None if it is not given, so the default is written into the help."""
    default = getattr(TrainConfig, field)
    shown = "none" if default is None else default
    return typer.Option(*names, help=f"{text}  [default: {shown}]", show_default=False, **limits)


def train(
    context: typer.Context,
    pictures: Annotated[Path, typer.Argument(help="The folder of pictures, with one folder per class.")],
    out: Annotated[Path, typer.Option(help="The folder for the encoder: a new one, or that of a run to resume.")],
    recipe: Annotated[str | None, typer.Option(help="Named settings to start from; see twinlens recipes.")] = None,
    labels: Annotated[
        str,
        typer.Option(
            help="folder (the path of a picture's folder below PICTURES), or a CSV with the columns path, label, and "
            "optionally split and subject."
        ),
    ] = "folder",
    unlabelled: Annotated[
        bool,
        typer.Option("--unlabelled", help="The classes are unknown: altered copies of a picture are its positives."),
    ] = False,
    split_by: Annotated[
        SplitBy | None, _setting("split_by", "What is never split between training and validation.")
    ] = None,
    validation_share: Annotated[
        float | None,
        _setting("validation_share", "Share of the classes, subjects or pictures held out for validation."),
    ] = None,
    max_minutes: Annotated[
        float | None, _setting("max_minutes", "Shorten the whole schedule to this many minutes.", "--minutes")
    ] = None,
    steps: Annotated[int | None, _setting("steps", "Number of batches in the run.")] = None,
    sampling: Annotated[Sampling | None, _setting("sampling", "How the pictures of a batch are drawn.")] = None,
    batch: Annotated[
        tuple[int, int] | None,
        typer.Option(
            metavar="P K",
            help="P classes per batch, K views of each."
            f"  [default: {TrainConfig.classes_per_batch} {TrainConfig.views_per_class}]",
            show_default=False,
        ),
    ] = None,
    loss: Annotated[
        str | None, _setting("loss", "triplet, supcon, arcface, ...; an unknown name lists them all.")
    ] = None,
    margin: Annotated[
        float | None, _setting("margin", "Margin of the triplet loss, as a distance between unit vectors.")
    ] = None,
    mining: Annotated[
        str | None, _setting("mining", "Which triplets are used; an unknown name lists all choices.")
    ] = None,
    teacher: Annotated[
        str | None, _setting("teacher", "A folder of another encoder's embeddings to learn from; see twinlens teach.")
    ] = None,
    learning_rate: Annotated[float | None, _setting("learning_rate", "Highest learning rate of the schedule.")] = None,
    schedule: Annotated[
        Schedule | None,
        _setting("schedule", "How the learning rate falls: along a cosine, or when validation mAP@R stalls."),
    ] = None,
    early_stopping: Annotated[
        int | None,
        _setting("early_stopping", "Stop after this many evaluations without a better mAP@R; keep the best weights."),
    ] = None,
    ema: Annotated[float | None, _setting("ema", "Decay of the moving average of the weights; 0 turns it off.")] = None,
    backbone: Annotated[
        str | None,
        typer.Option(
            help="Pretrained backbone for a new head, instead of a small network: torchvision:NAME or timm:NAME."
        ),
    ] = None,
    frozen: Annotated[bool, typer.Option("--frozen", help="Train only the head of the backbone.")] = False,
    dim: Annotated[
        int | None,
        typer.Option(
            help=f"Dimensions of the embedding.  [default: {TrainConfig().network['dim']}]", min=1, max=_MOST_DIM
        ),
    ] = None,
    input_size: Annotated[
        int | None, _setting("input_size", "Side of the encoder's input, in pixels.", min=16, max=_MOST_SIDE)
    ] = None,
    precision: Annotated[Precision | None, _setting("precision", "Number format of the computation.")] = None,
    compile: Annotated[bool | None, _setting("compile", "Compile the network with torch.compile.")] = None,
    stop_after: Annotated[
        int | None,
        _setting("stop_after", "Pause at the first evaluation after this many batches, without changing the schedule."),
    ] = None,
    seed: Annotated[
        int | None, _setting("seed", "Random seed; the same seed and data give the same curve.", min=0, max=2**63 - 1)
    ] = None,
    device: Annotated[Device | None, _setting("device", "Where to compute; auto uses a GPU if there is one.")] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="NAME=VALUE",
            help="Any field of indexer.training.config, as JSON: steps=200, augment.p_flip=0.2, network.dim=64. "
            "Applied last. May be repeated.",
        ),
    ] = None,
    exclude: ExcludeOption = None,
    resume: Annotated[bool, typer.Option(help="Continue the run in OUT.")] = True,
) -> None:
    """Train an encoder on labelled folders, a CSV or unlabelled pictures; use it with build --encoder OUT.

    Options that are not given come from the recipe, or from the defaults of indexer.training.config. An interrupted run
    continues when the same command is run again. Exit code 3 if pictures were skipped.
    """
    from indexer.cli.console import TrainingConsole
    from indexer.training.settings import with_settings

    named = {each.name for each in fields(TrainConfig)}
    given = {name: value for name, value in context.params.items() if name in named and value is not None}
    if batch is not None:
        if min(batch) < 1 or batch[0] * batch[1] > _MOST_IN_BATCH:
            raise typer.BadParameter(
                f"P and K must be 1 or more, and their product at most {_MOST_IN_BATCH:,}", param_hint="--batch"
            )
        given["classes_per_batch"], given["views_per_class"] = batch
    if unlabelled:
        given["labelled"] = False
    config = replace(indexer.load_recipe(recipe) if recipe else TrainConfig(), **given)
    config = replace(config, network=_network(config.network, backbone, frozen=frozen, dim=dim))
    config = with_settings(config, settings or [])
    warn_inside_collection([pictures], [out])
    with TrainingConsole() as console:
        report = indexer.train(
            pictures,
            out,
            recipe=recipe,
            config=config,
            labels=labels,
            resume=resume,
            exclude=patterns(exclude) or (),
            progress=console.show,
        )
    if os.environ.get("RANK", "0") != "0":
        return  # torchrun started several processes: the first one reports
    typer.echo(printable(_summary(report, labelled=config.labelled)))
    end_with_skipped(report.unreadable)


def teach(
    pictures: Annotated[Path, typer.Argument(help="The folder of pictures to train on.")],
    out: Annotated[Path, typer.Option(help="The folder for the embeddings; use it with train --teacher OUT.")],
    encoder: Annotated[
        str, typer.Option(help="The teacher: torchvision:NAME, timm:NAME, or any other encoder.")
    ] = "torchvision:resnet50",
    exclude: ExcludeOption = None,
    device: DeviceOption = "auto",
) -> None:
    """Embed pictures with a large encoder, so that a small one can be trained to match its embeddings."""
    from indexer.cli.console import ConsoleProgress

    warn_inside_collection([pictures], [out])
    with ConsoleProgress() as console:
        count = indexer.teach(
            pictures, out, encoder=encoder, device=device, exclude=patterns(exclude) or (), progress=console
        )
    typer.echo(printable(f"{out}: {count} pictures embedded by {encoder}. Use it: twinlens train --teacher {out}"))


def recipes() -> None:
    """List the recipes for train --recipe, each with the first line of its description."""
    from indexer.training.recipes import recipe_names, recipe_summary

    for name in recipe_names():
        typer.echo(f"{name:<16} {recipe_summary(name)}")


def _network(spec: dict[str, Any], backbone: str | None, *, frozen: bool, dim: int | None) -> dict[str, Any]:
    """The network that the options describe; without any of them, `spec`."""
    if backbone is not None:
        spec = {"kind": "backbone", "name": backbone, "dim": spec["dim"], "frozen": frozen}
    elif frozen:
        if spec.get("kind") != "backbone":
            raise typer.BadParameter(
                "only a pretrained backbone can be frozen: give one with --backbone", param_hint="--frozen"
            )
        spec = {**spec, "frozen": True}
    return spec if dim is None else {**spec, "dim": dim}


def _summary(report: TrainReport, *, labelled: bool) -> str:
    out = report.out
    if report.already_finished:
        lines = [f"{out}: this run is finished already"]
    elif report.paused:
        lines = [f"{out}: paused after {report.steps} steps; run the same command without --stop-after to continue"]
    else:
        classes = f", {report.classes} classes" if labelled else ""
        lines = [f"{out}: {report.steps} steps, {report.minutes:.1f} minutes, {report.pictures} pictures{classes}"]
    if report.lonely_classes:
        names = ", ".join(report.lonely_classes[:SHOWN])
        more = f" and {len(report.lonely_classes) - SHOWN} more" if len(report.lonely_classes) > SHOWN else ""
        lines.append(f"left out  classes of a single picture: {names}{more}")
    if not report.paused:
        lines.append(f"encoder   {out} (twinlens build PICTURES --index DIR --encoder {out})")
    lines.append(f"history   {out / 'history.csv'}")
    lines += [f"report    {picture}" for picture in sorted(out.rglob("*.png"))]
    return "\n".join(lines)
