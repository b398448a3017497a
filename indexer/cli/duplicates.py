"""The command `duplicates`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from indexer.cli.base import SKIPPED_EXIT
from indexer.cli.inside_collection import warn_inside_index_collection
from indexer.cli.options import DeviceOption, WhereOption
from indexer.cli.query import say_nothing_matches
from search.config import DuplicatesConfig, Keep
from search.text import megabytes, one_line

if TYPE_CHECKING:
    from collections.abc import Sequence

    from indexer.duplicates.keep import Choice
    from indexer.duplicates.report import DuplicateReport, Group

_SHOWN = 20
"""Groups, and members of a group, that the terminal shows; the files hold them all."""


def duplicates(
    index: Annotated[Path, typer.Argument(help="The index folder.")],
    threshold: Annotated[
        float | None,
        typer.Option(
            help="Distance up to which pictures are copies, from 0 to 2.  [default: that of the calibration; "
            f"{DuplicatesConfig.default_threshold} where there is none]",
            show_default=False,
            min=0,
            max=2,
        ),
    ] = DuplicatesConfig.threshold,
    probability: Annotated[
        float | None,
        typer.Option(
            help="Instead: how probably two pictures show the same thing, from 0 to 1; needs calibrate.", min=0, max=1
        ),
    ] = DuplicatesConfig.probability,
    exact_only: Annotated[
        bool, typer.Option("--exact-only", help="Only files of the same bytes.")
    ] = DuplicatesConfig.exact_only,
    exact: Annotated[
        bool, typer.Option("--exact", help="Compare every pair, even where an approximate structure is faster.")
    ] = DuplicatesConfig.exhaustive,
    where: WhereOption = None,
    json: Annotated[Path | None, typer.Option(help="Write the groups as JSON; - for standard output.")] = None,
    csv: Annotated[Path | None, typer.Option(help="Write one row a picture; - for standard output.")] = None,
    html: Annotated[Path | None, typer.Option(help="Write a page with thumbnails: one file.")] = None,
    keep: Annotated[
        Keep | None,
        typer.Option(
            help="Which picture of a group stays: the best (most pixels, most bytes, sharpest, oldest) or "
            "the first that was indexed; writes --list.  [default: best]",
            show_default=False,
        ),
    ] = None,
    files: Annotated[
        Path | None,
        typer.Option(
            "--list",
            help="Write the spare files, one a line: each is known to be a copy of one that stays. "
            "Standard output where --keep is given without it. Nothing is ever deleted.",
        ),
    ] = None,
    null: Annotated[
        bool, typer.Option("-0", "--null", help="End each name of the list with a NUL byte, for xargs -0.")
    ] = False,
    device: DeviceOption = DuplicatesConfig.device,
) -> None:
    """Group the exact and near copies of an index, and say which files are spare. Nothing is deleted.

    A file is spare only if it is known to be a copy of one that stays: the same bytes, or the same pictures, compared
    pixel by pixel, all frames and pages. What is only near stays. Files are written whole or not at all. Exit code 3
    when names with line breaks were left out of the list (-0 writes them).
    """
    from indexer.cli.console import ConsoleProgress
    from indexer.duplicates.files import STDOUT, Outputs, check_outputs, write_outputs
    from indexer.duplicates.find import find_duplicates
    from indexer.duplicates.keep import choose_all

    if exact_only and (exact or threshold is not None or probability is not None):
        raise typer.BadParameter(
            "looks at bytes alone: leave --threshold, --probability and --exact out", param_hint="--exact-only"
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
        report = find_duplicates(index, config, progress=progress)
        progress.begin("verify", len(report.groups))
        choices = choose_all(report.groups, config.keep, progress.advance)
        progress.begin("write", None)
        left_out = write_outputs(report, choices, outputs)
    if report.pictures == 0:
        say_nothing_matches(index, where)
    typer.echo(_summary(report, choices, groups=not outputs.speaks), err=outputs.speaks)
    for member in left_out[:_SHOWN]:
        typer.echo(one_line(f"left out of the list, as its name holds a line break (use -0): {member.path}"), err=True)
    if left_out:
        raise typer.Exit(SKIPPED_EXIT)


def _summary(report: DuplicateReport, choices: Sequence[Choice], *, groups: bool) -> str:
    from indexer.duplicates.html_page import how_text

    spare = [member for choice in choices for member in choice.spare]
    lines = [
        f"{report.index}: {len(report.groups)} groups of copies, {report.members} of {report.pictures} pictures",
        how_text(report),
    ]
    if report.groups:
        gained = megabytes(sum(member.bytes for member in spare))
        lines.append(f"{len(spare):,} files are copies of one that stays ({gained} to reclaim); nothing was deleted")
        near = sum(len(choice.left) for choice in choices)
        if near:
            lines.append(f"{near:,} more are near, gone or changed, and not known to be copies: they are not spare")
    if groups:
        for number, (group, choice) in enumerate(zip(report.groups[:_SHOWN], choices, strict=False), 1):
            lines += _group_lines(number, group, choice)
        if len(report.groups) > _SHOWN:
            lines.append(f"... and {len(report.groups) - _SHOWN} more groups: --json, --csv and --html hold them")
    return "\n".join(one_line(line) for line in lines)


def _group_lines(number: int, group: Group, choice: Choice) -> list[str]:
    lines = [f"group {number}: {len(group.members)} pictures"]
    for member in group.members[:_SHOWN]:
        near = f"{member.distance:.4f}" if member.match == "near" else member.match
        lines.append(f"  {choice.word(member):<5}  {near:<14}  {member.width} x {member.height}  {member.path}")
    if len(group.members) > _SHOWN:
        lines.append(f"  ... and {len(group.members) - _SHOWN} more")
    return lines
