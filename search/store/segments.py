"""Write, open and search segments: immutable blocks of vectors, each with the structure built over it.

The files of a segment get unique names, and are complete and synced before the catalog refers to them.
"""

from __future__ import annotations

import time
import uuid
from copy import copy
from tokenize import TokenError
from typing import TYPE_CHECKING
from zipfile import BadZipFile

import numpy as np

from search.errors import DamagedFileError, IndexFolderError
from search.files.reading import require_inside, require_regular
from search.files.writing import make_folder
from search.indexes import KINDS, index_class
from search.indexes.allowed import Allowed, allowed_of
from search.store.reranking import rerank
from search.store.structure_file import seal_structure, verify_structure
from search.store.vector_file import BlockGuard, write_vectors
from search.types import SegmentAudit

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from search.indexes.base import Candidates, VectorIndex
    from search.store.records import FileRecord, SegmentRecord
    from search.types import Floats, Mask, Rows

SEGMENTS_FOLDER = "segments"
_SEE = "Run twinlens check on the index"
_ONE_BY_ONE = 4
"""Queries up to which the rows of a filter are compared with one at a time, where they lie; more share a copy."""


class Segment:
    """The vectors `(N, D) float32` of one segment, its structure, and a mask of its live rows."""

    def __init__(
        self,
        id: int,
        vectors: Floats,
        structure: VectorIndex,
        dead: Sequence[int] = (),
        guard: BlockGuard | None = None,
        exact_rows: int | None = None,
    ) -> None:
        """Join vectors with the structure built over them.

        Args:
            id: id of the segment.
            vectors: its rows.
            structure: the structure built over them.
            dead: rows with a tombstone.
            guard: verifies rows when they are first used; None if they need no check.
            exact_rows: rows of a filter up to which comparing them all is faster than the structure, as measured;
                None for an estimate.
        """
        self.id = id
        self.guard = guard
        self.vectors = vectors
        self.structure = structure
        self.exact_rows = structure.exact_rows if exact_rows is None else exact_rows
        self._bury(dead)

    def with_dead(self, dead: Sequence[int]) -> Segment:
        """A copy of the segment with other tombstones."""
        other = copy(self)
        other._bury(dead)
        return other

    def _bury(self, dead: Sequence[int]) -> None:
        self.live = _live(len(self.vectors), dead)
        self._living = allowed_of(self.live)

    def allowed(self, chosen: Mask) -> Allowed:
        """The live rows among those that a filter chooses, `(N,) bool`; keep it for other searches with the filter."""
        return Allowed(chosen if self.live is None else chosen & self.live)

    def take(self, rows: Sequence[int] | Rows) -> Floats:
        """Copy the vectors of some rows, `(len(rows), D) float32`; raises DamagedFileError if they are damaged."""
        places = np.asarray(rows, dtype=np.int64)
        if len(places) and not 0 <= places.min() <= places.max() < len(self.vectors):
            raise IndexFolderError(f"segment {self.id} {beyond(int(places.max()), len(self.vectors))}")
        self._use(places)
        taken: Floats = np.array(self.vectors[places])
        return taken

    def _use(self, rows: Rows | None = None) -> None:
        if self.guard is not None:
            self.guard.use(rows)

    def search(
        self, queries: Floats, k: int, chosen: Mask | Allowed | None = None, audit: SegmentAudit | None = None
    ) -> tuple[Floats, Rows]:
        """Find the k nearest live rows of each query, by exact distance, ties by row.

        Args:
            queries: `(Q, D) float32` unit rows.
            k: number of neighbours; at most N are returned.
            chosen: a filter, `(N,) bool` or what `allowed` made of it; None for every live row.
            audit: is filled with how the segment was searched.

        Returns:
            Distances `(Q, min(k, N)) float32` padded with inf, and rows of the same shape padded with -1.

            The structure finds the candidates; distances and order are computed from the stored vectors. The search is
            exact, without the structure, if the filter leaves at most `exact_rows`, if the structure does not support
            the search, or if it finds too few rows. Rows that the structure still holds out (`VectorIndex.build`) are
            never returned. Where more than k rows are equally near, an approximate structure may find others than the
            first.

        Raises:
            DamagedFileError: vectors needed for the result are damaged.
        """
        k = min(k, len(self.vectors))  # bounds what is allocated
        allowed, structure = self._allowed(chosen), self.structure
        available = len(self.vectors) if allowed is None else allowed.count
        fetch = min(available, k if structure.exact else k * structure.overfetch + 16)
        narrow = chosen is not None and available <= self.exact_rows
        exact = structure.exact or narrow or not structure.supports(fetch)
        if audit is not None:
            audit.allowed, audit.exact = available, exact
        if available == 0 or len(queries) == 0:
            return _padded(len(queries), k)
        begun = time.perf_counter()
        if exact:
            distances, rows = self._search_exactly(queries, min(k, available), allowed)
            if audit is not None:
                audit.candidates += available * len(queries)
                audit.structure += time.perf_counter() - begun
            return _widen(distances, rows, k)
        candidates = structure.candidates(queries, fetch, allowed)
        found = time.perf_counter()
        distances, rows = self._measure(queries, candidates, min(k, fetch), allowed)
        if audit is not None:
            audit.candidates += int(np.count_nonzero(candidates.rows >= 0))
            audit.structure += found - begun
            audit.rerank += time.perf_counter() - found
        return _widen(distances, rows, k)

    def _allowed(self, chosen: Mask | Allowed | None) -> Allowed | None:
        """The rows that a search may return; None for all."""
        if chosen is None:
            return self._living
        return chosen if isinstance(chosen, Allowed) else self.allowed(chosen)

    def search_exactly(self, queries: Floats, k: int, chosen: Mask | Allowed | None = None) -> tuple[Floats, Rows]:
        """As `search`, but compare every row, which says what the structure misses."""
        return self._search_exactly(queries, min(k, len(self.vectors)), self._allowed(chosen))

    def _measure(self, queries: Floats, candidates: Candidates, k: int, allowed: Allowed | None) -> tuple[Floats, Rows]:
        """The k nearest candidates of each query; of all allowed rows where the structure found less than k."""
        self._use(candidates.rows)
        distances, rows = rerank(self.vectors, queries, candidates.rows, k, candidates.squares)
        if min(rows[:, -1].tolist()) < 0:  # of few rows, Python finds it before NumPy has begun
            short = rows[:, -1] < 0
            distances[short], rows[short] = self._search_exactly(queries[short], k, allowed)
        return distances, rows

    def _search_exactly(self, queries: Floats, k: int, allowed: Allowed | None) -> tuple[Floats, Rows]:
        """Compare every row: also the fallback if the structure does not support a search or finds too few rows."""
        structure, entered = self.structure, self.structure.entered
        if structure.exact and structure.supports(k):
            self._use()
            return structure.search(queries, k, allowed)
        if entered is not None:
            allowed = Allowed(entered if allowed is None else entered & allowed.mask)
        if allowed is not None and 0 < len(queries) <= _ONE_BY_ONE and k <= allowed.count:
            self._use(allowed.rows)
            each = [rerank(self.vectors, query[None], allowed.rows[None], k) for query in queries]
            return np.concatenate([one[0] for one in each]), np.concatenate([one[1] for one in each])
        self._use()
        return exact_search(self.vectors, queries, k, allowed)


