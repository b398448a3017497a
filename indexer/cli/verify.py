"""The command `verify`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from indexer.cli.options import DeviceOption, JsonOption
from search.config import Device, QueryConfig, References, VerifyConfig
from search.text import printable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from search.recognition.calibration import Calibration, Verification
    from search.types import Picture


def verify(
    probe: Annotated[str, typer.Argument(metavar="A", help="The picture in question; - is standard input.")],
    known: Annotated[
        list[str], typer.Argument(metavar="B...", help="A picture to compare it with, or several of one thing.")
    ],
    index: Annotated[
        Path | None, typer.Option("--index", "-i", help="An index: its encoder and calibration are used.")
    ] = None,
    encoder: Annotated[
        str | None, typer.Option(help="An encoder without an index: a folder that train wrote, or a name.")
    ] = None,
    references: Annotated[
        References, typer.Option(help="Several B answer by their mean embedding, or by the best, the nearest one.")
    ] = VerifyConfig.references,
    device: DeviceOption = QueryConfig.device,
    as_json: JsonOption = False,
) -> None:
    """Say whether two pictures show the same thing: distance, probability, decision, and how often it is wrong.

    Needs twinlens calibrate for more than the distance. Exit code 0 whatever the answer: --json has it as "same",
    which is true, false, or null where nothing was calibrated.
    """
    if (index is None) == (encoder is None):
        raise typer.BadParameter("name one of the two: whose distances are they?", param_hint="--index / --encoder")
    from indexer.cli.picture_argument import picture_argument

    one, others = picture_argument(probe), [picture_argument(each) for each in known]
    if index is not None:
        from search.engine import open_index

        with open_index(index, device=device) as engine:
            found, calibration = engine.verify(one, others, references), engine.calibration
    else:
        found, calibration = verify_with_encoder(str(encoder), one, others, references, device=device)
    if as_json:
        told = {"probe": probe, "known": known, "references": references, **found.to_dict()}
        typer.echo(json.dumps({**told, "calibrated": calibration is not None}))
    else:
        typer.echo(printable(_text(found, calibration, str(index or encoder), several=len(known) > 1)))


def verify_with_encoder(
    encoder: str,
    probe: Picture,
    known: Sequence[Picture],
    references: References = VerifyConfig.references,
    *,
    device: Device = QueryConfig.device,
) -> tuple[Verification, Calibration | None]:
    """`SearchEngine.verify` without an index: by an encoder's name or folder, and the calibration in that folder.

    Raises:
        PictureError: a picture cannot be read.
        EncoderError: no such encoder, or its calibration is damaged or of another.
        QueryError: no reference at all.
    """
    from search.encoders import load_encoder
    from search.pictures.decode import load_picture
    from search.recognition.calibration import verify_vectors
    from search.recognition.stored import encoder_calibration

    loaded = load_encoder(encoder, device=device)
    calibration = encoder_calibration(encoder, loaded.fingerprint)
    vectors = loaded.encode([load_picture(picture, target=loaded.input_size) for picture in (probe, *known)])
    return verify_vectors(vectors[0], vectors[1:], calibration, references), calibration


def _text(found: Verification, calibration: Calibration | None, whose: str, *, several: bool) -> str:
    if calibration is None:
        target = whose if Path(whose).is_dir() else f"DIR    (an index built with --encoder {whose})"
        return (
            f"distance     {found.distance:.4f}\n"
            f"nothing was calibrated for {whose}, so nobody can say whether that is near. From labelled pictures, or "
            f"same and different pairs (--pairs), this learns it:\ntwinlens calibrate {target}"
        )
    lines = [
        f"{'the same' if found.same else 'different'}",
        f"distance     {found.distance:.4f}",
        f"threshold    {found.threshold:.4f}, chosen by {calibration.rule}",
        f"probability  {found.probability:.4f} of the same, where {calibration.prior:.3g} of the pairs are",
        f"FAR          {found.far} of different pairs are taken for the same",
        f"FRR          {found.frr} of same pairs are taken for different",
    ]
    if several:
        lines.append("the rates were measured with one reference: several change them")
    return "\n".join(lines)
