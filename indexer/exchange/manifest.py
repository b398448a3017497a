"""What an export says of itself: `export.json`, and the same text in the metadata of a Parquet file."""

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
"""The encoder of the index, where it carries one."""
VECTOR = "vector"
FIELDS = ("id", "path", "label", "width", "height", "bytes", "mtime_ns", "content", VECTOR)
"""Fields that every picture has, in this order; metadata stands before the vector."""
_VERSION = 1


@dataclass(frozen=True)
class Column:
    """A column of metadata, and the name of the field that holds it: its own, unless that is one of `FIELDS`."""

    name: str
    type: ColumnType
    field: str


@dataclass(frozen=True)
class Manifest:
    """Who made the vectors, and what is there."""

    format: str
    encoder: str
    fingerprint: str
    dim: int
    count: int
    generation: int
    """Commits of the index before the snapshot that was exported."""
    twinlens: str
    """The version that wrote it."""
    columns: tuple[Column, ...] = ()
    calibration: dict[str, Any] | None = None
    version: int = field(default=_VERSION)

    def to_json(self) -> str:
        """ASCII, whatever the names."""
        return json.dumps(asdict(self), indent=2)


def columns_of(types: dict[str, ColumnType]) -> tuple[Column, ...]:
    """Choose the fields of metadata columns."""
    taken = {*FIELDS, *types}
    found = []
    for name, kind in types.items():
        chosen = name
        while chosen in FIELDS or (chosen != name and chosen in taken):
            chosen = f"metadata.{chosen}"
        taken.add(chosen)
        found.append(Column(name, kind, chosen))
    return tuple(found)


def read_manifest(file: Path) -> Manifest:
    """Read `export.json`; raises DataError where it is missing or is none."""
    try:
        return parse_manifest(file.read_text("utf-8"), file)
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{file}: cannot be read ({error}): not a folder that twinlens export wrote") from error


def parse_manifest(text: str | bytes, source: Path) -> Manifest:
    """Read a manifest's text; raises DataError for what is none."""
    try:
        found = json.loads(text)
        version = found["version"]
        if version != _VERSION:
            raise DataError(
                f"{source}: is an export of version {version!r}, this Twinlens reads {_VERSION}: upgrade it"
            )
        columns = tuple(Column(**each) for each in found.pop("columns"))
        manifest = Manifest(**found, columns=columns)
        kinds = {"format": str, "encoder": str, "fingerprint": str, "dim": int, "count": int}
        wrong = [name for name, kind in kinds.items() if not isinstance(getattr(manifest, name), kind)]
        wrong += [each.name for each in columns if each.type not in get_args(ColumnType)]
        if wrong or manifest.dim < 1 or manifest.count < 0:
            raise ValueError(", ".join(map(str, wrong)) or "dim, count")
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise DataError(f"{source}: what it says of the export cannot be used ({error}). Export again") from error
    return manifest
