"""Foreign encoders: they made the vectors of an index elsewhere, and the index knows only their name.

Such an index can be searched by vector or by its own pictures; an outside picture cannot be embedded.
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
"""Prefix that no real fingerprint has: those are hex digits."""


def foreign_fingerprint(name: str, dim: int) -> str:
    """Substitute for the fingerprint of an encoder of which only the name and the dimension are known."""
    return _PREFIX + hashlib.sha256(f"{name}\n{dim}".encode("utf-8", "surrogateescape")).hexdigest()[:32]


def is_foreign(fingerprint: str) -> bool:
    """Whether vectors with this fingerprint were made by a foreign encoder."""
    return fingerprint.startswith(_PREFIX)


def stored_encoder(folder: Path, settings: Mapping[str, Any]) -> str:
    """The place of the encoder in an index, relative to its folder.

    Raises:
        EncoderError: the index has no encoder, as its vectors were made elsewhere.
        DamagedFileError: the encoder's folder lies outside the index.
    """
    if settings["encoder_folder"] is None:
        raise EncoderError(
            f"{folder}: its vectors were made elsewhere by {settings['encoder']!r}, an encoder that the index does not"
            f" contain, so no picture can be embedded. Search by a picture of the index (engine.search_id) or by a"
            f" vector (engine.search_vectors), or embed all its pictures again: twinlens rebuild --index {folder}"
            f" --encoder NAME"
        )
    place = str(settings["encoder_folder"])
    require_inside(folder, place)
    return place
