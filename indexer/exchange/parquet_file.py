"""Read and write Parquet: pictures, metadata and vectors as columns of one file.

Only this module and `parquet_blocks`, which writes the blocks of `twinlens embed`, import pyarrow.
"""

from __future__ import annotations

import math
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from indexer.exchange.manifest import FIELDS, VECTOR, Column, Manifest, parse_manifest
from indexer.exchange.plain_text import plain_text, read_plain_text
from indexer.exchange.rows import Chunk, Places, Row
from indexer.exchange.unit_vectors import check_type
from indexer.metadata.cells import stored
from search.errors import DataError
from search.files.writing import new_file
from search.filters.columns import json_value
from search.text import reason_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path
    from types import TracebackType
    from typing import Self

    from search.filters.columns import ColumnType, MetadataValue, Stored
    from search.store.records import PictureRecord
    from search.types import Floats

PARQUET_FILE = "pictures.parquet"
KEY = b"twinlens"
"""Key of the manifest in the metadata of the file."""


class ParquetWriter:
    """Writes an export, one row group per chunk."""

    def __init__(self, folder: Path, manifest: Manifest) -> None:
        """Create the file."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        self._columns = manifest.columns
        types = {"id": pa.int64(), "path": pa.string(), "label": pa.string(), "content": pa.string()}
        fields = [(name, types.get(name, pa.int64())) for name in FIELDS if name != VECTOR]
        fields += [(each.field, arrow_type(each.type)) for each in manifest.columns]
        fields.append((VECTOR, pa.list_(pa.float32(), manifest.dim)))
        self._schema = pa.schema(fields, metadata={KEY: manifest.to_json()})
        repeated = ["label", *(each.field for each in manifest.columns if each.type == "text")]
        self._stream = new_file(folder / PARQUET_FILE)
        self._writer = pq.ParquetWriter(
            self._stream, self._schema, compression="zstd", use_dictionary=repeated, write_statistics=repeated
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._writer.close()
        finally:
            self._stream.close()

    def write(
        self, pictures: Sequence[PictureRecord], metadata: Mapping[int, Mapping[str, MetadataValue]], vectors: Floats
    ) -> None:
        """Append pictures, with their metadata by id and their vectors `(len(pictures), dim) float32`."""
        import pyarrow as pa

        columns: dict[str, list[Any]] = {
            "path": [plain_text(str(each.path)) for each in pictures],
            "label": [None if each.label is None else plain_text(each.label) for each in pictures],
        }
        for column in self._columns:
            values = [metadata.get(each.id, {}).get(column.name) for each in pictures]
            columns[column.field] = [plain_text(each) if isinstance(each, str) else each for each in values]
        arrays = []
        for field in self._schema:
            if field.name == VECTOR:
                flat = pa.array(np.ascontiguousarray(vectors).reshape(-1))
                arrays.append(pa.FixedSizeListArray.from_arrays(flat, type=field.type))
            else:
                plain = columns.get(field.name) or [getattr(each, field.name) for each in pictures]
                arrays.append(pa.array(plain, type=field.type))
        self._writer.write_table(pa.Table.from_arrays(arrays, schema=self._schema), row_group_size=len(pictures))


def arrow_type(kind: ColumnType) -> Any:
    """The Arrow type of a metadata type."""
    import pyarrow as pa

    types = {
        "text": pa.string(),
        "integer": pa.int64(),
        "real": pa.float64(),
        "boolean": pa.bool_(),
        "date": pa.date32(),
        "datetime": pa.timestamp("us", tz="UTC"),
    }
    return types[kind]


class ParquetSource:
    """A Parquet file of vectors, written by `ParquetWriter` or any other with columns of paths and vectors."""

    encoder_folder: Path | None = None

    def __init__(self, name: Path, places: Places, path_column: str, vector_column: str) -> None:
        """Read the schema of the file.

        Raises:
            DataError: not a Parquet file, or a column is missing.
        """
        self.name = name
        self._places = places
        self._path, self._vector = path_column, vector_column
        with reading(name) as file:
            schema, self.count = file.schema_arrow, file.metadata.num_rows
            self.manifest: Manifest | None = None
            if KEY in (schema.metadata or {}):
                self.manifest = parse_manifest(schema.metadata[KEY], name)
                self._path, self._vector = "path", VECTOR
            for column, option in ((self._path, "--path-column"), (self._vector, "--vector-column")):
                if schema.names.count(column) != 1:
                    raise DataError(
                        f"{name}: needs one column {column!r}; it has {', '.join(schema.names)}. Name it with {option}"
                    )
            if not self.count:
                raise DataError(f"{name}: holds no vectors")
            self._described, self.left_out = self._metadata_of(schema)
            self.columns = {each.name: each.type for each in self._described}
            self.dim = len(self._vectors(next(file.iter_batches(1, columns=[self._vector])).column(0), 0)[0])

    def chunks(self, rows: int) -> Iterator[Chunk]:
        """All rows in order, in chunks of at most `rows`."""
        with reading(self.name) as file:
            columns = [self._path, self._vector, *(each.field for each in self._described)]
            own = FIELDS if self.manifest is not None else ("label",)
            columns += [each for each in own if each in file.schema_arrow.names and each not in columns]
            first = 0
            for batch in file.iter_batches(rows, columns=columns):
                vectors = self._vectors(batch.column(self._vector), first)
                if vectors.shape[1] != self.dim:
                    raise DataError(
                        f"{self.name}: row {first} has {vectors.shape[1]} values, but the rows before it {self.dim}"
                    )
                yield Chunk(first, self._rows(batch, first), vectors)
                first += len(batch)

    def _metadata_of(self, schema: Any) -> tuple[list[Column], list[str]]:
        """The metadata columns, and the names of columns of unsupported types."""
        if self.manifest is not None:
            missing = [each.field for each in self.manifest.columns if each.field not in schema.names]
            if missing:
                raise DataError(f"{self.name}: is damaged: it lacks the column {missing[0]!r} of its description")
            return list(self.manifest.columns), []
        columns, left_out = [], []
        for field in schema:
            if field.name in (self._path, self._vector, *FIELDS):
                continue
            kind = _column_type(field.type)
            if kind is None or not field.name.isprintable() or not 0 < len(field.name) <= 100:
                left_out.append(field.name)
            else:
                columns.append(Column(field.name, kind, field.name))
        return columns, left_out

    def _rows(self, batch: Any, first: int) -> list[Row]:
        paths = batch.column(self._path).to_pylist()
        rows = [
            Row(self._places.absolute(read_plain_text(text) if isinstance(text, str) else text, number))
            for number, text in enumerate(paths, first)
        ]
        for name in ("label", *FIELDS) if self.manifest is not None else ("label",):
            if name not in ("path", VECTOR) and name in batch.schema.names:
                for row, value in zip(rows, batch.column(name).to_pylist(), strict=True):
                    row.describe(name, value, self.name)
        cells = [self._cells(batch.column(each.field), each, first) for each in self._described]
        for row, values in zip(rows, zip(*cells, strict=True) if cells else [()] * len(rows), strict=True):
            row.metadata = values
        return rows

    def _cells(self, array: Any, column: Column, first: int) -> list[Stored]:
        """The values of a column as the catalog stores them."""
        import pyarrow as pa

        if pa.types.is_timestamp(array.type):
            array = array.cast(pa.timestamp("us", tz=array.type.tz), safe=False)
        values: list[Stored] = []
        for number, value in enumerate(array.to_pylist(), first):
            if isinstance(value, str):
                value = read_plain_text(value)
            if isinstance(value, float) and math.isnan(value):
                value = None
            try:
                values.append(stored(json_value(value), column.type, of_json=True))
            except ValueError as error:
                raise DataError(
                    f"{self.name}: row {number} (counted from 0): {column.name} = {value!r:.100} {error}, not"
                    f" {column.type}"
                ) from None
        return values

    def _vectors(self, array: Any, first: int) -> Any:
        """The rows of a column of lists `(N, D)`."""
        import pyarrow as pa

        kind, name = array.type, self.name
        fixed = pa.types.is_fixed_size_list(kind)
        if not fixed and not pa.types.is_list(kind) and not pa.types.is_large_list(kind):
            raise DataError(
                f"{name}: the column {self._vector!r} is {kind}; vectors must be lists of floating-point numbers"
            )
        if array.null_count:
            empty = first + int(np.argmax(array.is_null().to_numpy(zero_copy_only=False)))
            raise DataError(f"{name}: row {empty} (counted from 0) has no vector")
        flat = array.flatten()
        if flat.null_count:
            raise DataError(f"{name}: a vector from row {first} on contains a null")
        if fixed:
            dim = kind.list_size
        else:
            lengths = np.asarray(array.value_lengths())
            dim = int(lengths[0])
            if (lengths != dim).any():
                odd = int(np.argmax(lengths != dim))
                raise DataError(f"{name}: row {first + odd} (counted from 0) has {lengths[odd]} values, not {dim}")
        vectors = flat.to_numpy(zero_copy_only=False).reshape(len(array), dim)
        check_type(vectors, name)
        return vectors


@contextmanager
def reading(name: Path) -> Iterator[Any]:
    """Open a Parquet file, and turn errors of pyarrow into DataError."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(name) as file:
            yield file
    except (pa.ArrowException, OSError) as error:
        reason = reason_of(error)
        raise DataError(f"{name}: cannot be read as a Parquet file ({reason:.200})") from error


def _column_type(kind: Any) -> ColumnType | None:
    """The metadata type for an Arrow type; None if it is not supported."""
    import pyarrow as pa

    types = pa.types
    if types.is_dictionary(kind):
        kind = kind.value_type
    tests: tuple[tuple[Any, ColumnType], ...] = (
        (types.is_boolean, "boolean"),
        (types.is_integer, "integer"),
        (types.is_floating, "real"),
        (types.is_string, "text"),
        (types.is_large_string, "text"),
        (types.is_date, "date"),
        (types.is_timestamp, "datetime"),
    )
    return next((name for test, name in tests if test(kind)), None)
