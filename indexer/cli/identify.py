"""The commands `identify` and `identities`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer

from indexer.cli.base import end_with, print_failure, warn_weak, weak_cautions
from indexer.cli.options import (
    DeviceOption,
    IndexOption,
    JsonOption,
    MaxFalseAcceptOption,
    ReferencesOption,
    ThresholdOption,
)
from search.config import IdentifyConfig, QueryConfig
from search.errors import PictureError
from search.text import counted, one_line, printable

if TYPE_CHECKING:
    from search.recognition.identities import Identification, Identity


def identify(
    pictures: Annotated[
        list[str], typer.Argument(help="One or more pictures, each answered separately; - is standard input.")
    ],
    index: IndexOption,
    references: ReferencesOption = IdentifyConfig.references,
    max_false_accept: MaxFalseAcceptOption = IdentifyConfig.max_false_accept,
    threshold: ThresholdOption = IdentifyConfig.threshold,
    k: Annotated[int, typer.Option("-k", help="Number of candidates to list.", min=1)] = IdentifyConfig.k,
    force: Annotated[bool, typer.Option("--force", help="Accept pictures of poor quality.")] = IdentifyConfig.force,
    device: DeviceOption = QueryConfig.device,
    as_json: JsonOption = False,
) -> None:
    """Identify which enrolled person a picture shows, if any.

    With the encoder faces, each face is identified, the largest first, and shown with its box: left, top, right and
    bottom, in shares of the picture's width and height.

    With --json, prints one JSON line per picture: {"picture": PATH, "name": NAME or null, "distance", "probability",
    "threshold", "false_accept", "candidates": [...], "quality": {...}, "refused": what is poor about a face, or "",
    "box": [X0, Y0, X1, Y1] or null, "others": [...]}, or {"picture": PATH, "error": REASON}. "others" has one object
    for each further face, with the same keys except "picture". A weak calibration adds "cautions". Exit code 0 whether
    or not somebody was recognised, 3 if a picture could not be read, shows no face, or its quality is too poor, 1 if a
    file does not exist.
    """
    from indexer.cli.picture_argument import picture_argument
    from search.engine import open_index

    config = IdentifyConfig(references, max_false_accept, threshold, k, force)
    failed: list[PictureError] = []
    with open_index(index, device=device) as engine:
        warn_weak(engine.calibration)
        cautions = weak_cautions(engine.calibration)
        for picture in pictures:
            try:
                result = engine.identify(picture_argument(picture), config)
            except PictureError as error:
                failed.append(error)
                print_failure(error, {"picture": picture}, as_json=as_json)
                continue
            plain = {"picture": picture, **result.to_dict(), **cautions}
            typer.echo(json.dumps(plain) if as_json else "\n".join(_text(picture, each) for each in result.everyone))
    end_with(failed)


def identities(index: IndexOption, as_json: JsonOption = False) -> None:
    """List the enrolled people, with the number of reference pictures of each."""
    from search.engine import open_index

    with open_index(index, device="cpu") as engine:
        enrolled = engine.identities()
    if as_json:
        typer.echo(json.dumps({"identities": [each.to_dict() for each in enrolled]}))
    elif not enrolled:
        typer.echo(
            printable(f"{index}: no identity is enrolled. Start with twinlens enroll NAME PICTURE --index {index}")
        )
    else:
        typer.echo("\n".join(one_line(_line(each)) for each in enrolled))


def _line(identity: Identity) -> str:
    number = len(identity.templates)
    return f"{identity.name}  ({counted(number, 'reference picture')}, since {identity.created})"


def _text(picture: str, result: Identification) -> str:
    """The decision first, then the threshold, then the other candidates."""
    nearest, threshold = result.nearest, result.threshold
    probability = "" if nearest.probability is None else f", probability {nearest.probability:.3f}"
    strangers = "" if threshold.false_accept is None else f"; {threshold.false_accept:.2%} of strangers are accepted"
    if result.refused:
        decision = f"not identified: poor quality: {result.refused}"
    elif result.name is None:
        decision = f"unknown (nearest: {nearest.name}, distance {nearest.distance:.4f}{probability})"
    else:
        decision = f"{result.name}, distance {nearest.distance:.4f}{probability}"
    place = "" if result.box is None else f" at {result.box}"
    lines = [f"{picture}{place}: {decision}", f"  threshold {threshold.distance:.4f}{strangers}"]
    others = ", ".join(f"{each.name} {each.distance:.4f}" for each in result.candidates[1:])
    return "\n".join(map(one_line, [*lines, f"  then {others}"] if others else lines))
