"""Encoders that made the vectors of an index elsewhere and that the index does not carry: known by their name alone.

Such an index answers vectors and its own pictures; a picture from outside cannot be embedded.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from search.errors import EncoderError
from search.files.reading import require_inside

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_PREFIX = "foreign-"
"""No encoder of ours has it: their fingerprints are hex digits."""


def foreign_fingerprint(name: str, dim: int) -> str:
    """What stands for the fingerprint of an encoder of which nothing is known but its name and its dimension."""
    return _PREFIX + hashlib.sha256(f"{name}\n{dim}".encode("utf-8", "surrogateescape")).hexdigest()[:32]


def is_foreign(fingerprint: str) -> bool:
    """Whether the vectors of this fingerprint were made by an encoder that is not at hand."""
    return fingerprint.startswith(_PREFIX)


def stored_encoder(folder: Path, settings: Mapping[str, Any]) -> str:
    """Where an index keeps its encoder, relative to its folder.

    Raises:
        EncoderError: it has none, as its vectors were made elsewhere.
        DamagedFileError: the folder lies outside of the index.
    """
    if settings["encoder_folder"] is None:
        raise EncoderError(
            f"{folder}: its vectors were made elsewhere by {settings['encoder']!r}, an encoder that it does not carry,"
            f" so no picture can be embedded. Search from a picture of the index (engine.search_id) or with a"
            f" vector (engine.search_vectors), or embed all its pictures anew: twinlens rebuild --index {folder}"
            f" --encoder NAME"
        )
    place = str(settings["encoder_folder"])
    require_inside(folder, place)
    return place
