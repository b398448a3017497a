"""The command `metadata`."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from indexer.cli.options import IndexOption, JsonOption
from search.text import printable

if TYPE_CHECKING:
    from indexer.metadata.load import MetadataReport
    from indexer.pipeline.exif import ExifReport

MetadataOption = Annotated[
    Path | None,
    typer.Option("--metadata", help="CSV or JSON lines of columns to store with the pictures: twinlens metadata."),
]


def metadata(
    index: IndexOption,
    file: Annotated[
        Path | None,
        typer.Argument(help="CSV or JSON lines; a column path or id says which picture a row is about."),
    ] = None,
    root: Annotated[
        Path | None,
        typer.Option(
            help="The folder that relative paths start from.  [default: the one that holds all pictures]",
            show_default=False,
        ),
    ] = None,
    exif: Annotated[
        bool, typer.Option("--exif", help="Read the date and camera of every picture from its file again.")
    ] = False,
    drop: Annotated[
        list[str] | None, typer.Option(metavar="COLUMN", help="Forget a column and all its values.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Store columns of a CSV or of JSON lines with the pictures of an index, to filter by with --where.

    A column is of the narrowest type that holds all its values: integer, real, boolean, date, datetime, or text. An
    empty cell says that there is no value. Every row is stored or, where one cannot be, none. info lists the columns.
    """
    from indexer.cli.console import ConsoleProgress
    from indexer.metadata.file import open_metadata
    from indexer.metadata.load import drop_column, load_metadata
    from indexer.pipeline.exif import load_exif

    if file is None and not exif and not drop:
        raise typer.BadParameter("name a file, or --exif, or --drop", param_hint="FILE")
    opened = None if file is None else open_metadata(file)  # a file that cannot be used changes nothing
    told: dict[str, object] = {}
    lines: list[str] = []
    for name in drop or []:
        drop_column(index, name)
        lines.append(f"{index}: forgot the column {name}")
    with ConsoleProgress() as progress:
        if exif:
            report = load_exif(index, progress=progress)
            told["exif"] = asdict(report)
            lines.append(_exif_text(report, index))
        if opened is not None:
            loaded = load_metadata(index, opened, root=root, progress=progress)
            told |= asdict(loaded)
            lines.append(report_text(loaded, index))
    typer.echo(json.dumps(told) if as_json else printable("\n".join(lines)))


def report_text(report: MetadataReport, index: Path) -> str:
    """What a file of metadata changed, for people."""
    columns = ", ".join(f"{name} ({kind})" for name, kind in report.columns.items()) or "no values"
    lines = [f"{index}: {columns} of {report.rows} rows"]
    if report.ignored:
        lines.append(f"left out {', '.join(report.ignored)}: every picture has these anyway")
    if report.unknown:
        lines.append(f"left out {report.unknown} rows of pictures that are not in the index")
        lines += [f"  not there: {name}".replace("\n", "\\n") for name in report.unknown_shown]
        if report.unknown > len(report.unknown_shown):
            lines.append(f"  ... and {report.unknown - len(report.unknown_shown)} more")
    return "\n".join(lines)


def _exif_text(report: ExifReport, index: Path) -> str:
    text = f"{index}: {report.taken} of {report.pictures} pictures say when they were taken, {report.camera} with what"
    return f"{text}; {report.unread} could not be read" if report.unread else text
