"""The commands `identify` and `identities`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer

from indexer.cli.base import end_with
from indexer.cli.options import DeviceOption, IndexOption, JsonOption
from search.config import IdentifyConfig, QueryConfig, References
from search.errors import PictureError
from search.text import one_line, printable

if TYPE_CHECKING:
    from search.recognition.identities import Identification, Identity

ReferencesOption = Annotated[
    References, typer.Option(help="Of several reference pictures the nearest decides (best), or their mean.")
]


def share(value: float | None) -> float | None:
    """Refuse what is no share as a wrong option."""
    if value is not None and not 0 < value < 1:
        raise typer.BadParameter(f"{value} is no share: more than 0 and less than 1")
    return value


MaxFalseAcceptOption = Annotated[
    float | None,
    typer.Option(
        help="Share of strangers that may be taken for somebody.  [default: the calibration's rate]",
        show_default=False,
        callback=share,
    ),
]
ThresholdOption = Annotated[
    float | None, typer.Option(help="A distance that takes the place of the calibrated threshold.", min=0, max=2)
]
ForceOption = Annotated[bool, typer.Option("--force", help="Take pictures of poor quality too.")]


def identify(
    pictures: Annotated[
        list[str], typer.Argument(help="One or more pictures, each answered on its own; - is standard input.")
    ],
    index: IndexOption,
    references: ReferencesOption = IdentifyConfig.references,
    max_false_accept: MaxFalseAcceptOption = IdentifyConfig.max_false_accept,
    threshold: ThresholdOption = IdentifyConfig.threshold,
    k: Annotated[int, typer.Option("-k", help="Candidates to name.", min=1)] = IdentifyConfig.k,
    force: ForceOption = IdentifyConfig.force,
    device: DeviceOption = QueryConfig.device,
    as_json: JsonOption = False,
) -> None:
    """Say who of those enrolled a picture shows, or that it shows none of them.

    With --json, one line of JSON a picture: {"picture": PATH, "name": NAME or null, "distance", "probability",
    "threshold", "false_accept", "candidates": [...], "quality": {...}}, or {"picture": PATH, "error": REASON}. Exit
    code 0 whether somebody was recognised or not, 3 when a picture could not be read or was too poor, 1 when a file is
    missing.
    """
    from indexer.cli.picture_argument import picture_argument
    from search.engine import open_index

    config = IdentifyConfig(references, max_false_accept, threshold, k, force)
    failed: list[PictureError] = []
    with open_index(index, device=device) as engine:
        for picture in pictures:
            try:
                found = engine.identify(picture_argument(picture), config)
            except PictureError as error:
                failed.append(error)
                _show_failure(picture, error, as_json=as_json)
                continue
            plain = {"picture": picture, **found.to_dict()}
            typer.echo(json.dumps(plain) if as_json else _text(picture, found))
    end_with(failed)


def identities(index: IndexOption, as_json: JsonOption = False) -> None:
    """List who can be recognised, with the number of reference pictures of each."""
    from search.engine import open_index

    with open_index(index, device="cpu") as engine:
        found = engine.identities()
    if as_json:
        typer.echo(json.dumps({"identities": [each.to_dict() for each in found]}))
    elif not found:
        typer.echo(printable(f"{index}: nobody is enrolled. Begin with twinlens enroll NAME PICTURE --index {index}"))
    else:
        typer.echo("\n".join(one_line(_line(each)) for each in found))


def _line(identity: Identity) -> str:
    number = len(identity.templates)
    return f"{identity.name}  ({number} reference picture{'s' if number > 1 else ''}, since {identity.created})"


def _text(picture: str, found: Identification) -> str:
    """The answer first, then by what it was decided, then who else was near."""
    nearest, threshold = found.nearest, found.threshold
    chance = "" if nearest.probability is None else f", probability {nearest.probability:.3f}"
    strangers = "" if threshold.false_accept is None else f"; {threshold.false_accept:.2%} of strangers come as near"
    if found.name is None:
        said = f"unknown (nearest: {nearest.name}, distance {nearest.distance:.4f}{chance})"
    else:
        said = f"{found.name}, distance {nearest.distance:.4f}{chance}"
    lines = [f"{picture}: {said}", f"  threshold {threshold.distance:.4f}{strangers}"]
    others = ", ".join(f"{each.name} {each.distance:.4f}" for each in found.candidates[1:])
    return "\n".join(map(one_line, [*lines, f"  then {others}"] if others else lines))


def _show_failure(picture: str, error: PictureError, *, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps({"picture": picture, "error": error.reason}))
    else:
        typer.secho(f"error: {printable(str(error))}", fg="red", err=True)
