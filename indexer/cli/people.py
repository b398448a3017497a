"""The commands `enroll`, `unenroll` and `attend`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from indexer.cli.identify import MaxFalseAcceptOption, ReferencesOption, ThresholdOption
from indexer.cli.options import MOST_SECONDS, DeviceOption, IndexOption, JsonOption
from search.config import AttendConfig, EnrollConfig, IdentifyConfig, QueryConfig
from search.text import printable

if TYPE_CHECKING:
    from indexer.people.attendance import Seen


def enroll(
    name: Annotated[str, typer.Argument(help="Whom the pictures show.")],
    pictures: Annotated[list[Path], typer.Argument(help="One or more reference pictures.")],
    index: IndexOption,
    encoder: Annotated[
        str | None,
        typer.Option(help="For an index that is not there yet.  [default: builtin]", show_default=False),
    ] = EnrollConfig.encoder,
    add: Annotated[bool, typer.Option("--add", help="Give a known name more reference pictures.")] = EnrollConfig.add,
    force: Annotated[
        bool, typer.Option("--force", help="Take poor pictures, and those that another name has already.")
    ] = EnrollConfig.force,
    device: DeviceOption = EnrollConfig.device,
    as_json: JsonOption = False,
) -> None:
    """Make somebody known by one or more reference pictures, without training anything.

    Warns when the new name is similar to another one. An index folder that is not there yet is made.
    """
    from indexer.cli.console import ConsoleProgress
    from indexer.people.enroll import enroll as enroll_identity

    with ConsoleProgress() as progress:
        progress.begin("embed", None)
        report = enroll_identity(index, name, pictures, EnrollConfig(encoder, device, add, force))
    for warning in report.warnings:
        typer.secho(printable(f"warning: {warning}"), fg="yellow", err=True)
    if as_json:
        plain = {"name": report.name, "added": report.added, "templates": report.templates}
        typer.echo(json.dumps({**plain, "warnings": list(report.warnings)}))
    else:
        pictures_text = f"{report.templates} reference picture{'s' if report.templates > 1 else ''}"
        typer.echo(printable(f"{report.name}: {report.added} added, {pictures_text}"))


def unenroll(
    names: Annotated[list[str], typer.Argument(help="Whom to forget.")],
    index: IndexOption,
) -> None:
    """Forget identities and their reference pictures."""
    from indexer.people.enroll import unenroll as unenroll_identities

    gone = unenroll_identities(index, names)
    typer.echo(printable(f"forgot {', '.join(names)}: {gone} reference pictures"))


def attend(
    folder: Annotated[Path, typer.Argument(help="Where a camera puts its pictures.")],
    index: IndexOption,
    log: Annotated[Path, typer.Option(help="CSV of time, name, distance, probability, picture: a row a visit.")],
    unknown: Annotated[
        Path | None,
        typer.Option(
            help="CSV of strangers and unusable pictures.  [default: LOG with .unknown before its suffix]",
            show_default=False,
        ),
    ] = AttendConfig.unknown,
    visit_minutes: Annotated[
        float,
        typer.Option(help="Somebody seen again within so many minutes is on the same visit.", min=0, max=MOST_SECONDS),
    ] = AttendConfig.visit_minutes,
    interval: Annotated[
        float, typer.Option(help="Seconds between two looks at the folder.", min=0.05, max=MOST_SECONDS)
    ] = AttendConfig.interval,
    once: Annotated[bool, typer.Option("--once", help="Work through what is there, and end.")] = AttendConfig.once,
    references: ReferencesOption = IdentifyConfig.references,
    max_false_accept: MaxFalseAcceptOption = IdentifyConfig.max_false_accept,
    threshold: ThresholdOption = IdentifyConfig.threshold,
    device: DeviceOption = QueryConfig.device,
) -> None:
    """Identify each picture that arrives in a folder, and log who was there and when, once a visit.

    Runs until it is stopped (Ctrl-C). Started again, it goes on where it was: no picture and no visit is logged twice.
    """
    from indexer.people.attendance import attend as attend_folder

    identify = IdentifyConfig(references=references, max_false_accept=max_false_accept, threshold=threshold)
    config = AttendConfig(unknown, visit_minutes, interval, once, identify)
    try:
        attend_folder(folder, index, log, config, device=device, report=_print)
    except KeyboardInterrupt:
        typer.echo("stopped")


def _print(seen: Seen) -> None:
    typer.echo(printable(f"{seen.time}  {seen.said}  {seen.picture}").replace("\n", "\\n"))
