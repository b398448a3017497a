"""`faces`: the faces of a picture, by the detector, the landmarks and the network of dlib, an optional dependency.

The models were trained by Davis King, who placed them in the public domain (https://github.com/davisking/dlib-models):
the network on about 3 million faces of 7,485 people, from FaceScrub, VGG-Face and the web.
"""

from __future__ import annotations

import hashlib
import json
import threading
from functools import cache
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from PIL.Image import Resampling

from search.crop import Crop
from search.encoders.face_models import INSTALL, LANDMARKS, NETWORK, PACKAGE, SHA256, VERSION, model_file
from search.encoders.manifest import Manifest, read_manifest
from search.encoders.regions import Region, RegionEncoder
from search.errors import EncoderError

try:
    import dlib
except ModuleNotFoundError as missing:
    raise EncoderError(f"dlib is not installed, and the encoder faces needs it: {INSTALL}") from missing

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from numpy.typing import NDArray
    from PIL.Image import Image

    from search.config import Device
    from search.types import Floats

_DIM = 128
_LONGEST = 2048
"""Longer side, in pixels, that a picture has at most while faces are searched; larger ones are reduced to it."""
_DOUBLINGS = (1, 0, 2)
"""How often a picture is doubled in size before a search, in turn until a face is found. The detector finds faces of at
least 80 pixels; it misses a few at one scale that it finds at another."""
_CONFIDENCE = -0.1
"""Lowest score of a face. dlib's own limit is 0, at which 3 of 200 pictures of the people of the calibration have no
face, against 1; of 400 photos of other things, 9 have one, against 7."""
_CHIP, _PADDING = 150, 0.25
"""Side in pixels of an aligned face, and the margin around it, for which the network was trained."""
_SETTINGS: dict[str, Any] = {
    "version": 1,
    "detector": "dlib-frontal-hog",
    "longest": _LONGEST,
    "doublings": list(_DOUBLINGS),
    "confidence": _CONFIDENCE,
    "landmarks": 5,
    "chip": _CHIP,
    "padding": _PADDING,
}


class FacesEncoder(RegionEncoder):
    """Finds faces, turns and scales each upright by the corners of its eyes and its nose, and embeds it in 128 numbers.

    A picture is searched doubled in size, then at its own size, then at four times its size, and no further once a face
    was found; scales at which its longer side would exceed 2,048 pixels are left out, and larger pictures are reduced
    to that. So a face is found if its side is at least about 4 to 8 % of the picture's longer side, and 20 pixels.

    dlib's embeddings are not of unit length (their length is about 1.5): they are normalised like those of every
    encoder, so dlib's own threshold of 0.6 does not apply to them. dlib computes on the CPU here; it holds Python's
    global lock, so that threads do not speed it up.
    """

    family: ClassVar[str] = "faces"
    noun: ClassVar[str] = "face"
    min_side: ClassVar[int] = 40
    """Half the side of the detector's window."""
    margin: ClassVar[float] = _PADDING

    def __init__(self) -> None:
        """Load the models.

        Raises:
            EncoderError: a model file is missing or damaged.
        """
        self.name = self.family
        self.dim = _DIM
        self.input_size = _LONGEST // 2
        identity = {"family": self.family, "preprocessing": _SETTINGS, "models": SHA256}
        self.fingerprint = hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()[:32]
        self._detector, self._landmarks, self._network = _models()
        self._lock = _lock

    def regions(self, image: Image) -> list[Region]:
        """Find the faces of an RGB picture, the largest first."""
        pixels = np.ascontiguousarray(_reduced(image))
        with self._lock:
            found = self._search(pixels)
            return [
                Region(_box(face, pixels.shape), score, self._chip(pixels, face))
                for face, score in sorted(found, key=lambda each: (-each[0].area(), each[0].left(), each[0].top()))
                if _overlaps(face, pixels.shape)
            ]

    def forward(self, batch: NDArray[Any]) -> Floats:
        """Embed `(B, 150, 150, 3) uint8` aligned faces, one at a time, so that rows do not depend on the batch."""
        with self._lock:
            return np.array([self._network.compute_face_descriptor(chip) for chip in batch], dtype=np.float32)

    def save(self, folder: Path) -> None:
        """Write `encoder.json` with the package, version and checksums of the models in place of the weights."""
        extra = {
            "models": {"package": PACKAGE, "version": VERSION, "sha256": SHA256},
            "card": {
                "dlib": f"{dlib.__version__.partition('.')[0]}",
                "licence": "public domain (CC0 1.0)",
                "origin": "https://github.com/davisking/dlib-models",
                "trained on": "about 3 million faces of 7,485 people: FaceScrub, VGG-Face, the web",
            },
        }
        Manifest(self.family, self.name, self.dim, self.input_size, _SETTINGS, self.fingerprint, extra).write(folder)

    @classmethod
    def create(cls, name: str, device: Device = "auto") -> FacesEncoder:
        """Create the encoder; it computes on the CPU, so the device is ignored."""
        return cls()

    @classmethod
    def load(cls, folder: Path, device: Device = "auto") -> FacesEncoder:
        """Check that the folder describes the models and the preprocessing of this version.

        Raises:
            EncoderError: `encoder.json` is damaged or of another version, or a model file is missing or damaged.
        """
        manifest = read_manifest(folder)
        encoder = cls()
        manifest.verify(folder, encoder.fingerprint)
        return encoder

    def _search(self, pixels: NDArray[np.uint8]) -> list[tuple[Any, float]]:
        """Boxes and scores at the first scale that has any."""
        longest = max(pixels.shape)
        for doublings in _DOUBLINGS:
            if doublings == 0 or longest << doublings <= _LONGEST:
                boxes, scores, _ = self._detector.run(pixels, doublings, _CONFIDENCE)
                if len(boxes):
                    return list(zip(boxes, scores, strict=True))
        return []

    def _chip(self, pixels: NDArray[np.uint8], face: Any) -> NDArray[np.uint8]:
        chip: NDArray[np.uint8] = dlib.get_face_chip(pixels, self._landmarks(pixels, face), _CHIP, _PADDING)
        return chip


_lock = threading.Lock()
"""One for all encoders, as they share the models, and dlib's detector keeps state while it runs."""


@cache
def _models() -> tuple[Any, Any, Any]:
    """Detector, landmarks and network, loaded once per process."""
    landmarks, network = model_file(LANDMARKS), model_file(NETWORK)
    return (
        dlib.get_frontal_face_detector(),
        dlib.shape_predictor(str(landmarks)),
        dlib.face_recognition_model_v1(str(network)),
    )


def _reduced(image: Image) -> NDArray[np.uint8]:
    scale = _LONGEST / max(image.size)
    if scale < 1:
        width, height = (max(1, round(side * scale)) for side in image.size)
        image = image.resize((width, height), Resampling.BILINEAR, reducing_gap=2.0)
    return np.asarray(image, dtype=np.uint8)


def _overlaps(face: Any, shape: Iterable[int]) -> bool:
    height, width, _ = shape
    return bool(face.right() > 0 and face.bottom() > 0 and face.left() < width and face.top() < height)


def _box(face: Any, shape: Iterable[int]) -> Crop:
    """The part of the box that lies in the picture."""
    height, width, _ = shape
    return Crop(
        max(0.0, face.left() / width),
        max(0.0, face.top() / height),
        min(1.0, (face.right() + 1) / width),
        min(1.0, (face.bottom() + 1) / height),
    )
