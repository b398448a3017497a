"""Read and write NumPy exports: vectors in a .npy file, and their pictures in a text file beside it."""

from __future__ import annotations

import json
from itertools import islice
from tokenize import TokenError
from typing import TYPE_CHECKING, Any
from zipfile import BadZipFile

import numpy as np

from indexer.exchange.manifest import FIELDS, VECTOR, Manifest
from indexer.exchange.plain_text import plain_text, read_plain_text
from indexer.exchange.rows import Chunk, Places, Row
from indexer.exchange.unit_vectors import check_type
from indexer.metadata.cells import stored
from search.errors import DataError
from search.files.writing import new_file
from search.filters.columns import json_value

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path
    from types import TracebackType
    from typing import Self

    from numpy.typing import NDArray

    from search.filters.columns import ColumnType, MetadataValue
    from search.store.records import PictureRecord
    from search.types import Floats

VECTORS_FILE = "vectors.npy"
PICTURES_FILE = "pictures.jsonl"


class NpyWriter:
    """Writes an export: `vectors.npy` `(N, dim) float32`, and `pictures.jsonl`, whose line n describes row n."""

    def __init__(self, folder: Path, manifest: Manifest) -> None:
        """Create both files."""
        self._columns = manifest.columns
        self._vectors = new_file(folder / VECTORS_FILE)
        self._pictures = new_file(folder / PICTURES_FILE)
        header = {"descr": "<f4", "fortran_order": False, "shape": (manifest.count, manifest.dim)}
        np.lib.format.write_array_header_1_0(self._vectors, header)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._vectors.close()
        self._pictures.close()

    def write(
        self, pictures: Sequence[PictureRecord], metadata: Mapping[int, Mapping[str, MetadataValue]], vectors: Floats
    ) -> None:
        """Append pictures, with their metadata by id and their vectors `(len(pictures), dim) float32`."""
        self._vectors.write(np.ascontiguousarray(vectors, dtype="<f4").tobytes())
        for picture in pictures:
            line: dict[str, Any] = {name: getattr(picture, name) for name in FIELDS if name != VECTOR}
            line["path"] = plain_text(str(picture.path))
            line["label"] = None if picture.label is None else plain_text(picture.label)
            for column in self._columns:
                value = json_value(metadata.get(picture.id, {}).get(column.name))
                line[column.field] = plain_text(value) if isinstance(value, str) else value
            self._pictures.write((json.dumps(line, ensure_ascii=False) + "\n").encode())


class NpySource:
    """A memory-mapped .npy file and the pictures of its rows."""

    columns: dict[str, ColumnType]
    left_out: list[str]

    def __init__(self, name: Path, pictures: Callable[[], Iterator[Row]], listed: Path) -> None:
        """Map the file.

        Args:
            name: the file of vectors.
            pictures: function that returns an iterator over the rows' pictures.
            listed: the file that the pictures are read from, for messages.

        Raises:
            DataError: not a .npy file of `(N, D)` floating-point numbers.
        """
        self.name, self._pictures, self._listed = name, pictures, listed
        self.manifest: Manifest | None = None
        self.encoder_folder: Path | None = None
        self.columns, self.left_out = {}, []
        try:
            array = np.load(name, mmap_mode="r", allow_pickle=False)
        except (
            OSError,
            EOFError,
            ValueError,
            TypeError,
            SyntaxError,
            TokenError,
            MemoryError,
            OverflowError,
            BadZipFile,
        ) as error:
            raise DataError(f"{name}: cannot be read as a .npy file of numbers ({error!s:.200})") from error
        if not isinstance(array, np.ndarray):
            array.close()
            raise DataError(f"{name}: is not one array. Save only the vectors, with numpy.save")
        check_type(array, name)
        self._vectors: NDArray[Any] = array
        self.count, self.dim = array.shape

    def chunks(self, rows: int) -> Iterator[Chunk]:
        """All rows in order, in chunks of at most `rows`."""
        pictures = self._pictures()
        for first in range(0, self.count, rows):
            last = min(first + rows, self.count)
            some = list(islice(pictures, last - first))
            if len(some) < last - first:
                self._refuse(first + len(some))
            yield Chunk(first, some, self._vectors[first:last])
        if more := sum(1 for _ in pictures):
            self._refuse(self.count + more)

    def _refuse(self, named: int) -> None:
        raise DataError(
            f"{self._listed}: names {named:,} pictures, but {self.name} has {self.count:,} rows. Line n must name the"
            " picture of row n"
        )


def exported_npy(folder: Path, manifest: Manifest, places: Places) -> NpySource:
    """Open a folder that `NpyWriter` wrote; raises DataError if its vectors cannot be read."""
    listed = folder / PICTURES_FILE
    source = NpySource(folder / VECTORS_FILE, lambda: _described(listed, manifest, places), listed)
    source.manifest = manifest
    source.columns = {each.name: each.type for each in manifest.columns}
    return source


def _described(listed: Path, manifest: Manifest, places: Places) -> Iterator[Row]:
    for number, line in enumerate(json_lines(listed)):
        path = line.get("path")
        row = Row(places.absolute(read_plain_text(path) if isinstance(path, str) else path, number))
        for name in FIELDS:
            if name not in ("path", VECTOR):
                row.describe(name, line.get(name), listed)
        cells = []
        for column in manifest.columns:
            value = line.get(column.field)
            try:
                plain = read_plain_text(value) if isinstance(value, str) else value
                cells.append(stored(plain, column.type, of_json=True))
            except (ValueError, TypeError) as error:
                raise DataError(
                    f"{listed}: row {number} (counted from 0): {column.name} = {value!r:.100} {error}"
                ) from None
        row.metadata = tuple(cells)
        yield row


def json_lines(file: Path) -> Iterator[dict[str, Any]]:
    """The object of each line; raises DataError for a line that is not an object."""
    try:
        with file.open(encoding="utf-8-sig", newline="\n") as stream:
            for number, line in enumerate(stream):
                try:
                    content = json.loads(line)
                except (ValueError, RecursionError) as error:
                    raise DataError(f"{file}, line {number + 1}: is not JSON ({error!s:.100})") from error
                if not isinstance(content, dict):
                    raise DataError(f"{file}, line {number + 1}: is not a JSON object ({{...}})")
                yield content
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{file}: cannot be read as JSON lines ({error})") from error
