"""The command `map`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

import indexer
from indexer.cli.base import end_with_skipped
from indexer.cli.inside_collection import warn_inside_index_collection
from indexer.cli.options import IndexArgument
from search.config import MAP_PICTURES
from search.text import printable


def draw_map(
    index: IndexArgument,
    out: Annotated[Path, typer.Option(help="The PNG to write.")] = Path("map.png"),
    html: Annotated[
        Path | None, typer.Option(help="Also write an interactive page, as one file with its thumbnails.")
    ] = None,
    limit: Annotated[
        int, typer.Option(help="Largest number of pictures shown, spread evenly over the labels.", min=1)
    ] = MAP_PICTURES,
    seed: Annotated[int, typer.Option(help="Random seed; the same seed gives the same map.", min=0, max=2**32 - 1)] = 0,
) -> None:
    """Draw a map of the pictures of an index, with similar pictures next to each other.

    Exit code 3 if pictures could not be read; they appear as grey squares.
    """
    warn_inside_index_collection(index, [out, html])
    from indexer.cli.console import ConsoleProgress

    with ConsoleProgress() as progress:
        report = indexer.draw_index_map(index, out, limit=limit, page=html, seed=seed, progress=progress)
    written = f"{out} and {html}" if html else f"{out}"
    typer.echo(printable(f"{written}: {report.shown} of {report.pictures} pictures"))
    end_with_skipped(report.gone, word="grey:")
