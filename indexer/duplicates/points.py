"""Read the distinct vectors of a collection: files with the same bytes, or the same vector, are one point."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from search.store.segments import require_places

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray

    from search.engine import SearchEngine
    from search.query.query import Where
    from search.store.records import PlacedRecord
    from search.store.segments import Segment
    from search.types import Floats

_PAGE = 20_000
"""Number of pictures read from the catalog at a time."""


@dataclass(frozen=True, slots=True)
class Points:
    """N points and their P pictures; the vectors stay in the files of the segments."""

    segments: tuple[Segment, ...]
    segment: NDArray[np.int32]
    """`(N,)`: which of `segments` holds the vector."""
    row: NDArray[np.int64]
    """`(N,)`: the row of the vector in its segment."""
    pixels: NDArray[np.int64]
    """`(N,)`: pixels of the point's largest picture."""
    bytes: NDArray[np.int64]
    """`(N,)`: size of the largest file among those with the most pixels."""
    content: list[str]
    """`(N,)`: the smallest content hash of the point's files; unique."""
    picture: NDArray[np.int64]
    """`(P,)`: ids, ascending."""
    picture_point: NDArray[np.int64]
    """`(P,)`: the point of each picture."""
    picture_segment: NDArray[np.int32]
    """`(P,)`: as `segment`."""
    picture_row: NDArray[np.int64]

    def __len__(self) -> int:
        """Number of points."""
        return len(self.row)

    def vectors(self, points: NDArray[np.int64]) -> Floats:
        """Read vectors, `(M, D) float32` in the order of `points`; raises DamagedFileError if they are damaged."""
        dim = self.segments[0].vectors.shape[1]
        vectors = np.empty((len(points), dim), dtype=np.float32)
        segments = self.segment[points]
        for number in np.unique(segments).tolist():
            mine = segments == number
            vectors[mine] = self.segments[number].take(self.row[points[mine]])
        return vectors

    def of_rows(self, number: int) -> NDArray[np.int64]:
        """The point of each row of a segment; -1 for a row without a chosen picture."""
        of = np.full(len(self.segments[number].vectors), -1, dtype=np.int64)
        mine = self.picture_segment == number
        of[self.picture_row[mine]] = self.picture_point[mine]
        return of


def read_points(
    engine: SearchEngine,
    where: Where | None = None,
    *,
    contents_only: bool = False,
    advance: Callable[[int], None] | None = None,
) -> Points:
    """Read the pictures of an index, and join those with the same bytes or the same vector.

    Args:
        engine: an open index.
        where: filter; only these pictures are read.
        contents_only: read only pictures that share their bytes with another, from the catalog; vectors are not read.
        advance: called with the number of pictures read.

    Raises:
        IndexFolderError: the catalog names segments or rows that do not exist.
    """
    segments = engine.segments
    numbers = {segment.id: number for number, segment in enumerate(segments)}
    masks = [engine.chosen(segment, where) for segment in segments]
    gathered = _Gathered()
    for page in _pages(engine, shared=contents_only):
        require_places(segments, [record.segment for record in page], [record.row for record in page])
        records = []
        for record in page:
            mask = masks[numbers[record.segment]]
            if mask is None or mask[record.row]:
                records.append(record)
        keys = _contents(records) if contents_only else _keys(records, segments, numbers, gathered.of_content)
        for record, key in zip(records, keys, strict=True):
            gathered.add(record, numbers[record.segment], key)
        if advance is not None:
            advance(len(page))
    return gathered.points(segments)


def _pages(engine: SearchEngine, *, shared: bool) -> Iterator[list[PlacedRecord]]:
    last = 0
    while page := engine.catalog.places.records(after=last, limit=_PAGE, shared=shared):
        yield page
        last = page[-1].id


def _contents(records: Sequence[PlacedRecord]) -> list[bytes]:
    return [record.content.encode() or b"id %d" % record.id for record in records]


def _keys(
    records: Sequence[PlacedRecord], segments: Sequence[Segment], numbers: dict[int, int], known: dict[str, int]
) -> list[bytes]:
    """Digest of the vector of each picture; empty if its content is already known."""
    keys = [b""] * len(records)
    for number, segment in enumerate(segments):
        new = [
            place
            for place, record in enumerate(records)
            if numbers[record.segment] == number and record.content not in known
        ]
        if new:
            vectors = segment.take([records[place].row for place in new]) + np.float32(0.0)  # -0 becomes 0
            for place, vector in zip(new, vectors, strict=True):
                keys[place] = hashlib.blake2b(vector.tobytes(), digest_size=16).digest()
    return keys


class _Gathered:
    """Collects points in Python lists."""

    def __init__(self) -> None:
        self.of_content: dict[str, int] = {}
        self.of_key: dict[bytes, int] = {}
        self.places: list[tuple[int, int]] = []
        self.largest: list[tuple[int, int]] = []
        self.content: list[str] = []
        self.pictures: list[tuple[int, int, int, int]] = []

    def add(self, record: PlacedRecord, number: int, key: bytes) -> None:
        """Add a picture to the point with its content, or with its vector, or to a new point."""
        point = self.of_content.get(record.content)
        if point is None:
            point = self.of_key.setdefault(key, len(self.places))
        if point == len(self.places):
            self.places.append((number, record.row))
            self.largest.append((record.pixels, record.bytes))
            self.content.append(record.content)
        self.largest[point] = max(self.largest[point], (record.pixels, record.bytes))
        self.content[point] = min(self.content[point], record.content)
        if record.content:  # empty for imported vectors without files
            self.of_content[record.content] = point
        self.pictures.append((record.id, point, number, record.row))

    def points(self, segments: tuple[Segment, ...]) -> Points:
        """Convert to arrays."""
        places = np.array(self.places, dtype=np.int64).reshape(-1, 2)
        largest = np.array(self.largest, dtype=np.int64).reshape(-1, 2)
        pictures = np.array(self.pictures, dtype=np.int64).reshape(-1, 4)
        return Points(
            segments,
            places[:, 0].astype(np.int32),
            places[:, 1],
            largest[:, 0],
            largest[:, 1],
            self.content,
            pictures[:, 0],
            pictures[:, 1],
            pictures[:, 2].astype(np.int32),
            pictures[:, 3],
        )
