"""The model files of the encoder `faces`, in the package `face-recognition-models`, checked before they are used.

The package is found by its metadata and never imported: its only module needs `pkg_resources`, which new versions of
setuptools no longer have.
"""

from __future__ import annotations

import hashlib
from importlib import metadata
from pathlib import Path

from search.errors import DamagedFileError, EncoderError
from search.files.reading import open_regular

PACKAGE = "face-recognition-models"
VERSION = "0.3.0"
LANDMARKS = "shape_predictor_5_face_landmarks.dat"
NETWORK = "dlib_face_recognition_resnet_model_v1.dat"
SHA256 = {
    LANDMARKS: "c4b1e9804792707d3a405c2c16a80a20269e6675021f64a41d30fffafbc41888",
    NETWORK: "55533b28a95800a551ba546ba62fe69625c7e95a7061c338adffead08719da30",
}
INSTALL = 'pip install "twinlens[faces]"'
_REINSTALL = f"pip install --force-reinstall {PACKAGE}=={VERSION}"


def model_file(name: str) -> Path:
    """The path of a model file, after its bytes were compared with those that this version of Twinlens was tested with.

    Raises:
        EncoderError: the package is missing or of another version, or the file is missing or damaged.
    """
    try:
        package = metadata.distribution(PACKAGE)
    except metadata.PackageNotFoundError:
        raise EncoderError(f"{PACKAGE} is not installed, and the encoder faces needs it: {INSTALL}") from None
    if package.version != VERSION:
        raise EncoderError(f"the encoder faces needs {PACKAGE} {VERSION}, not {package.version}: {INSTALL}")
    path = Path(str(package.locate_file(f"face_recognition_models/models/{name}")))
    try:
        with open_regular(path) as stream:
            found = hashlib.file_digest(stream, "sha256").hexdigest()
    except (OSError, DamagedFileError) as error:
        raise EncoderError(f"{path} cannot be read ({error}): {_REINSTALL}") from error
    if found != SHA256[name]:
        raise EncoderError(f"damaged: {path}: its SHA-256 is {found}, not {SHA256[name]}: {_REINSTALL}")
    return path
