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
from search.text import counted, printable


def draw_map(
    index: IndexArgument,
    out: Annotated[
        Path | None, typer.Option(help="The PNG to write.  [default: map.png, and none with --keep]")
    ] = None,
    html: Annotated[
        Path | None, typer.Option(help="Also write an interactive page, as one file with its thumbnails.")
    ] = None,
    limit: Annotated[
        int, typer.Option(help="Largest number of pictures shown, spread evenly over the labels.", min=1)
    ] = MAP_PICTURES,
    keep: Annotated[
        bool,
        typer.Option(
            "--keep",
            help="Compute position and cluster of every picture and keep them in the index, for the app. Pictures that"
            " are added later are placed by their neighbours.",
        ),
    ] = False,
    clusters: Annotated[
        int | None, typer.Option(help="With --keep: number of clusters.  [default: 12, fewer for few pictures]", min=1)
    ] = None,
    seed: Annotated[int, typer.Option(help="Random seed; the same seed gives the same map.", min=0, max=2**32 - 1)] = 0,
) -> None:
    """Draw a map of the pictures of an index, with similar pictures next to each other; or keep one with the index.

    Exit code 3 if pictures could not be read; they appear as grey squares.
    """
    if clusters is not None and not keep:
        raise typer.BadParameter("needs --keep", param_hint="--clusters")
    if keep:
        _keep(index, clusters, seed)
    if out is not None or html is not None or not keep:
        _draw(index, out or Path("map.png"), html, limit, seed)


def _keep(index: Path, clusters: int | None, seed: int) -> None:
    from indexer.cli.console import ConsoleProgress

    with ConsoleProgress() as progress:
        kept = indexer.make_map(index, clusters=clusters, seed=seed, progress=progress)
    typer.echo(printable(f"{index}: keeps a map of {counted(kept.pictures, 'picture')} in {kept.clusters} clusters"))


def _draw(index: Path, out: Path, html: Path | None, limit: int, seed: int) -> None:
    warn_inside_index_collection(index, [out, html])
    from indexer.cli.console import ConsoleProgress

    with ConsoleProgress() as progress:
        report = indexer.draw_index_map(index, out, limit=limit, page=html, seed=seed, progress=progress)
    written = f"{out} and {html}" if html else f"{out}"
    more = " (--limit shows more)" if report.shown == limit < report.pictures else ""
    typer.echo(printable(f"{written}: {report.shown} of {report.pictures} pictures{more}"))
    end_with_skipped(report.gone, word="grey:")
