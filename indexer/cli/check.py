"""The command `check`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

import indexer
from indexer.cli.base import ERROR_EXIT
from indexer.cli.options import DeviceOption, JsonOption, StoreArgument
from search.config import QueryConfig
from search.store.address import refuse_uri
from search.text import one_line

if TYPE_CHECKING:
    from indexer import CheckReport, RepairReport


def check(
    index: StoreArgument,
    repair: Annotated[
        bool, typer.Option("--repair", help="Repair what can be repaired, and list what must be embedded again.")
    ] = False,
    device: DeviceOption = QueryConfig.device,
    as_json: JsonOption = False,
) -> None:
    """Verify every byte of an index: checksums of the files, and the rows of all pictures.

    In Milvus: that every picture can be read, and that the encoder and the settings are complete.

    Lists each damaged file with the first of the pictures affected, or with all of them (--json). Exit code 0 if there
    is no damage, or none is left after the repair; 1 if the index is damaged.
    """
    from indexer.cli.console import ConsoleProgress

    with ConsoleProgress() as progress:
        if repair:
            refuse_uri(Path(index))
            progress.begin("verify and repair", None)
            repaired = indexer.repair(index, device=device)
            report, plain, lines = repaired.after, repaired.to_dict(), _repair_lines(repaired)
        else:
            progress.begin("verify", None)
            report = indexer.inspect(index, named=-1) if as_json else indexer.inspect(index)
            plain, lines = report.to_dict(), _check_lines(report)
    typer.echo(json.dumps(plain) if as_json else "\n".join(map(one_line, lines)))
    if not report.whole:
        raise typer.Exit(ERROR_EXIT)


def _check_lines(report: CheckReport) -> list[str]:
    lines = [f"{report.index}/{finding}" for finding in report.findings]
    lines += [f"note: {note}" for note in report.notes]
    outcome = "OK, no damage found" if report.whole else "damaged: try twinlens check --repair"
    return [*lines, f"{report.index}: {outcome}"]


def _repair_lines(report: RepairReport) -> list[str]:
    lines = [f"damaged: {finding}" for finding in report.before.findings]
    lines += [f"repaired: {done}" for done in report.done]
    lines += [f"removed from the index: {picture.path}" for picture in report.removed]
    lines += [f"not repaired: {left}" for left in report.left]
    return [*lines, *_check_lines(report.after)]
