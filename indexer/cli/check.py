"""`twinlens check`: say what is wrong with an index folder, and repair it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from indexer.cli.options import DeviceOption, JsonOption
from search.config import QueryConfig
from search.text import printable

if TYPE_CHECKING:
    from indexer.health.check import CheckReport
    from indexer.health.repair import RepairReport


def check(
    index: Annotated[Path, typer.Argument(help="The index folder.")],
    repair: Annotated[
        bool, typer.Option("--repair", help="Repair what can be repaired, and name what must be embedded again.")
    ] = False,
    device: DeviceOption = QueryConfig.device,
    as_json: JsonOption = False,
) -> None:
    """Verify every byte of an index: files by their checksums, pictures by their rows.

    Names each damaged file with the pictures that suffer (all of them with --json). Exit code 0 when the index is
    whole, at the end where it was repaired; 1 when it is damaged.
    """
    from indexer.cli.console import ConsoleProgress
    from indexer.health.check import inspect
    from indexer.health.repair import repair as repair_index

    if repair:
        with ConsoleProgress() as progress:
            progress.begin("verify and repair", None)
            repaired = repair_index(index, device=device)
        typer.echo(json.dumps(repaired.to_dict()) if as_json else "\n".join(_repaired(repaired)))
        found = repaired.after
    else:
        with ConsoleProgress() as progress:
            progress.begin("verify", None)
            found = inspect(index, named=-1) if as_json else inspect(index)
        typer.echo(json.dumps(found.to_dict()) if as_json else "\n".join(_found(found)))
    if not found.whole:
        raise typer.Exit(1)


def _found(report: CheckReport) -> list[str]:
    lines = [f"{report.index}/{finding}" for finding in report.findings]
    lines += [f"note: {note}" for note in report.notes]
    lines.append(f"{report.index}: {'whole' if report.whole else 'damaged: try twinlens check --repair'}")
    return [_line(line) for line in lines]


def _repaired(report: RepairReport) -> list[str]:
    lines = [f"found: {finding}" for finding in report.before.findings]
    lines += [f"repaired: {done}" for done in report.done]
    lines += [f"removed from the index: {picture.path}" for picture in report.removed]
    lines += [f"left: {left}" for left in report.left]
    return [*map(_line, lines), *_found(report.after)]


def _line(text: str) -> str:
    return printable(text).replace("\n", "\\n")
