"""The command `map`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from indexer.cli.base import SKIPPED_EXIT
from indexer.cli.inside_collection import warn_inside_index_collection
from search.config import MAP_PICTURES
from search.text import printable

_SHOWN = 20
"""Pictures that are gone, of which so many are named."""


def draw_map(
    index: Annotated[Path, typer.Argument(help="The index folder.")],
    out: Annotated[Path, typer.Option(help="The PNG to write.")] = Path("map.png"),
    html: Annotated[Path | None, typer.Option(help="Also a page to explore: one file, thumbnails inlined.")] = None,
    limit: Annotated[int, typer.Option(help="Pictures shown at most, evenly over the labels.", min=1)] = MAP_PICTURES,
    seed: Annotated[int, typer.Option(help="Same seed, same map.", min=0, max=2**32 - 1)] = 0,
) -> None:
    """Draw the pictures of an index where their embeddings lie: like near like.

    Exit code 3 when pictures could not be read; they are grey squares.
    """
    warn_inside_index_collection(index, [out, html])
    from indexer.cli.console import ConsoleProgress
    from indexer.plots.index_map import draw_index_map

    with ConsoleProgress() as progress:
        report = draw_index_map(index, out, limit=limit, page=html, seed=seed, progress=progress)
    for complaint in report.gone[:_SHOWN]:
        typer.echo(printable(f"grey: {complaint}"), err=True)
    written = f"{out} and {html}" if html else f"{out}"
    typer.echo(printable(f"{written}: {report.shown} of {report.pictures} pictures"))
    if report.gone:
        raise typer.Exit(SKIPPED_EXIT)
