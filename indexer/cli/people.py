"""The commands `enroll`, `unenroll` and `attend`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

import indexer
from indexer.cli.base import warn
from indexer.cli.options import (
    MOST_SECONDS,
    BoxOption,
    DeviceOption,
    IndexOption,
    JsonOption,
    MaxFalseAcceptOption,
    ReferencesOption,
    ThresholdOption,
    read_crop,
)
from search.config import AttendConfig, EnrollConfig, IdentifyConfig, QueryConfig
from search.text import counted, one_line, printable

if TYPE_CHECKING:
    from indexer import Seen


def enroll(
    name: Annotated[str, typer.Argument(help="The name of the person that the pictures show.")],
    pictures: Annotated[list[Path], typer.Argument(help="One or more reference pictures.")],
    index: IndexOption,
    encoder: Annotated[
        str | None,
        typer.Option(help="The encoder of a new index.  [default: photo]", show_default=False),
    ] = EnrollConfig.encoder,
    add: Annotated[
        bool, typer.Option("--add", help="Add reference pictures to a name that is already enrolled.")
    ] = EnrollConfig.add,
    force: Annotated[
        bool,
        typer.Option("--force", help="Accept pictures of poor quality, and those already enrolled under another name."),
    ] = EnrollConfig.force,
    box: BoxOption = None,
    device: DeviceOption = EnrollConfig.device,
    as_json: JsonOption = False,
) -> None:
    """Enroll a person by one or more reference pictures. Nothing is trained.

    Warns if the person is hard to tell from another one. Creates the index folder if it does not exist. With the
    encoder faces, a picture without a face, or with several and no --box, is refused.
    """
    from indexer.cli.console import ConsoleProgress

    config = EnrollConfig(encoder, device, add, force, read_crop(box, "--box"))
    with ConsoleProgress() as progress:
        progress.begin("embed", None)
        report = indexer.enroll(index, name, pictures, config)
    for warning in report.warnings:
        warn(warning)
    if as_json:
        plain = {"name": report.name, "added": report.added, "templates": report.templates}
        typer.echo(json.dumps({**plain, "warnings": list(report.warnings)}))
    else:
        pictures_text = counted(report.templates, "reference picture")
        typer.echo(printable(f"{report.name}: {report.added} added, {pictures_text}"))


def unenroll(
    names: Annotated[list[str], typer.Argument(help="The names to remove.")],
    index: IndexOption,
) -> None:
    """Remove enrolled people and their reference pictures."""
    removed = indexer.unenroll(index, names)
    typer.echo(printable(f"removed {', '.join(names)}: {removed} reference pictures"))


def attend(
    folder: Annotated[Path, typer.Argument(help="The folder that a camera writes to.")],
    index: IndexOption,
    log: Annotated[
        Path, typer.Option(help="CSV to write, one row per visit: time, name, distance, probability, picture.")
    ],
    unknown: Annotated[
        Path | None,
        typer.Option(
            help="CSV of unknown people and unusable pictures.  [default: LOG with .unknown before its suffix]",
            show_default=False,
        ),
    ] = AttendConfig.unknown,
    visit_minutes: Annotated[
        float,
        typer.Option(
            help="A person who is seen again within this many minutes is on the same visit.", min=0, max=MOST_SECONDS
        ),
    ] = AttendConfig.visit_minutes,
    interval: Annotated[
        float, typer.Option(help="Seconds between two scans of the folder.", min=0.05, max=MOST_SECONDS)
    ] = AttendConfig.interval,
    once: Annotated[
        bool, typer.Option("--once", help="Identify the pictures that are there, and exit.")
    ] = AttendConfig.once,
    references: ReferencesOption = IdentifyConfig.references,
    max_false_accept: MaxFalseAcceptOption = IdentifyConfig.max_false_accept,
    threshold: ThresholdOption = IdentifyConfig.threshold,
    device: DeviceOption = QueryConfig.device,
) -> None:
    """Identify each picture that arrives in a folder, and log who was there and when, one row per visit.

    With the encoder faces, each face of a picture is identified and logged.

    Runs until it is stopped (Ctrl-C). Started again, it continues where it stopped: no picture and no visit is logged
    twice.
    """
    identify = IdentifyConfig(references=references, max_false_accept=max_false_accept, threshold=threshold)
    config = AttendConfig(unknown, visit_minutes, interval, once, identify)
    try:
        indexer.attend(folder, index, log, config, device=device, report=_print_seen)
    except KeyboardInterrupt:
        typer.echo("stopped")


def _print_seen(seen: Seen) -> None:
    typer.echo(one_line(f"{seen.time}  {seen.said}  {seen.picture}" + (f" at {seen.box}" if seen.box else "")))