def beyond(row: int, rows: int) -> str:
    """Message for a row that the catalog names and a segment does not have."""
    return f"has {rows} rows, and the catalog names row {row} of it. {_SEE}"


def gather_vectors(segments: Sequence[Segment], places: Sequence[tuple[int, int]], dim: int) -> Floats:
    """Stored vectors `(N, dim) float32` at places (segment id, row), in their order.

    Raises:
        DamagedFileError: the vectors are damaged.
        IndexFolderError: a place does not exist.
    """
    matrix = np.empty((len(places), dim), dtype=np.float32)
    of, rows = np.array(places, dtype=np.int64).reshape(-1, 2).T
    require_places(segments, of, rows)
    for segment in segments:
        inside = np.flatnonzero(of == segment.id)
        if len(inside):
            matrix[inside] = segment.take(rows[inside])
    return matrix


def require_places(segments: Sequence[Segment], of: Sequence[int] | Rows, rows: Sequence[int] | Rows) -> None:
    """Raise IndexFolderError unless all places exist; `of` holds the ids of the segments of `rows`."""
    sizes = {segment.id: len(segment.vectors) for segment in segments}
    ids, places = np.asarray(of, dtype=np.int64), np.asarray(rows, dtype=np.int64)
    known = np.zeros(len(ids), dtype=np.bool_)
    for key in sizes:
        known |= ids == key
    if not known.all():
        raise IndexFolderError(f"there is no segment {ids[~known][0]}, which the catalog names. {_SEE}")
    for key, size in sizes.items():
        inside = places[ids == key]
        if len(inside) and (inside.min() < 0 or inside.max() >= size):
            raise IndexFolderError(f"segment {key} has no row {inside.max()}, which the catalog names. {_SEE}")


def exact_search(vectors: Floats, queries: Floats, k: int, allowed: Mask | Allowed | None) -> tuple[Floats, Rows]:
    """Search with the flat kind, which is exact."""
    return index_class("flat")().build(vectors).search(queries, k, allowed)


def write_segment(folder: Path, vectors: Floats, structure: VectorIndex) -> tuple[str, str | None, list[FileRecord]]:
    """Write the files of a segment into an index folder, synced under their final names.

    Returns:
        The name of the file of vectors, that of the structure (None for a kind that is not stored), and the records
        of both files for the catalog.
    """
    records = [write_vectors(folder, _new_name(folder, "npy"), vectors)]
    if structure.stored:
        records.append(write_structure(folder, structure))
    return records[0].name, records[1].name if structure.stored else None, records


