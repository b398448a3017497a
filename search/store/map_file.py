"""The map that `twinlens map --keep` keeps with an index: where each picture lies in two dimensions, and its cluster.

One immutable file of NumPy's format, written aside and synced. The catalog names it in a setting and in its table of
files, with the checksum. Points have the ids of pictures, so that a map outlives a rebuild of the segments.
"""

from __future__ import annotations

import hashlib
import io
import uuid
from tokenize import TokenError
from typing import TYPE_CHECKING, Any
from zipfile import BadZipFile

import numpy as np

from search.errors import DamagedFileError
from search.files.writing import make_folder, write_file
from search.store.durable import verify
from search.store.records import FileRecord

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from search.store.catalog import Catalog
    from search.types import Floats

MAPS_FOLDER = "maps"
MAP_SETTING = "map"
MAKE_AGAIN = "Make the map again: twinlens map INDEX --keep"
_POINT = np.dtype([("id", "<i8"), ("x", "<f4"), ("y", "<f4"), ("cluster", "<i4"), ("content", "<u4")])
"""`content` is the CRC-32 of the content hash: a picture whose file changed since is placed anew."""


def write_map(
    folder: Path, ids: NDArray[np.int64], positions: Floats, clusters: NDArray[np.int32], contents: NDArray[np.uint32]
) -> FileRecord:
    """Write the points of a map into an index folder, synced under the final name; return the record of the file.

    Args:
        folder: the index folder.
        ids: `(N,)`, ascending.
        positions: `(N, 2) float32`.
        clusters: `(N,)`, numbers from 0.
        contents: `(N,)`, `search.store.places.content_number` of each picture.
    """
    points = np.empty(len(ids), dtype=_POINT)
    columns = (ids, positions[:, 0], positions[:, 1], clusters, contents)
    for name, column in zip(_POINT.names or (), columns, strict=True):
        points[name] = column
    stream = io.BytesIO()
    np.save(stream, points, allow_pickle=False)
    make_folder(folder / MAPS_FOLDER)
    record = FileRecord(
        f"{MAPS_FOLDER}/{uuid.uuid4().hex}.npy", stream.tell(), hashlib.sha256(stream.getbuffer()).hexdigest()
    )
    write_file(folder / record.name, stream.getvalue())
    return record


def read_map(folder: Path, record: FileRecord) -> NDArray[Any]:
    """Read and check the points of a map, with the fields `id`, `x`, `y`, `cluster` and `content`.

    Raises:
        DamagedFileError: the file is missing, differs from its checksum, or does not hold a map.
    """
    path = folder / record.name
    try:
        verify(folder, record)
        points = np.load(path, allow_pickle=False)
    except DamagedFileError as error:
        raise DamagedFileError(error.file, error.problem, MAKE_AGAIN) from None
    except (OSError, ValueError, TypeError, SyntaxError, TokenError, MemoryError, OverflowError, BadZipFile) as error:
        raise DamagedFileError(path, f"cannot be read ({error})", MAKE_AGAIN) from error
    if not isinstance(points, np.ndarray) or points.dtype != _POINT or points.ndim != 1:
        raise DamagedFileError(path, "does not hold the points of a map", MAKE_AGAIN)
    ids = points["id"]
    ascending = not len(ids) or (ids[0] > 0 and bool((ids[1:] > ids[:-1]).all()))
    finite = bool(np.isfinite(points["x"]).all() and np.isfinite(points["y"]).all())
    if not (ascending and finite and bool((points["cluster"] >= 0).all())):
        raise DamagedFileError(path, "holds points that are not those of a map", MAKE_AGAIN)
    return points


def map_record(catalog: Catalog, facts: dict[str, Any]) -> FileRecord:
    """The record of the file that the setting names; raises DamagedFileError if the catalog has none."""
    name = facts["file"]
    for record in catalog.files.records():
        if record.name == name:
            return record
    raise DamagedFileError(catalog.folder, f"its catalog names no file {name!r}, which its map needs", MAKE_AGAIN)


def store_map(catalog: Catalog, record: FileRecord | None, **facts: Any) -> None:
    """Make a written map that of the index, or with None remove the present one; within a transaction."""
    if (before := catalog.settings().get(MAP_SETTING)) is not None:
        catalog.files.drop([before["file"]])
    if record is not None:
        catalog.files.add([record])
    catalog.set(**{MAP_SETTING: None if record is None else {"file": record.name, **facts}})
