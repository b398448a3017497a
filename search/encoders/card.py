"""The model card of a saved encoder, which its `encoder.json` carries into every index."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from search.encoders.manifest import MANIFEST_FILE, read_manifest
from search.encoders.menu import WEIGHTS
from search.errors import EncoderError

if TYPE_CHECKING:
    from pathlib import Path

    from search.encoders.manifest import Manifest


def saved_card(folder: Path) -> dict[str, Any]:
    """The card of the encoder in a folder; empty if it has none.

    Raises:
        EncoderError: `encoder.json` is missing or damaged.
    """
    return _card(read_manifest(folder))


def folder_with_fingerprint(fingerprint: str) -> Path | None:
    """The folder of the encoder with this fingerprint that ships with this version; None if none does."""
    folders = (file.parent for file in sorted(WEIGHTS.glob(f"*/{MANIFEST_FILE}")))
    return next((folder for folder in folders if read_manifest(folder).fingerprint == fingerprint), None)


def write_card(folder: Path, **entries: Any) -> None:
    """Set entries of the card of a saved encoder. They are not part of its fingerprint: the encoder stays the same.

    Raises:
        EncoderError: the folder holds no saved encoder.
    """
    manifest = read_manifest(folder)
    replace(manifest, extra={**manifest.extra, "card": {**_card(manifest), **entries}}).write(folder)


def _card(manifest: Manifest) -> dict[str, Any]:
    card = manifest.extra.get("card")
    if card is not None and not isinstance(card, dict):
        raise EncoderError(f"damaged: {MANIFEST_FILE} of the encoder {manifest.name!r}: its card is not an object")
    return card or {}
