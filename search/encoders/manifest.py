"""Read and write `encoder.json`, the description of a saved encoder beside its `weights.safetensors`, if any.

    {
      "format": 1,
      "family": "checkpoint",            key of the table in search.encoders
      "name": "small",                 for display; not part of the fingerprint
      "dim": 128,
      "input_size": 128,                 pixels
      "preprocessing": {...},            everything that determines the network's input
      "fingerprint": "0123456789abcdef0123456789abcdef",
      ...                                the keys of the family: "network" and "card"; "model"; or
                                         "towers", "vocabulary" and "card"
    }

An encoder that this package ships may also have the key `borrowed`: see `search.encoders.borrowed_weights`.
`card` is a free-form object, the model card: data, recipe, metrics.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from search.errors import DamagedFileError, EncoderError
from search.files.reading import open_regular
from search.files.writing import write_file

if TYPE_CHECKING:
    from pathlib import Path

MANIFEST_FILE = "encoder.json"
FORMAT = 1
_COMMON: dict[str, type] = {
    "family": str,
    "name": str,
    "dim": int,
    "input_size": int,
    "preprocessing": dict,
    "fingerprint": str,
}
_LARGEST = {"dim": 65_536, "input_size": 4096}
"""Maximum values; a file with larger ones counts as damaged, because they would require absurd amounts of memory."""
_LONGEST = 16 * 2**20
"""Maximum number of bytes that are read from the file."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """The contents of one `encoder.json`."""

    family: str
    name: str
    dim: int
    input_size: int
    preprocessing: dict[str, Any]
    fingerprint: str
    extra: dict[str, Any] = field(default_factory=dict)
    """The family's own keys, which are on the top level of the file."""

    def write(self, folder: Path) -> None:
        """Write `encoder.json` into an existing folder atomically."""
        common = {key: getattr(self, key) for key in _COMMON}
        text = json.dumps({"format": FORMAT, **common, **self.extra}, indent=2, ensure_ascii=False)
        write_file(folder / MANIFEST_FILE, text + "\n")

    def require(self, key: str, kind: type) -> Any:
        """Return the value of one of the family's own keys.

        Raises:
            EncoderError: the key is missing or its value has another type.
        """
        value = self.extra.get(key)
        if not isinstance(value, kind):
            raise EncoderError(f"damaged: {MANIFEST_FILE} of the {self.family} encoder {self.name!r} needs {key!r}")
        return value

    def verify(self, folder: Path, fingerprint: str) -> None:
        """Compare with the fingerprint that was recomputed from the loaded files.

        Raises:
            EncoderError: they differ.
        """
        if fingerprint != self.fingerprint:
            raise EncoderError(
                f"damaged: {folder}: the encoder's files give the fingerprint {fingerprint}, but {MANIFEST_FILE} "
                f"says {self.fingerprint}; copy the folder again from its source"
            )


def read_manifest(folder: Path) -> Manifest:
    """Read and check the `encoder.json` of a saved encoder.

    Raises:
        EncoderError: the file is missing, unreadable or of another format, or keys are missing or of the wrong type.
    """
    path = folder / MANIFEST_FILE
    try:
        with open_regular(path) as stream:
            values = json.loads(stream.read(_LONGEST))
    except (FileNotFoundError, NotADirectoryError):
        raise EncoderError(f"{folder} holds no saved encoder: {path} is missing") from None
    except (OSError, ValueError, RecursionError, DamagedFileError) as error:
        raise EncoderError(f"damaged: {path} cannot be read as JSON: {error}") from error
    if not isinstance(values, dict) or "family" not in values:
        raise EncoderError(f"{path} does not describe an encoder of Twinlens: it has no 'family'")
    if values.get("format") != FORMAT:
        raise EncoderError(
            f"{path} has the format {values.get('format')!r}, this version reads {FORMAT}: "
            "use the version of Twinlens that wrote it, or save the encoder again"
        )
    common = {key: _checked(path, values, key) for key in _COMMON}
    extra = {key: value for key, value in values.items() if key not in _COMMON and key != "format"}
    return Manifest(**common, extra=extra)


def _checked(path: Path, values: dict[str, Any], key: str) -> Any:
    value, kind = values.get(key), _COMMON[key]
    if not isinstance(value, kind) or isinstance(value, bool):
        raise EncoderError(f"damaged: {path}: {key!r} must be of type {kind.__name__}, found {value!r:.60}")
    if isinstance(value, int) and not 1 <= value <= _LARGEST[key]:
        raise EncoderError(f"damaged: {path}: {key!r} is {value}, not in 1..{_LARGEST[key]}")
    return value
