"""The encoder of an index in Milvus, copied once into a folder of this machine's cache, under its fingerprint."""

from __future__ import annotations

import os
import uuid
from pathlib import Path
from typing import TYPE_CHECKING

from search.encoders.foreign import is_foreign
from search.encoders.manifest import MANIFEST_FILE, read_manifest
from search.errors import EncoderError, StoreError
from search.files.reading import is_inside_name
from search.files.writing import make_folder, write_file

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from search.store.milvus.about import About

CACHE_VARIABLE = "TWINLENS_CACHE"


def cache_folder() -> Path:
    """Where encoders are kept: `TWINLENS_CACHE`, or `twinlens` in the cache of the user."""
    if own := os.environ.get(CACHE_VARIABLE):
        return Path(own)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "twinlens"


class EncoderCache:
    """Copies the files of one encoder when they are first needed."""

    def __init__(self, about: About, settings: Mapping[str, Any], address: object) -> None:
        """Copy from `about`; `address` names the index in messages."""
        self._about = about
        self._settings = settings
        self._address = address

    def card_folder(self) -> Path:
        """A folder that holds at least `encoder.json`; raises EncoderError if the index has no encoder."""
        return self._copied("cards", [MANIFEST_FILE])

    def encoder_folder(self) -> Path:
        """A folder with all files of the encoder; raises as `card_folder`."""
        return self._copied("encoders", None)

    def _copied(self, kind: str, names: list[str] | None) -> Path:
        fingerprint = str(self._settings["fingerprint"])
        if is_foreign(fingerprint):
            raise EncoderError(
                f"{self._address}: its vectors were made elsewhere by {self._settings['encoder']!r}, an encoder that"
                " the index does not contain, so no picture can be embedded. Search by a picture of the index"
                " (engine.search_id) or by a vector (engine.search_vectors)"
            )
        folder = cache_folder() / kind / fingerprint
        if not folder.is_dir():
            self._copy(folder, self._about.file_names() if names is None else names)
        if (found := read_manifest(folder).fingerprint) != fingerprint:
            raise EncoderError(
                f"{folder}: is a copy of the encoder {found}, but the vectors of {self._address} were made by"
                f" {fingerprint}. Delete the folder; if that does not help, migrate the index again"
            )
        return folder

    def _copy(self, folder: Path, names: list[str]) -> None:
        """Write the files beside their folder, which then gets its name: another process may do the same."""
        aside = folder.with_name(f"{folder.name}.{uuid.uuid4().hex}.part")
        try:
            make_folder(aside)
            for name in names:
                if "/" in name or not is_inside_name(name):
                    raise StoreError(f"{self._address}: {name!r} is not the name of a file of an encoder")
                write_file(aside / name, self._about.file(name))
            try:
                aside.rename(folder)
            except OSError:
                if not folder.is_dir():
                    raise
        except OSError as error:
            raise StoreError(
                f"{folder}: the encoder of {self._address} cannot be copied here ({error.strerror}). Set"
                f" {CACHE_VARIABLE} to a folder that can be written"
            ) from error
