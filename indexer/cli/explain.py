"""The command `explain`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from indexer.cli.inside_collection import warn_inside_index_collection
from indexer.cli.options import DeviceOption, JsonOption
from search.config import QueryConfig
from search.text import printable

if TYPE_CHECKING:
    from search.explanation.heat_maps import Explanation
    from search.types import Picture


def explain(
    pictures: Annotated[
        list[str] | None, typer.Argument(metavar="A B", help="The two pictures; - is standard input.")
    ] = None,
    ids: Annotated[
        list[int] | None,
        typer.Option("--id", metavar="ID", help="Instead of B, or of A and B: the id of a picture of the index."),
    ] = None,
    index: Annotated[Path | None, typer.Option("--index", "-i", help="An index, whose encoder is used.")] = None,
    encoder: Annotated[
        str | None, typer.Option(help="An encoder, without an index: a name, or a folder that train wrote.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="The PNG to write.")] = None,
    dark: Annotated[bool, typer.Option("--dark", help="Draw it on a dark ground.")] = False,
    device: DeviceOption = QueryConfig.device,
    as_json: JsonOption = False,
) -> None:
    """Show why two pictures are similar: a heat map over both of the parts that make the match.

    Parts of each picture are hidden in turn. The heat of a part is how much the similarity (the cosine of the two
    embeddings) falls without it. With --json, prints {a, b, distance, similarity, heat: {a: {area, values}, b: ...}}:
    values are rows of numbers from the upper left of the upright picture, negative where the pictures would be more
    similar without the part; area is the part of the picture that they cover, [left, top, right, bottom] in shares of
    its width and height.
    """
    if (index is None) == (encoder is None):
        raise typer.BadParameter("give one of the two", param_hint="--index / --encoder")
    if len(pictures or []) + len(ids or []) != 2:
        raise typer.BadParameter("name two pictures, or --id for those of the index", param_hint="A B")
    if ids and index is None:
        raise typer.BadParameter("needs --index", param_hint="--id")
    if out is None and not as_json:
        raise typer.BadParameter("name the PNG to write, or use --json", param_hint="--out")
    from indexer.cli.picture_argument import picture_argument

    given: list[Picture] = [picture_argument(each) for each in pictures or []]
    names: list[str | int] = [*(pictures or []), *(ids or [])]
    if index is not None:
        from search.engine import open_index

        warn_inside_index_collection(index, [out])
        with open_index(index, device=device) as engine:
            first, second = [*given, *(engine.picture(each).path for each in ids or [])]
            explanation = engine.explain(first, second)
    else:
        from search.encoders import load_encoder
        from search.explanation.heat_maps import explain as explain_with

        first, second = given
        explanation = explain_with(load_encoder(str(encoder), device=device), first, second)
    if out is not None:
        _write(out, explanation, first, second, dark=dark)
    if as_json:
        typer.echo(json.dumps({"a": names[0], "b": names[1], **explanation.to_dict()}))
    else:
        typer.echo(printable(f"{out}: similarity {explanation.similarity:.4f}, distance {explanation.distance:.4f}"))


def _write(out: Path, explanation: Explanation, a: Picture, b: Picture, *, dark: bool) -> None:
    from search.explanation.drawing import draw
    from search.files.writing import output_file

    drawn = draw(explanation, a, b, dark=dark)
    with output_file(out) as stream:
        drawn.save(stream, "PNG")
