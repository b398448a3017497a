"""The distinct vectors of a collection: files of the same bytes, and pictures of the same vector, are one point."""

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
"""Pictures read from the catalog at once."""


@dataclass(frozen=True, slots=True)
class Points:
    """N points and the P pictures at them, small arrays only: the vectors stay in their segments' files."""

    segments: tuple[Segment, ...]
    segment: NDArray[np.int32]
    """`(N,)`: which of `segments` holds the vector."""
    row: NDArray[np.int64]
    """`(N,)`: and in which row."""
    pixels: NDArray[np.int64]
    """`(N,)`: of the largest picture there."""
    bytes: NDArray[np.int64]
    """`(N,)`: of the largest file among those of most pixels."""
    content: list[str]
    """`(N,)`: the smallest hash of the files there, which no other point has."""
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
        """Read vectors, `(M, D) float32` in the order of `points`; raises DamagedFileError where they are damaged."""
        dim = self.segments[0].vectors.shape[1]
        found = np.empty((len(points), dim), dtype=np.float32)
        places = self.segment[points]
        for number in np.unique(places).tolist():
            mine = places == number
            found[mine] = self.segments[number].take(self.row[points[mine]])
        return found

    def of_rows(self, number: int) -> NDArray[np.int64]:
        """For each row of a segment its point, -1 where no picture that counts is."""
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
    """Read which pictures an index holds, and join those that nothing tells apart.

    Args:
        engine: an open index.
        where: only these pictures.
        contents_only: only pictures that share their bytes with another (the catalog knows them), joined by their
            bytes alone; vectors are not looked at.
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
    """A digest of the vector of each picture; empty where its content is known already."""
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
    """Points as they are found, in Python's lists."""

    def __init__(self) -> None:
        self.of_content: dict[str, int] = {}
        self.of_key: dict[bytes, int] = {}
        self.places: list[tuple[int, int]] = []
        self.largest: list[tuple[int, int]] = []
        self.content: list[str] = []
        self.pictures: list[tuple[int, int, int, int]] = []

    def add(self, record: PlacedRecord, number: int, key: bytes) -> None:
        """Put a picture to the point of its content, else of its vector, else to a new one."""
        point = self.of_content.get(record.content)
        if point is None:
            point = self.of_key.setdefault(key, len(self.places))
        if point == len(self.places):
            self.places.append((number, record.row))
            self.largest.append((record.pixels, record.bytes))
            self.content.append(record.content)
        self.largest[point] = max(self.largest[point], (record.pixels, record.bytes))
        self.content[point] = min(self.content[point], record.content)
        if record.content:  # of vectors that came without files nobody knows the bytes
            self.of_content[record.content] = point
        self.pictures.append((record.id, point, number, record.row))

    def points(self, segments: tuple[Segment, ...]) -> Points:
        """All of them as arrays."""
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