def write_structure(folder: Path, structure: VectorIndex) -> FileRecord:
    """Write a structure into an index folder, synced under its final name; return its record for the catalog."""
    name = _new_name(folder, structure.kind)
    structure.save(folder / name)
    return seal_structure(folder, name)


def _new_name(folder: Path, suffix: str) -> str:
    """A unique name in the folder of segments, which is created if needed."""
    make_folder(folder / SEGMENTS_FOLDER)
    return f"{SEGMENTS_FOLDER}/{uuid.uuid4().hex}.{suffix}"


def open_segment(
    folder: Path, record: SegmentRecord, files: dict[str, FileRecord], dim: int, dead: Sequence[int], device: str
) -> Segment:
    """Map the vectors of a segment and load its structure, whose checksums are verified before it is parsed.

    Raises:
        IndexFolderError: a file is missing, truncated, or does not match its record in the catalog.
    """
    vectors, guard = map_guarded(folder, named_file(folder, files, record.vectors), (record.rows, dim))
    kind = structure_class(folder, record)
    if len(dead) and max(dead) >= record.rows:
        raise IndexFolderError(f"{folder}: segment {record.id} {beyond(max(dead), record.rows)}")
    if kind.reads_vectors or device == "cuda":
        guard.use()
    if record.structure is None:
        structure: VectorIndex = kind(device=device, **record.parameters).build(vectors)
    else:
        verify_structure(folder, named_file(folder, files, record.structure))
        structure = kind.load(folder / record.structure, vectors, device=device, **record.parameters)
    measured = None if record.tuning is None else record.tuning.exact_rows
    return Segment(record.id, vectors, structure, dead, guard, measured)


def structure_class(folder: Path, record: SegmentRecord) -> type[VectorIndex]:
    """The class of a segment's structure.

    Raises:
        DamagedFileError: the kind does not exist, or its file is missing although it needs one, or the reverse.
    """
    if record.kind not in KINDS:
        raise DamagedFileError(folder, f"segment {record.id} has the kind {record.kind!r}, which does not exist", _SEE)
    kind = index_class(record.kind)
    if kind.stored != (record.structure is not None):
        wrong = f"segment {record.id} of kind {record.kind} has {'no' if kind.stored else 'a'} structure"
        raise DamagedFileError(folder, wrong, _SEE)
    return kind


def named_file(folder: Path, files: Mapping[str, FileRecord], name: str) -> FileRecord:
    """The record of a file that a segment needs; raises DamagedFileError if the catalog has none."""
    if name not in files:
        raise DamagedFileError(folder, f"its catalog names no file {name!r}, which a segment needs", _SEE)
    return files[name]


def map_guarded(folder: Path, record: FileRecord, shape: tuple[int, int]) -> tuple[Floats, BlockGuard]:
    """As `map_vectors`, and return a guard that verifies rows when they are first used."""
    vectors = map_vectors(folder, record, shape)
    return vectors, BlockGuard(folder / record.name, vectors, record.blocks)


def map_vectors(folder: Path, record: FileRecord, shape: tuple[int, int]) -> Floats:
    """Map a file of vectors into memory; checks size, shape and dtype here, and leaves the bytes to a guard."""
    path = require_inside(folder, record.name)
    try:
        if (size := require_regular(path).st_size) != record.bytes:
            raise DamagedFileError(path, f"damaged ({size} bytes instead of {record.bytes})")
        if shape[0] * shape[1] * 4 > size:
            raise DamagedFileError(path, f"does not hold {shape} float32")
        vectors: Floats = np.load(path, mmap_mode="r" if shape[0] else None, allow_pickle=False)
    except FileNotFoundError:
        raise DamagedFileError(path, "missing") from None
    except (OSError, ValueError, TypeError, SyntaxError, TokenError, MemoryError, OverflowError, BadZipFile) as error:
        raise DamagedFileError(path, f"cannot be read ({error})") from error
    if not isinstance(vectors, np.ndarray) or vectors.shape != shape or vectors.dtype != np.float32:
        raise DamagedFileError(path, f"does not hold {shape} float32")
    return vectors


def _live(rows: int, dead: Sequence[int]) -> Mask | None:
    if not len(dead):
        return None
    live = np.ones(rows, dtype=np.bool_)
    live[np.asarray(dead)] = False
    return live


def _both(one: Mask | None, other: Mask | None) -> Mask | None:
    """Rows of both masks; None is every row."""
    if one is None or other is None:
        return other if one is None else one
    return one & other


def _padded(queries: int, k: int) -> tuple[Floats, Rows]:
    return np.full((queries, k), np.inf, dtype=np.float32), np.full((queries, k), -1, dtype=np.int64)


def _widen(distances: Floats, rows: Rows, k: int) -> tuple[Floats, Rows]:
    if distances.shape[1] == k:
        return distances, rows
    wide, wide_rows = _padded(len(rows), k)
    wide[:, : rows.shape[1]], wide_rows[:, : rows.shape[1]] = distances[:, :k], rows[:, :k]
    return wide, wide_rows
