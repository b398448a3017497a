"""The commands `train` and `recipes`. An option is named after its field of `TrainConfig`, which has its default."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from indexer.cli.base import SKIPPED_EXIT
from indexer.cli.inside_collection import warn_inside_collection
from indexer.cli.options import ExcludeOption, patterns
from indexer.training.config import Precision, Sampling, Schedule, SplitBy, TrainConfig
from search.config import Device
from search.text import printable

if TYPE_CHECKING:
    from indexer.training.training import TrainReport

_MOST_DIM, _MOST_SIDE, _MOST_IN_BATCH = 65_536, 4_096, 65_536
_SHOWN = 20
"""Unreadable pictures, and lonely classes, that the summary names."""


def _setting(field: str, text: str, *names: str, **limits: Any) -> Any:
    """Make the option of a field; None means that it was not given, so its default is shown here."""
    default = getattr(TrainConfig, field)
    shown = "none" if default is None else default
    return typer.Option(*names, help=f"{text}  [default: {shown}]", show_default=False, **limits)


def train(
    context: typer.Context,
    pictures: Annotated[Path, typer.Argument(help="The folder of pictures, with one folder per class.")],
    out: Annotated[Path, typer.Option(help="Where the encoder goes: a new folder, or that of a run to resume.")],
    recipe: Annotated[str | None, typer.Option(help="Settings to start from, by name: see twinlens recipes.")] = None,
    labels: Annotated[
        str,
        typer.Option(
            help="folder (the path of a picture's folder below PICTURES), or a CSV with the columns path, label, and "
            "perhaps split and subject."
        ),
    ] = "folder",
    unlabelled: Annotated[
        bool, typer.Option("--unlabelled", help="No class is known: altered copies of a picture are its like.")
    ] = False,
    split_by: Annotated[SplitBy | None, _setting("split_by", "What never stands on both sides of a split.")] = None,
    validation_share: Annotated[
        float | None,
        _setting("validation_share", "Share of the classes, subjects or pictures to watch and not to train on."),
    ] = None,
    max_minutes: Annotated[
        float | None, _setting("max_minutes", "Shorten the whole schedule to so many minutes.", "--minutes")
    ] = None,
    steps: Annotated[int | None, _setting("steps", "Batches in the whole run.")] = None,
    sampling: Annotated[Sampling | None, _setting("sampling", "How pictures are drawn into a batch.")] = None,
    batch: Annotated[
        tuple[int, int] | None,
        typer.Option(
            metavar="P K",
            help="P classes in a batch, K views of each."
            f"  [default: {TrainConfig.classes_per_batch} {TrainConfig.views_per_class}]",
            show_default=False,
        ),
    ] = None,
    loss: Annotated[
        str | None, _setting("loss", "triplet, supcon, arcface, ...; any other word lists them all.")
    ] = None,
    margin: Annotated[float | None, _setting("margin", "Margin of the triplets, between unit vectors.")] = None,
    mining: Annotated[
        str | None, _setting("mining", "Which triplets count; any other word lists what there is.")
    ] = None,
    teacher: Annotated[
        str | None, _setting("teacher", "A folder of another encoder's embeddings of the pictures, to agree with.")
    ] = None,
    learning_rate: Annotated[float | None, _setting("learning_rate", "Highest rate of the schedule.")] = None,
    schedule: Annotated[
        Schedule | None, _setting("schedule", "How the rate falls: by a cosine, or where validation mAP@R stalls.")
    ] = None,
    early_stopping: Annotated[
        int | None,
        _setting("early_stopping", "End after so many evaluations without a better mAP@R; keep the best weights."),
    ] = None,
    ema: Annotated[float | None, _setting("ema", "Decay of the moving average of the weights; 0: none.")] = None,
    backbone: Annotated[
        str | None,
        typer.Option(help="torchvision:NAME or timm:NAME, pretrained, under a new head, in place of our own network."),
    ] = None,
    frozen: Annotated[bool, typer.Option("--frozen", help="Train the head of the backbone alone.")] = False,
    dim: Annotated[
        int | None,
        typer.Option(
            help=f"Dimensions of the embedding.  [default: {TrainConfig().network['dim']}]", min=1, max=_MOST_DIM
        ),
    ] = None,
    input_size: Annotated[
        int | None, _setting("input_size", "Side in pixels that the encoder works at.", min=16, max=_MOST_SIDE)
    ] = None,
    precision: Annotated[Precision | None, _setting("precision", "What the network computes in.")] = None,
    compile: Annotated[bool | None, _setting("compile", "Pass the network through torch.compile.")] = None,
    stop_after: Annotated[
        int | None, _setting("stop_after", "Pause at the first evaluation after so many batches, schedule untouched.")
    ] = None,
    seed: Annotated[int | None, _setting("seed", "Same seed and data, same curve.", min=0, max=2**63 - 1)] = None,
    device: Annotated[Device | None, _setting("device", "auto takes a GPU where there is one.")] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="NAME=VALUE",
            help="Any field of indexer.training.config, as JSON: steps=200, augment.p_flip=0.2, network.dim=64. "
            "Comes last, and may be repeated.",
        ),
    ] = None,
    exclude: ExcludeOption = None,
    resume: Annotated[bool, typer.Option(help="Go on with the run in OUT.")] = True,
) -> None:
    """Train an encoder on a folder a class, a CSV, or pictures of no known class; give it to build with --encoder OUT.

    Options that are left out come from the recipe, or from the defaults of indexer.training.config. A run that was
    stopped goes on when the same command is given again. Exit code 3 when pictures were skipped.
    """
    from indexer.cli.console import TrainingConsole
    from indexer.training import load_recipe
    from indexer.training import train as train_encoder
    from indexer.training.settings import with_settings

    named = {each.name for each in fields(TrainConfig)}
    given = {name: value for name, value in context.params.items() if name in named and value is not None}
    if batch is not None:
        if min(batch) < 1 or batch[0] * batch[1] > _MOST_IN_BATCH:
            raise typer.BadParameter(
                f"P and K are 1 or more, and their product {_MOST_IN_BATCH:,} at most", param_hint="--batch"
            )
        given["classes_per_batch"], given["views_per_class"] = batch
    if unlabelled:
        given["labelled"] = False
    config = replace(load_recipe(recipe) if recipe else TrainConfig(), **given)
    config = replace(config, network=_network(config.network, backbone, frozen=frozen, dim=dim))
    config = with_settings(config, settings or [])
    warn_inside_collection([pictures], [out])
    with TrainingConsole() as console:
        report = train_encoder(
            pictures,
            out,
            recipe=recipe,
            config=config,
            labels=labels,
            resume=resume,
            exclude=patterns(exclude) or (),
            progress=console.tell,
        )
    for complaint in report.unreadable[:_SHOWN]:
        typer.echo(printable(f"skipped {complaint}"), err=True)
    typer.echo(printable(_summary(report, labelled=config.labelled)))
    if report.unreadable:
        raise typer.Exit(SKIPPED_EXIT)


def teach(
    pictures: Annotated[Path, typer.Argument(help="The folder of pictures that will be trained on.")],
    out: Annotated[Path, typer.Option(help="Where the embeddings go: give it to train with --teacher OUT.")],
    encoder: Annotated[
        str, typer.Option(help="Who teaches: torchvision:NAME, timm:NAME, or any other encoder.")
    ] = "torchvision:resnet50",
    exclude: ExcludeOption = None,
    device: Annotated[Device, typer.Option(help="auto takes a GPU where there is one.")] = "auto",
) -> None:
    """Embed pictures with a large encoder, so that a small one can be trained to agree with it."""
    from indexer.cli.console import ConsoleProgress
    from indexer.training.teacher import teach as embed

    warn_inside_collection([pictures], [out])
    with ConsoleProgress() as console:
        count = embed(pictures, out, encoder=encoder, device=device, exclude=patterns(exclude) or (), progress=console)
    typer.echo(printable(f"{out}: {count} pictures embedded by {encoder}. Use it: twinlens train --teacher {out}"))


def recipes() -> None:
    """List the recipes that train takes, each with the first line of its description."""
    from indexer.training.recipes import recipe_names, recipe_summary

    for name in recipe_names():
        typer.echo(f"{name:<16} {recipe_summary(name)}")


def _network(spec: dict[str, Any], backbone: str | None, *, frozen: bool, dim: int | None) -> dict[str, Any]:
    """Give the spec that the options ask for; without any, the one that is there."""
    if backbone is not None:
        spec = {"kind": "backbone", "name": backbone, "dim": spec["dim"], "frozen": frozen}
    elif frozen:
        if spec.get("kind") != "backbone":
            raise typer.BadParameter("only a pretrained backbone can be frozen: name one", param_hint="--frozen")
        spec = {**spec, "frozen": True}
    return spec if dim is None else {**spec, "dim": dim}


def _summary(report: TrainReport, *, labelled: bool) -> str:
    out = report.out
    if report.already_finished:
        lines = [f"{out}: this run was finished before"]
    elif report.paused:
        lines = [f"{out}: paused after {report.steps} steps; the same command without --stop-after goes on"]
    else:
        classes = f", {report.classes} classes" if labelled else ""
        lines = [f"{out}: {report.steps} steps, {report.minutes:.1f} minutes, {report.pictures} pictures{classes}"]
    if report.lonely_classes:
        names = ", ".join(report.lonely_classes[:_SHOWN])
        more = f" and {len(report.lonely_classes) - _SHOWN} more" if len(report.lonely_classes) > _SHOWN else ""
        lines.append(f"left out  classes of a single picture: {names}{more}")
    if not report.paused:
        lines.append(f"encoder   {out} (twinlens build PICTURES --index DIR --encoder {out})")
    lines.append(f"history   {out / 'history.csv'}")
    lines += [f"report    {picture}" for picture in sorted(out.rglob("*.png"))]
    return "\n".join(lines)
