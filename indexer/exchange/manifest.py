"""The manifest of an export: `export.json`, and the same text in the metadata of a Parquet file."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, get_args

from search.errors import DataError
from search.filters.columns import ColumnType

if TYPE_CHECKING:
    from pathlib import Path

MANIFEST_FILE = "export.json"
ENCODER_FOLDER = "encoder"
"""Copy of the encoder, if the index carries one."""
VECTOR = "vector"
FIELDS = ("id", "path", "label", "width", "height", "bytes", "mtime_ns", "content", VECTOR)
"""Fields of every picture, in this order; metadata comes before the vector."""
_VERSION = 1


@dataclass(frozen=True)
class Column:
    """A metadata column, and the name of its field in the export: the same, unless it is one of `FIELDS`."""

    name: str
    type: ColumnType
    field: str


@dataclass(frozen=True)
class Manifest:
    """The encoder of the vectors, and the content of the export."""

    format: str
    encoder: str
    fingerprint: str
    dim: int
    count: int
    generation: int
    """Number of commits of the index before the exported snapshot."""
    twinlens: str
    """Version of Twinlens that wrote the export."""
    columns: tuple[Column, ...] = ()
    calibration: dict[str, Any] | None = None
    version: int = field(default=_VERSION)

    def to_json(self) -> str:
        """JSON text in ASCII."""
        return json.dumps(asdict(self), indent=2)


def columns_of(types: dict[str, ColumnType]) -> tuple[Column, ...]:
    """Choose a field name for each metadata column."""
    taken = {*FIELDS, *types}
    columns = []
    for name, kind in types.items():
        chosen = name
        while chosen in FIELDS or (chosen != name and chosen in taken):
            chosen = f"metadata.{chosen}"
        taken.add(chosen)
        columns.append(Column(name, kind, chosen))
    return tuple(columns)


def read_manifest(file: Path) -> Manifest:
    """Read `export.json`; raises DataError if it is missing or invalid."""
    try:
        return parse_manifest(file.read_text("utf-8"), file)
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{file}: cannot be read ({error}). Name a folder that twinlens export wrote") from error


def parse_manifest(text: str | bytes, source: Path) -> Manifest:
    """Parse the text of a manifest; raises DataError if it is invalid."""
    try:
        content = json.loads(text)
        version = content["version"]
        if version != _VERSION:
            raise DataError(
                f"{source}: is an export of version {version!r}, but this Twinlens reads version {_VERSION}. Upgrade"
                " Twinlens"
            )
        columns = tuple(Column(**each) for each in content.pop("columns"))
        manifest = Manifest(**content, columns=columns)
        kinds = {"format": str, "encoder": str, "fingerprint": str, "dim": int, "count": int}
        wrong = [name for name, kind in kinds.items() if not isinstance(getattr(manifest, name), kind)]
        wrong += [each.name for each in columns if each.type not in get_args(ColumnType)]
        if wrong or manifest.dim < 1 or manifest.count < 0:
            raise ValueError(", ".join(map(str, wrong)) or "dim, count")
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise DataError(f"{source}: is not a valid description of an export ({error}). Export again") from error
    return manifest
