"""The command `query`."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from indexer.cli.base import end_with, print_failure, warn_weak
from indexer.cli.hits import One, Query, QueryOptions, print_answer, shown_columns
from indexer.cli.options import DeviceOption, JsonOption, StoreOption, WhereOption, read_crop
from search.config import QueryConfig
from search.errors import PictureError

if TYPE_CHECKING:
    from search.crop import Crop
    from search.types import Answer, Example


def query(
    index: StoreOption,
    pictures: Annotated[
        list[str] | None,
        typer.Argument(help="One or more query pictures, each answered separately; - is standard input."),
    ] = None,
    texts: Annotated[
        list[str] | None,
        typer.Option(
            "--text",
            metavar="TEXT",
            help='A text that describes what to find, such as "red bicycle in snow"; needs an index with an encoder '
            "open_clip:NAME. May be repeated.",
        ),
    ] = None,
    ids: Annotated[
        list[int] | None,
        typer.Option(
            "--id", metavar="ID", help="Instead of pictures: the id of a picture of the index, which is its first hit."
        ),
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
    not_texts: Annotated[
        list[str] | None,
        typer.Option("--not-text", metavar="TEXT", help="Rank pictures that fit this text lower. May be repeated."),
    ] = None,
    liked: Annotated[
        list[int] | None,
        typer.Option(
            "--like",
            metavar="ID",
            help="The id of a hit that is right: move the query towards it, and show others. May be repeated.",
        ),
    ] = None,
    disliked: Annotated[
        list[int] | None,
        typer.Option(
            "--unlike",
            metavar="ID",
            help="The id of a hit that is wrong: move the query away from it, and show others. May be repeated.",
        ),
    ] = None,
    together: Annotated[
        bool,
        typer.Option("--together", help="Make one query of all pictures and texts: find what is like all of them."),
    ] = False,
    weights: Annotated[
        str | None,
        typer.Option(
            metavar="W,W,...",
            help="With --together: the weights of the pictures, then of the texts.  [default: all equal]",
            show_default=False,
        ),
    ] = None,
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
    radius: Annotated[
        float | None,
        typer.Option(help="Only pictures within this distance, from 0 to 2; still at most -k of them.", min=0, max=2),
    ] = QueryConfig.radius,
    diversity: Annotated[
        float,
        typer.Option(help="Choose neighbours that are unlike one another: from 0, the nearest, to 1.", min=0, max=1),
    ] = QueryConfig.diversity,
    views: Annotated[
        bool,
        typer.Option(
            "--views", help="Search with the mean of four views of each picture: itself, its middle, both mirrored."
        ),
    ] = QueryConfig.views,
    show: Annotated[
        list[str] | None,
        typer.Option(
            metavar="COLUMN", help="A metadata column to show with each hit; '*' shows all columns. May be repeated."
        ),
    ] = None,
    audit: Annotated[
        bool,
        typer.Option(
            "--audit", help="Also print the recall of each query against exact search, and the time of each stage."
        ),
    ] = False,
    device: DeviceOption = QueryConfig.device,
    as_json: JsonOption = False,
) -> None:
    """Find the pictures of an index that look like a given picture, or fit a text.

    With --json, prints one JSON line per picture: {"query": PATH, "hits": [{id, path, label, distance, similarity,
    strength, probability, metadata}, ...]}, or {"query": PATH, "error": REASON}. "strength" is near copy, very similar,
    similar or weak, or null. If even the nearest hit is weak, "note" says so, or a line on standard error without
    --json. If --same-only, --where or --radius leave no hits, "nothing" says why. With --radius, "cut_off" says whether
    more than -k pictures lie within it, or a line on standard error without --json. With --collapse each hit has
    "copies", in the form of hits. "query" is {"text": TEXT} for --text, {"id": ID} for --id and {"vector": FILE, "row":
    ROW} for --vector, which do not load the encoder. With --together, it is the list of the pictures and texts. REASON
    begins with a path if the picture at fault is one of --together or --not. Exit code 3 if a picture could not be
    read, 1 if a file does not exist.

    --like and --unlike take the ids that an earlier query printed with --json. The pictures that they name are left out
    of the hits.

    With --audit each query is also answered by exact search with the same filter. "audit" is {k, recall, candidates,
    milliseconds: {decode, encode, mask, structure, rerank, records, total}, segments: [{segment, kind, exact, allowed,
    candidates, structure_ms, rerank_ms}, ...]}; recall is null if no picture matches.

    A text that is longer than the encoder reads, 75 tokens for most, is an error. Distances between texts and pictures
    are larger than those between similar pictures.
    """
    from search.filters.language import condition_of
    from search.store.address import store_address

    condition, likes, dislikes = condition_of(where), liked or (), disliked or ()
    options = QueryOptions(
        store_address(index),
        k,
        condition,
        where,
        same_only,
        collapse,
        show,
        device,
        as_json,
        audit,
        radius,
        diversity,
        views,
        likes,
        dislikes,
    )
    if ids or vectors:
        if pictures or texts or without or not_texts or together or views or crop is not None:
            raise typer.BadParameter(
                "replaces the pictures: leave out pictures, --text, --not, --not-text, --together, --crop and --views",
                param_hint="--id" if ids else "--vector",
            )
        from indexer.cli.vector_queries import query_stored

        query_stored(ids or [], vectors or [], options)
        return
    each: list[One] = [*(pictures or []), *_texts(texts)]
    unlike: list[One] = [*(without or []), *_texts(not_texts)]
    if not each:
        raise typer.BadParameter("name a picture, or use --id or --vector, or --text", param_hint="PICTURES")
    part = read_crop(crop, "--crop")
    if together and (part is not None or same_only):
        raise typer.BadParameter("cannot be combined with --crop or --same-only", param_hint="--together")
    if texts and (part is not None or same_only):
        raise typer.BadParameter("cannot be combined with --crop or --same-only", param_hint="--text")
    if views and same_only:
        raise typer.BadParameter("cannot be combined with --same-only", param_hint="--views")
    if views and texts and not (together and pictures):
        raise typer.BadParameter("are of pictures, and a query has only a text", param_hint="--views")
    if weights is not None and not together:
        raise typer.BadParameter("needs --together", param_hint="--weights")
    queries: list[Query] = [each] if together else [*each]
    _query_examples(queries, unlike, part, None if weights is None else _weights(weights), options)


def _texts(texts: list[str] | None) -> list[One]:
    return [{"text": text} for text in texts or []]


def _weights(text: str) -> list[float]:
    try:
        return [float(part) for part in text.split(",")]
    except ValueError:
        raise typer.BadParameter(f"{text!r} is not a list of numbers such as 2,1", param_hint="--weights") from None


def _example(one: One) -> Example:
    """The picture or text that was named."""
    from indexer.cli.picture_argument import picture_argument
    from search.types import Text

    return picture_argument(one) if isinstance(one, str) else Text(str(one["text"]))


def _query_examples(
    queries: list[Query], without: list[One], part: Crop | None, weights: list[float] | None, options: QueryOptions
) -> None:
    """Answer each query, one example or several together; an unreadable picture fails its query, not the others."""
    from search.engine import open_index
    from search.pictures.decode import load_picture
    from search.types import Text

    failed: list[PictureError] = []
    with open_index(options.index, device=options.device) as engine:
        columns = shown_columns(options.show, list(engine.columns()))
        if not options.as_json:
            warn_weak(engine.calibration)

        @cache
        def unwanted() -> list[Example]:
            examples = map(_example, without)
            return [each if isinstance(each, Text) else load_picture(each) for each in examples]

        def ask(query: Query) -> Answer:
            k, without = options.k, unwanted()
            words: Any = {"views": options.views, "audit": options.audit, **options.search}
            if isinstance(query, list):
                return engine.ask_together(
                    [_example(one) for one in query], k, weights=weights, without=without, **words
                )
            return engine.ask(_example(query), k, without=without, crop=part, **words)

        for query in queries:
            try:
                answer = ask(query)
            except PictureError as error:
                if options.as_json or str(error) not in map(str, failed):  # an unreadable --not fails every query
                    print_failure(error, {"query": query}, as_json=options.as_json)
                failed.append(error)
                continue
            print_answer(engine, query, answer, columns, options)
    end_with(failed)
