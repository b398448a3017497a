"""The command `query`."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from indexer.cli.base import end_with, print_failure, warn_weak
from indexer.cli.hits import QueryOptions, print_hits, shown_columns
from indexer.cli.options import DeviceOption, IndexOption, JsonOption, WhereOption, read_crop
from search.config import QueryConfig
from search.errors import PictureError

if TYPE_CHECKING:
    from search.crop import Crop
    from search.types import Hit, Picture


def query(
    index: IndexOption,
    pictures: Annotated[
        list[str] | None,
        typer.Argument(help="One or more query pictures, each answered separately; - is standard input."),
    ] = None,
    ids: Annotated[
        list[int] | None,
        typer.Option("--id", metavar="ID", help="Instead of pictures: the id of a picture of the index."),
    ] = None,
    vectors: Annotated[
        list[Path] | None,
        typer.Option("--vector", metavar="FILE", help="Instead of pictures: a .npy file of one or more embeddings."),
    ] = None,
    k: Annotated[int, typer.Option("-k", help="Number of neighbours of each picture.", min=1)] = QueryConfig.k,
    where: WhereOption = None,
    same_only: Annotated[
        bool,
        typer.Option("--same-only", help="Only pictures that match by the calibrated threshold; needs calibrate."),
    ] = QueryConfig.same_only,
    without: Annotated[
        list[str] | None,
        typer.Option("--not", metavar="PICTURE", help="Rank pictures that look like this one lower. May be repeated."),
    ] = None,
    together: Annotated[
        bool, typer.Option("--together", help="Make one query of all pictures: find what looks like all of them.")
    ] = False,
    crop: Annotated[
        str | None,
        typer.Option(
            metavar="X0,Y0,X1,Y1",
            help="Only this part of each picture, as fractions of its width and height: 0.5,0,1,1 is the right half.",
        ),
    ] = None,
    collapse: Annotated[
        bool, typer.Option("--collapse", help="Show near copies as one hit, with their number; see duplicates.")
    ] = QueryConfig.collapse,
    show: Annotated[
        list[str] | None,
        typer.Option(
            metavar="COLUMN", help="A metadata column to show with each hit; '*' shows all columns. May be repeated."
        ),
    ] = None,
    device: DeviceOption = QueryConfig.device,
    as_json: JsonOption = False,
) -> None:
    """Find the pictures of an index that look like a given picture.

    With --json, prints one JSON line per picture: {"query": PATH, "hits": [{id, path, label, distance, similarity,
    strength, probability, metadata}, ...]}, or {"query": PATH, "error": REASON}. "strength" is near copy, very similar,
    similar or weak, or null. If even the nearest hit is weak, "note" says so, or a line on standard error without
    --json. If --same-only or --where leave no hits, "nothing" says why. With --collapse each hit has "copies", in the
    form of hits. With --together, "query" is the list of the pictures. It is {"id": ID} for --id and {"vector": FILE,
    "row": ROW} for --vector, which do not load the encoder. REASON begins with a path if the picture at fault is one of
    --together or --not. Exit code 3 if a picture could not be read, 1 if a file does not exist.
    """
    from search.filters.language import condition_of

    options = QueryOptions(index, k, condition_of(where), where, same_only, collapse, show, device, as_json)
    if ids or vectors:
        if pictures or without or together or crop is not None:
            raise typer.BadParameter(
                "replaces the pictures: leave out pictures, --not, --together and --crop",
                param_hint="--id" if ids else "--vector",
            )
        from indexer.cli.vector_queries import query_stored

        query_stored(ids or [], vectors or [], options)
        return
    if not pictures:
        raise typer.BadParameter("name a picture, or use --id or --vector", param_hint="PICTURES")
    part = read_crop(crop, "--crop")
    if together and (part is not None or same_only):
        raise typer.BadParameter("cannot be combined with --crop or --same-only", param_hint="--together")
    queries: list[str | list[str]] = [pictures] if together else [*pictures]
    _query_pictures(queries, without or [], part, options)


def _query_pictures(
    queries: list[str | list[str]], without: list[str], part: Crop | None, options: QueryOptions
) -> None:
    """Answer each query, one picture or several together; an unreadable picture fails its query, not the others."""
    from indexer.cli.picture_argument import picture_argument
    from search.engine import open_index
    from search.pictures.decode import load_picture

    failed: list[PictureError] = []
    with open_index(options.index, device=options.device) as engine:
        columns = shown_columns(options.show, list(engine.columns()))
        if not options.as_json:
            warn_weak(engine.calibration)

        @cache
        def unwanted() -> list[Picture]:
            return [load_picture(picture_argument(picture)) for picture in without]

        def search(query: str | list[str]) -> list[Hit]:
            if isinstance(query, str):
                picture = picture_argument(query)
                return engine.search(picture, options.k, without=unwanted(), crop=part, **options.search)
            blended = [picture_argument(picture) for picture in query]
            return engine.search_together(blended, options.k, without=unwanted(), **options.search)

        for query in queries:
            try:
                hits = search(query)
            except PictureError as error:
                if options.as_json or str(error) not in map(str, failed):  # an unreadable --not fails every query
                    print_failure(error, {"query": query}, as_json=options.as_json)
                failed.append(error)
                continue
            print_hits(engine, query, hits, columns, options)
    end_with(failed)
