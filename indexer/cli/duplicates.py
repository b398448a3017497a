"""The command `duplicates`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

import indexer
from indexer.cli.base import SHOWN, end_with_skipped
from indexer.cli.inside_collection import warn_inside_index_collection
from indexer.cli.no_match import explain_no_match
from indexer.cli.options import DeviceOption, IndexArgument, WhereOption
from search.config import DuplicatesConfig, Keep
from search.text import counted, megabytes, one_line

if TYPE_CHECKING:
    from collections.abc import Sequence

    from indexer import Choice, DuplicateReport, Group


def duplicates(
    index: IndexArgument,
    threshold: Annotated[
        float | None,
        typer.Option(
            help="Largest distance between copies, from 0 to 2.  [default: the calibrated threshold; if the index is "
            f"not calibrated, that of near copies of its encoder, or {DuplicatesConfig.default_threshold}]",
            show_default=False,
            min=0,
            max=2,
        ),
    ] = DuplicatesConfig.threshold,
    probability: Annotated[
        float | None,
        typer.Option(
            help="Instead of --threshold: least probability, from 0 to 1, that copies show the same thing; needs "
            "calibrate.",
            min=0,
            max=1,
        ),
    ] = DuplicatesConfig.probability,
    exact_only: Annotated[
        bool, typer.Option("--exact-only", help="Only files with the same bytes.")
    ] = DuplicatesConfig.exact_only,
    exact: Annotated[
        bool, typer.Option("--exact", help="Compare every pair, even if an approximate structure is faster.")
    ] = DuplicatesConfig.exhaustive,
    where: WhereOption = None,
    json: Annotated[Path | None, typer.Option(help="Write the groups as JSON; - is standard output.")] = None,
    csv: Annotated[
        Path | None, typer.Option(help="Write a CSV with one row per picture; - is standard output.")
    ] = None,
    html: Annotated[Path | None, typer.Option(help="Write a page with thumbnails, as one file.")] = None,
    keep: Annotated[
        Keep | None,
        typer.Option(
            help="Which picture of a group stays: the best (most pixels, then most bytes, sharpest, oldest) or "
            "the first that was indexed. Also writes --list.  [default: best]",
            show_default=False,
        ),
    ] = None,
    files: Annotated[
        Path | None,
        typer.Option(
            "--list",
            help="Write the spare files, one per line: each is verified to be a copy of a file that stays. "
            "Without this option, --keep writes them to standard output. Nothing is ever deleted.",
        ),
    ] = None,
    null: Annotated[
        bool, typer.Option("-0", "--null", help="End each name in the list with a NUL byte, for xargs -0.")
    ] = False,
    device: DeviceOption = DuplicatesConfig.device,
) -> None:
    """Group the exact and near copies in an index, and list the files that are spare. Nothing is deleted.

    A file is spare only if it is verified to be a copy of a file that stays: the same bytes, or the same pixels in all
    frames and pages. A near copy that is not verified stays. Output files are written completely or not at all. Exit
    code 3 if names with line breaks were left out of the list (-0 writes them).
    """
    from indexer.cli.console import ConsoleProgress
    from indexer.duplicates.files import STDOUT, Outputs, check_outputs, write_outputs

    if exact_only and (exact or threshold is not None or probability is not None):
        raise typer.BadParameter(
            "compares bytes only: leave out --threshold, --probability and --exact", param_hint="--exact-only"
        )
    outputs = Outputs(json, csv, html, files or (STDOUT if keep else None), null)
    check_outputs(outputs, index)
    warn_inside_index_collection(index, [path for path in (json, csv, html, files) if path not in (None, STDOUT)])
    config = DuplicatesConfig(
        threshold=threshold,
        probability=probability,
        exact_only=exact_only,
        exhaustive=exact,
        where=where or None,
        keep=keep or DuplicatesConfig.keep,
        device=device,
    )
    with ConsoleProgress() as progress:
        report = indexer.find_duplicates(index, config, progress=progress)
        progress.begin("verify", len(report.groups))
        choices = indexer.choose_all(report.groups, config.keep, progress.advance)
        progress.begin("write", None)
        left_out = write_outputs(report, choices, outputs)
    if report.pictures == 0:
        explain_no_match(index, where)
    typer.echo(_summary(report, choices, groups=not outputs.speaks), err=outputs.speaks)
    unlisted = [member.path for member in left_out]
    end_with_skipped(unlisted, word="left out of the list, because its name holds a line break (use -0):")


def _summary(report: DuplicateReport, choices: Sequence[Choice], *, groups: bool) -> str:
    from indexer.duplicates.html_page import how_text

    spare = [member for choice in choices for member in choice.spare]
    lines = [
        f"{report.index}: {counted(len(report.groups), 'group')} of copies, {report.members:,} of"
        f" {counted(report.pictures, 'picture')}",
        how_text(report),
    ]
    if report.groups:
        space = megabytes(sum(member.bytes for member in spare))
        lines.append(f"{counted(len(spare), 'spare file')}, {space} to reclaim; nothing was deleted")
        unverified = sum(len(choice.left) for choice in choices)
        if unverified:
            lines.append(
                f"{unverified:,} more are near, gone or changed, and not verified as copies: they are not spare"
            )
    if groups:
        for number, (group, choice) in enumerate(zip(report.groups[:SHOWN], choices, strict=False), 1):
            lines += _group_lines(number, group, choice)
        if len(report.groups) > SHOWN:
            lines.append(f"... and {len(report.groups) - SHOWN} more groups: see --json, --csv or --html")
    return "\n".join(one_line(line) for line in lines)


def _group_lines(number: int, group: Group, choice: Choice) -> list[str]:
    lines = [f"group {number}: {counted(len(group.members), 'picture')}"]
    for member in group.members[:SHOWN]:
        match = f"{member.distance:.4f}" if member.match == "near" else member.match
        lines.append(f"  {choice.word(member):<5}  {match:<14}  {member.width} x {member.height}  {member.path}")
    if len(group.members) > SHOWN:
        lines.append(f"  ... and {len(group.members) - SHOWN} more")
    return lines
