"""Write and read blocks: Parquet files with what was read and embedded, before an index exists.

A block has one row per file that was read, with the fields of an export and those that a build needs besides: the
inode, or the reason why the file is no picture. `vector` is null for such a file, and for a copy of a content that has
its vector in an earlier row.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from indexer.exchange.manifest import VECTOR, Column, Manifest, parse_manifest
from indexer.exchange.parquet_file import KEY, arrow_type, reading
from indexer.exchange.plain_text import plain_text, read_plain_text
from indexer.pipeline.staging import ReadResult
from search.errors import DataError
from search.files.writing import replaced
from search.filters.columns import CAMERA, EXIF_COLUMNS, TAKEN
from search.pictures.exif import PictureExif

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from search.types import Floats

EXIF = tuple(Column(name, kind, name) for name, kind in EXIF_COLUMNS.items())
"""Columns of the manifest of a block."""
_NUMBERS = ("width", "height", "bytes", "mtime_ns", "ctime_ns", "inode")
_TEXTS = ("path", "label", "content", "reason", "note")
_ROWS_AT_ONCE = 4_096


@dataclass(frozen=True, slots=True)
class BlockRow:
    """One file of a block."""

    path: str
    """Relative to the folder of pictures; the path of `result` is the absolute one."""
    result: ReadResult
    label: str | None
    vector: Floats | None
    """`(dim,) float32`."""


def write_block(file: Path, manifest: Manifest, rows: Sequence[BlockRow]) -> None:
    """Write a block, which appears under its name when it is complete and synced."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    columns: dict[str, list[Any]] = {
        "path": [plain_text(row.path) for row in rows],
        "label": [None if row.label is None else plain_text(row.label) for row in rows],
        TAKEN: [_utc(row.result.exif.taken) for row in rows],
        CAMERA: [row.result.exif.camera for row in rows],
    }
    schema = _schema(manifest)
    arrays = []
    for field in schema:
        if field.name == VECTOR:
            vectors = [row.vector for row in rows]
            blank = np.zeros(manifest.dim, dtype=np.float32)
            flat = np.concatenate([blank if each is None else each for each in vectors])
            mask = pa.array([each is None for each in vectors])
            arrays.append(pa.FixedSizeListArray.from_arrays(pa.array(flat), type=field.type, mask=mask))
        else:
            values = columns.get(field.name)
            plain = [getattr(row.result, field.name) for row in rows] if values is None else values
            arrays.append(pa.array(plain, type=field.type))
    with replaced(file) as stream:
        pq.write_table(pa.Table.from_arrays(arrays, schema=schema), stream, compression="zstd")


def read_block(file: Path, root: Path, fingerprint: str, *, vectors: bool) -> Iterator[list[BlockRow]]:
    """Read the rows of a block in order, some thousand at a time.

    Args:
        file: the block.
        root: the folder that the paths start from.
        fingerprint: the encoder that must have made it.
        vectors: whether to read the vectors; without, every `vector` is None.

    Raises:
        DataError: it is not a block, is damaged, or has vectors of another encoder.
    """
    with reading(file) as opened:
        schema = opened.schema_arrow
        text = (schema.metadata or {}).get(KEY)
        if text is None:
            raise DataError(f"{file}: is not a block that twinlens embed wrote. Delete it, and embed again")
        manifest = parse_manifest(text, file)
        if manifest.fingerprint != fingerprint:
            raise DataError(
                f"{file}: has vectors of the encoder {manifest.encoder} ({manifest.fingerprint}), but its part is of"
                f" another one ({fingerprint}). Delete it, and embed again"
            )
        if not schema.equals(_schema(manifest)):
            raise DataError(f"{file}: is damaged: it lacks columns of a block. Delete it, and embed again")
        names = [name for name in schema.names if vectors or name != VECTOR]
        for batch in opened.iter_batches(_ROWS_AT_ONCE, columns=names):
            yield list(_rows(batch, root, file))


def _rows(batch: Any, root: Path, file: Path) -> Iterator[BlockRow]:
    columns = {name: batch.column(name).to_pylist() for name in batch.schema.names if name != VECTOR}
    found: list[Floats | None] = [None] * len(batch)
    if VECTOR in batch.schema.names:
        found = _vectors(batch.column(VECTOR))
    for number, vector in enumerate(found):
        row = {name: values[number] for name, values in columns.items()}
        path = read_plain_text(row["path"]) if row["path"] else ""
        if not path or "\0" in path or Path(path).is_absolute() or ".." in Path(path).parts:
            raise DataError(f"{file}: row {number} has the path {path!r:.200}, which is not below a folder")
        result = ReadResult(
            root / path if path != "." else root,
            row["bytes"] or 0,
            row["mtime_ns"] or 0,
            row["content"] or "",
            row["width"] or 0,
            row["height"] or 0,
            row["reason"],
            row["ctime_ns"],
            row["inode"],
            bool(row["passing"]),
            PictureExif(row[TAKEN], row[CAMERA]),
            row["note"],
        )
        yield BlockRow(path, result, None if row["label"] is None else read_plain_text(row["label"]), vector)


def _vectors(array: Any) -> list[Floats | None]:
    """The vectors of a column; None for a null."""
    dim = array.type.list_size
    filled = array.drop_null()
    values = iter(filled.flatten().to_numpy(zero_copy_only=False).reshape(len(filled), dim))
    return [next(values) if there else None for there in array.is_valid().to_pylist()]


def _schema(manifest: Manifest) -> Any:
    import pyarrow as pa

    fields = [(name, pa.string()) for name in _TEXTS]
    fields += [(name, pa.int64()) for name in _NUMBERS]
    fields += [("passing", pa.bool_()), *((each.field, arrow_type(each.type)) for each in EXIF)]
    fields.append((VECTOR, pa.list_(pa.float32(), manifest.dim)))
    return pa.schema(fields, metadata={KEY: manifest.to_json()})


def _utc(moment: datetime | None) -> datetime | None:
    """A moment with its zone; EXIF is in UTC."""
    return moment if moment is None or moment.tzinfo is not None else moment.replace(tzinfo=UTC)
