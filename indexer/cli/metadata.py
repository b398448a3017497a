"""The command `metadata`."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

import indexer
from indexer.cli.options import IndexOption, JsonOption
from search.text import counted, one_line

if TYPE_CHECKING:
    from indexer import ExifReport, MetadataReport


def metadata(
    index: IndexOption,
    file: Annotated[
        Path | None,
        typer.Argument(help="CSV or JSON lines; its column path or id says which picture a row describes."),
    ] = None,
    root: Annotated[
        Path | None,
        typer.Option(
            help="The folder that relative paths start from.  [default: the deepest folder that holds all pictures]",
            show_default=False,
        ),
    ] = None,
    exif: Annotated[
        bool, typer.Option("--exif", help="Read the date and camera of every picture from its file again.")
    ] = False,
    drop: Annotated[
        list[str] | None, typer.Option(metavar="COLUMN", help="Delete a column and all its values. May be repeated.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Store the columns of a CSV or JSON lines file with the pictures of an index, to filter by with --where.

    A column gets the narrowest type that holds all its values: integer, real, boolean, date, datetime or text. An empty
    cell means no value. If one row cannot be stored, none is. twinlens info lists the columns.
    """
    from indexer.cli.console import ConsoleProgress
    from indexer.metadata.file import open_metadata

    if file is None and not exif and not drop:
        raise typer.BadParameter("name a file, or use --exif or --drop", param_hint="FILE")
    opened = None if file is None else open_metadata(file)  # an invalid file is rejected before any change
    plain: dict[str, object] = {}
    texts: list[str] = []
    for name in drop or []:
        indexer.drop_column(index, name)
        texts.append(one_line(f"{index}: deleted the column {name}"))
    with ConsoleProgress() as progress:
        if exif:
            read = indexer.load_exif(index, progress=progress)
            plain["exif"] = asdict(read)
            texts.append(_exif_text(read, index))
        if opened is not None:
            loaded = indexer.load_metadata(index, opened, root=root, progress=progress)
            plain |= asdict(loaded)
            texts.append(metadata_text(loaded, index))
    typer.echo(json.dumps(plain) if as_json else "\n".join(texts))


def metadata_text(report: MetadataReport, index: Path) -> str:
    """The report of a file of metadata, for people."""
    columns = ", ".join(f"{name} ({kind})" for name, kind in report.columns.items()) or "no values"
    lines = [f"{index}: {columns} of {counted(report.rows, 'row')}"]
    if report.ignored:
        lines.append(f"left out {', '.join(report.ignored)}: every picture has these already")
    if report.unknown:
        lines.append(f"left out {counted(report.unknown, 'row')} of pictures that are not in the index")
        lines += [f"  not in the index: {name}" for name in report.unknown_shown]
        if report.unknown > len(report.unknown_shown):
            lines.append(f"  ... and {report.unknown - len(report.unknown_shown)} more")
    return "\n".join(map(one_line, lines))


def _exif_text(report: ExifReport, index: Path) -> str:
    text = f"{index}: of {counted(report.pictures, 'picture')}, {report.taken} have a date and {report.camera} a camera"
    return one_line(f"{text}; {report.unread} could not be read" if report.unread else text)
