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
    probe: Annotated[str, typer.Argument(metavar="A", help="The picture to verify; - is standard input.")],
    known: Annotated[
        list[str],
        typer.Argument(metavar="B...", help="The picture to compare it with, or several pictures of one thing."),
    ],
    index: Annotated[
        Path | None, typer.Option("--index", "-i", help="An index, whose encoder and calibration are used.")
    ] = None,
    encoder: Annotated[
        str | None, typer.Option(help="An encoder, without an index: a name, or a folder that train wrote.")
    ] = None,
    references: Annotated[
        References,
        typer.Option(help="How several B are compared: by their mean embedding, or by the best (nearest) one."),
    ] = VerifyConfig.references,
    device: DeviceOption = QueryConfig.device,
    as_json: JsonOption = False,
) -> None:
    """Decide whether two pictures show the same thing: distance, probability, decision and error rates.

    Prints only the distance if the index or encoder is not calibrated; see twinlens calibrate. The exit code is 0
    whatever the decision. With --json, "same" is true, false, or null if not calibrated.
    """
    if (index is None) == (encoder is None):
        raise typer.BadParameter("give one of the two", param_hint="--index / --encoder")
    from indexer.cli.picture_argument import picture_argument

    one, others = picture_argument(probe), [picture_argument(each) for each in known]
    if index is not None:
        from search.engine import open_index

        with open_index(index, device=device) as engine:
            result, calibration = engine.verify(one, others, references), engine.calibration
    else:
        result, calibration = verify_with_encoder(str(encoder), one, others, references, device=device)
    if as_json:
        plain = {"probe": probe, "known": known, "references": references, **result.to_dict()}
        typer.echo(json.dumps({**plain, "calibrated": calibration is not None}))
    else:
        typer.echo(printable(_text(result, calibration, str(index or encoder), several=len(known) > 1)))


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
        EncoderError: no such encoder, or its calibration is damaged or belongs to another encoder.
        QueryError: no reference is given.
    """
    import numpy as np

    from search.encoders import load_encoder
    from search.pictures.decode import load_picture, picture_name
    from search.recognition.calibration import verify_vectors
    from search.recognition.stored import encoder_calibration

    loaded = load_encoder(encoder, device=device)
    calibration = encoder_calibration(encoder, loaded.fingerprint)
    prepared = [
        loaded.prepare_named(load_picture(picture, target=loaded.input_size), picture_name(picture))
        for picture in (probe, *known)
    ]
    vectors = loaded.encode_prepared(np.stack(prepared))
    return verify_vectors(vectors[0], vectors[1:], calibration, references), calibration


def _text(result: Verification, calibration: Calibration | None, target: str, *, several: bool) -> str:
    if calibration is None:
        folder = target if Path(target).is_dir() else f"DIR    (an index built with --encoder {target})"
        return (
            f"distance     {result.distance:.4f}\n"
            f"{target} is not calibrated, so there is no threshold to decide by. Calibrate it with labelled pictures, "
            f"or with same and different pairs (--pairs):\ntwinlens calibrate {folder}"
        )
    decision = "the same" if result.same else "different"
    lines = [
        f"{decision} by the threshold alone: this calibration is weak" if result.weak else decision,
        f"distance     {result.distance:.4f}",
        f"threshold    {result.threshold:.4f}, chosen by {calibration.rule}",
        f"probability  {result.probability:.4f} of the same thing, at a prior of {result.prior:.3g}",
        f"FAR          {result.far} of different pairs are accepted as the same",
        f"FRR          {result.frr} of same pairs are rejected",
        *(f"caution      {caution}" for caution in result.cautions),
    ]
    if several:
        lines.append("The rates were measured with one reference; several references change them.")
    return "\n".join(lines)
