"""Read and write calibrations: in the catalog of an index, and as `calibration.json` beside a saved encoder.

An index that is built with such an encoder gets a copy of its calibration.
"""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

from search.errors import DamagedFileError, DataError, EncoderError, IndexFolderError, QueryError
from search.files.reading import open_regular
from search.files.writing import write_file
from search.recognition.calibration import Calibration

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

CALIBRATION_FILE = "calibration.json"
_LONGEST = 64 * 2**20
"""Most bytes that are read of the file."""


def index_calibration(folder: Path | str, settings: Mapping[str, Any]) -> Calibration | None:
    """The calibration of an index, from the settings of its catalog; None if it is not calibrated.

    Raises:
        IndexFolderError: the stored calibration is damaged, or belongs to another encoder.
    """
    if (stored := settings.get("calibration")) is None:
        return None
    try:
        calibration = Calibration.from_dict(stored)
    except DataError as error:
        raise IndexFolderError(f"{folder}: {error}. Run twinlens calibrate again") from error
    if calibration.fingerprint != settings["fingerprint"]:
        raise IndexFolderError(
            f"{folder}: was calibrated with the encoder {calibration.fingerprint}, but its vectors are of "
            f"{settings['fingerprint']}. Run twinlens calibrate again"
        )
    return calibration


def same_threshold(folder: Path | str, calibration: Calibration | None) -> float:
    """Distance up to which two pictures count as the same; raises QueryError if the index is not calibrated."""
    if calibration is None:
        raise QueryError(
            f"{folder}: is not calibrated, so it has no threshold for same-only. Run twinlens calibrate "
            f"{folder} with labelled pictures or pairs, or search without same-only"
        )
    return calibration.threshold


def encoder_calibration(name: str | os.PathLike[str], fingerprint: str) -> Calibration | None:
    """The calibration of an encoder by the name or folder that it was loaded from; None if it has none.

    That of an encoder with a name, such as `faces`, is part of this package.

    Raises:
        EncoderError: the file is damaged, or was made for another encoder than the one of this fingerprint.
    """
    from search.encoders import encoder_folder, shipped_folder

    folder = encoder_folder(name) or shipped_folder(name)
    return None if folder is None else _fitting(folder, fingerprint)


def _fitting(folder: Path, fingerprint: str) -> Calibration | None:
    calibration = read_calibration(folder)
    if calibration is not None and calibration.fingerprint != fingerprint:
        raise EncoderError(
            f"{folder / CALIBRATION_FILE}: was made for the encoder {calibration.fingerprint}, and this one is"
            f" {fingerprint}. Run twinlens calibrate again, or delete the file"
        )
    return calibration


def read_calibration(folder: Path) -> Calibration | None:
    """The calibration in an encoder's folder; None if there is none.

    Raises:
        EncoderError: the file cannot be read, or is damaged.
    """
    file = folder / CALIBRATION_FILE
    try:
        with open_regular(file) as stream:
            return Calibration.from_dict(json.loads(stream.read(_LONGEST)))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, RecursionError, DataError, DamagedFileError) as error:
        raise EncoderError(f"{file}: {error}. Run twinlens calibrate again, or delete the file") from error


def write_calibration(folder: Path, calibration: Calibration) -> Path:
    """Write a calibration beside an encoder, by replacing the file at once; return its path."""
    write_file(folder / CALIBRATION_FILE, json.dumps(calibration.to_dict()) + "\n")
    return folder / CALIBRATION_FILE
