"""The command `query`."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from indexer.cli.base import OptionError, end_with
from indexer.cli.options import DeviceOption, IndexOption, JsonOption, WhereOption
from search.config import Device, QueryConfig
from search.errors import PictureError, QueryError
from search.text import one_line, printable, short

if TYPE_CHECKING:
    from search.engine import SearchEngine
    from search.query.blend import Crop
    from search.query.query import SearchOptions
    from search.types import Hit, Picture


_UNFOLDED = 100_000
"""Columns of a table that goes to a file or another program: no path is folded there."""


def query(
    index: IndexOption,
    pictures: Annotated[
        list[str] | None,
        typer.Argument(help="One or more pictures, each answered on its own; - is standard input."),
    ] = None,
    ids: Annotated[
        list[int] | None,
        typer.Option("--id", metavar="ID", help="In place of pictures: a picture of the index, by its id."),
    ] = None,
    vectors: Annotated[
        list[Path] | None,
        typer.Option(
            "--vector", metavar="FILE", help="In place of pictures: a .npy file of one embedding, or several."
        ),
    ] = None,
    k: Annotated[int, typer.Option("-k", help="Neighbours of each picture.", min=1)] = QueryConfig.k,
    where: WhereOption = None,
    same_only: Annotated[
        bool, typer.Option("--same-only", help="Only pictures taken for the same thing; needs twinlens calibrate.")
    ] = QueryConfig.same_only,
    without: Annotated[
        list[str] | None, typer.Option("--not", metavar="PICTURE", help="What looks like this picture comes later.")
    ] = None,
    together: Annotated[
        bool, typer.Option("--together", help="One query: what looks like all of the pictures at once.")
    ] = False,
    crop: Annotated[
        str | None,
        typer.Option(
            metavar="X0,Y0,X1,Y1",
            help="Only this part of each picture, in shares of its width and height: 0.5,0,1,1 is the right half.",
        ),
    ] = None,
    collapse: Annotated[
        bool, typer.Option("--collapse", help="Show near copies once, with their number; see twinlens duplicates.")
    ] = QueryConfig.collapse,
    show: Annotated[
        list[str] | None,
        typer.Option(metavar="COLUMN", help="A column of the metadata to show with each hit; '*': all that they have."),
    ] = None,
    device: DeviceOption = QueryConfig.device,
    as_json: JsonOption = False,
) -> None:
    """Find the pictures of an index that look like a given picture.

    With --json, one line of JSON a picture: {"query": PATH, "hits": [{id, path, label, distance, similarity,
    probability, metadata}, ...]}, or {"query": PATH, "error": REASON}; where --same-only or --where leave nothing, no
    hits and "nothing": what that means. With --collapse each hit has its copies, as hits are; with --together "query"
    is the list of the pictures; it is {"id": ID} for --id, and {"vector": FILE, "row": ROW} for --vector, which both
    answer without loading the encoder. REASON begins with a path where the picture at fault is one of --together or
    --not. Exit code 3 when a picture could not be read, 1 when a file is missing.
    """
    from search.filters.language import condition_of

    options: SearchOptions = {"where": condition_of(where), "same_only": same_only, "collapse": collapse}
    if ids or vectors:
        if pictures or without or together or crop is not None:
            raise typer.BadParameter(
                "takes the place of pictures: no picture, --not, --together or --crop goes with it",
                param_hint="--id" if ids else "--vector",
            )
        _query_stored(index, ids or [], vectors or [], k, options, where, show, device=device, as_json=as_json)
        return
    if not pictures:
        raise typer.BadParameter("name a picture, or use --id or --vector", param_hint="PICTURES")
    part = None if crop is None else _crop(crop)
    if together and (part is not None or same_only):
        raise typer.BadParameter("goes with neither --crop nor --same-only", param_hint="--together")
    queries: list[str | list[str]] = [pictures] if together else [*pictures]
    _query_pictures(index, queries, without or [], part, k, options, where, show, device=device, as_json=as_json)


def where_text(where: list[str] | None) -> str:
    """A filter as it was given, on one line."""
    return one_line(" and ".join(where or []))


def say_nothing_matches(index: Path, where: list[str] | None) -> None:
    """Say on standard error why a filter left nothing to work on, where that is so."""
    from search.engine import open_index
    from search.filters.language import condition_of
    from search.query.nearest_values import nothing_matches

    with open_index(index, device="cpu") as engine:
        nothing = nothing_matches(engine.catalog, condition_of(where), where_text(where))
    if nothing is not None:
        typer.echo(f"{one_line(str(index))}: {nothing}", err=True)


def _crop(text: str) -> Crop:
    from search.query.blend import Crop

    try:
        return Crop.read(text)
    except QueryError as error:
        raise typer.BadParameter(printable(str(error)), param_hint="--crop") from None


def _why_nothing(engine: SearchEngine, where: list[str] | None, *, same_only: bool) -> str | None:
    """Why a query has no hits; None where there is nothing to say of it."""
    from search.filters.language import condition_of
    from search.query.nearest_values import NOTHING_SAME, nothing_matches

    return nothing_matches(engine.catalog, condition_of(where), where_text(where)) or (
        NOTHING_SAME if same_only else None
    )


def _query_pictures(
    index: Path,
    queries: list[str | list[str]],
    without: list[str],
    part: Crop | None,
    k: int,
    options: SearchOptions,
    where: list[str] | None,
    show: list[str] | None,
    *,
    device: Device,
    as_json: bool,
) -> None:
    """Answer each query, a picture or a blend of several; a picture that cannot be read is the error of its query."""
    from indexer.cli.picture_argument import picture_argument
    from search.engine import open_index
    from search.pictures.decode import load_picture

    failed: list[PictureError] = []
    with open_index(index, device=device) as engine:
        shown = _shown_columns(show, list(engine.columns()))

        @cache
        def unwanted() -> list[Picture]:
            return [load_picture(picture_argument(picture)) for picture in without]

        def search(asked: str | list[str]) -> list[Hit]:
            if isinstance(asked, str):
                return engine.search(picture_argument(asked), k, without=unwanted(), crop=part, **options)
            named = [picture_argument(picture) for picture in asked]
            return engine.search_together(named, k, without=unwanted(), **options)

        for asked in queries:
            try:
                hits = search(asked)
            except PictureError as error:
                if as_json or str(error) not in map(str, failed):  # a --not that fails them all is said once
                    _show_failure(asked, error, as_json=as_json)
                failed.append(error)
                continue
            nothing = None if hits else _why_nothing(engine, where, same_only=options["same_only"])
            _show_hits(asked, hits, shown, nothing, as_json=as_json)
    end_with(failed)


def _query_stored(
    index: Path,
    ids: list[int],
    files: list[Path],
    k: int,
    options: SearchOptions,
    where: list[str] | None,
    show: list[str] | None,
    *,
    device: Device,
    as_json: bool,
) -> None:
    """Answer pictures of the index by their ids, then the rows of files of vectors: without torch."""
    from indexer.cli.vector_queries import read_vectors
    from search.engine import open_index
    from search.large_imports import without_torch

    read = [(file, read_vectors(file)) for file in files]
    with without_torch(), open_index(index, device=device) as engine:
        shown = _shown_columns(show, list(engine.columns()))
        asked: list[dict[str, int | str]] = [{"id": picture_id} for picture_id in ids]
        hits = engine.search_vectors(engine.vectors_of(ids), k, **options) if ids else []
        for file, vectors in read:
            asked += [{"vector": str(file), "row": row} for row in range(len(vectors))]
            hits += engine.search_vectors(vectors, k, **options)
        for query_, found in zip(asked, hits, strict=True):
            nothing = None if found else _why_nothing(engine, where, same_only=options["same_only"])
            _show_hits(query_, found, shown, nothing, as_json=as_json)


def _shown_columns(asked: list[str] | None, known: list[str]) -> list[str] | None:
    """Columns of the metadata to show; None: all that the hits have."""
    if asked is not None and "*" in asked:
        return None
    for name in asked or []:
        if name not in known:
            columns = ", ".join(known) or "none"
            raise OptionError(f"--show {name}: there is no such column (columns: {columns})")
    return list(dict.fromkeys(asked or []))


def _show_hits(
    asked: str | list[str] | dict[str, int | str],
    hits: list[Hit],
    shown: list[str] | None,
    nothing: str | None,
    *,
    as_json: bool,
) -> None:
    picture = _title(asked)
    if as_json:
        told = {"query": asked, "hits": [hit.to_dict() for hit in hits]}
        typer.echo(json.dumps(told if nothing is None else {**told, "nothing": nothing}))
        return
    if nothing is not None:
        typer.echo(one_line(f"{picture}: {nothing}"))
        return
    from rich.console import Console

    from indexer.cli.rich_text import literal, literal_table

    calibrated = any(hit.probability is not None for hit in hits)
    collapsed = any(hit.copies is not None for hit in hits)
    extra = [*["probability"] * calibrated, *["copies"] * collapsed]
    known = list(dict.fromkeys(name for hit in hits for name in hit.metadata)) if shown is None else shown
    columns = ("rank", "distance", "similarity", *extra, "label", *known, "path")
    table = literal_table(*columns)
    for rank, hit in enumerate(hits, 1):
        path = literal(_seen_from_here(hit.path), overflow="fold")
        chance = [] if hit.probability is None else [f"{hit.probability:.4f}"]
        copies = [] if hit.copies is None else [f"+{len(hit.copies)}" if hit.copies else ""]
        numbers = (f"{hit.distance:.4f}", f"{hit.similarity:.4f}", *chance, *copies)
        values = [literal(short(hit.metadata[name]) if name in hit.metadata else "") for name in known]
        table.add_row(f"{rank}", *numbers, literal(hit.label or ""), *values, path)
    console = Console()
    if not console.is_terminal:
        console.width = _UNFOLDED
    console.print(literal(picture, style="italic"), soft_wrap=True)
    console.print(table)


def _title(asked: str | list[str] | dict[str, int | str]) -> str:
    if isinstance(asked, dict):
        return ", ".join(f"{name} {value}" for name, value in asked.items())
    return asked if isinstance(asked, str) else " + ".join(asked)


def _seen_from_here(path: Path) -> Path:
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path


def _show_failure(asked: str | list[str], error: PictureError, *, as_json: bool) -> None:
    if as_json:
        reason = error.reason if error.source == asked else str(error)
        typer.echo(json.dumps({"query": asked, "error": reason}))
    else:
        typer.secho(f"error: {one_line(str(error))}", fg="red", err=True)
