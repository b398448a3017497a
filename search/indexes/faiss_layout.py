"""Verify the files of FAISS structures before FAISS reads them.

FAISS checks that a file does not end too early, and little else: a search follows any link, even out of its memory, and
nested structures are read to any depth. This module compares every count, link and row number with the segment's
entry in the catalog. A graph of a million rows and 64 links takes about half a second.
Source: faiss/impl/index_read.cpp.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from search.indexes.file_layout import FileLayout, require

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

_L2 = 1
_AT_ONCE = 1 << 22
"""Links checked at a time, so that no copy as large as the file is made."""
_MOST_LEVELS = 256
_BLOCK = 32
"""Rows whose 4-bit codes lie together."""


def check_hnsw(path: Path, rows: int, dim: int, links: int) -> None:
    """Verify a graph over `(rows, dim)` with `links` links per row (`M`), stored without its vectors.

    Raises:
        ValueError: it is another structure, or refers outside its own bounds.
    """
    file = FileLayout(path)
    file.expect("<4s", b"IHNf")
    graph = _graph(file, rows, dim, links)
    file.expect("<4s", b"null")
    file.end()
    graph.check(rows)


def check_hnsw8(path: Path, rows: int, dim: int, links: int) -> None:
    """Verify a graph with its 8-bit vectors; raises ValueError as `check_hnsw`."""
    file = FileLayout(path)
    file.expect("<4s", b"IHNs")
    graph = _graph(file, rows, dim, links)
    file.expect("<4s", b"IxSQ")
    _header(file, rows, dim)
    file.expect("<2if2Q", 0, 0, 0.0, dim, dim)  # QT_8bit, RS_minmax without a margin, one byte per dimension
    _vector(file, "<f4", 2 * dim if rows else 0, exactly=True)
    _vector(file, "u1", rows * dim, exactly=True)
    file.end()
    graph.check(rows)


def check_ivf(path: Path, rows: int, dim: int, clusters: int) -> None:
    """Verify clusters of uncompressed vectors; raises ValueError as `check_hnsw`."""
    file = FileLayout(path)
    file.expect("<4s", b"IwFl")
    _clusters(file, rows, dim, clusters, clusters if rows else 0)
    _lists(file, rows, clusters, 4 * dim)


def check_ivfpq(path: Path, rows: int, dim: int, clusters: int, parts: int, bits: int) -> None:
    """Verify clusters of codes with `parts` parts of `bits` bits; raises ValueError as `check_hnsw`."""
    file = FileLayout(path)
    file.expect("<4s", b"IwPQ")
    _clusters(file, rows, dim, clusters, clusters if rows else 0)
    code = (parts * bits + 7) // 8
    file.expect("<?Q", True, code)
    file.expect("<3Q", dim, parts, bits)
    _vector(file, "<f4", dim << bits, exactly=True)
    _lists(file, rows, clusters, code)


def check_codes4(path: Path, rows: int, dim: int, clusters: int, centroids: int, parts: int) -> None:
    """Verify clusters of codes of `parts` parts of 4 bits, in blocks of 32; raises ValueError as `check_hnsw`.

    `centroids` is 0 where clusters have none yet because there are no rows.
    """
    file = FileLayout(path)
    file.expect("<4s", b"IwPf")
    require(_clusters(file, rows, dim, clusters, centroids) == 1, "it searches more than one cluster")
    even = parts + parts % 2
    file.expect("<?Q", False, (parts + 1) // 2)
    file.expect("<iQiQ", _BLOCK, even, 0, 0)
    file.expect("<3Q", dim, parts, 4)
    _vector(file, "<f4", dim << 4, exactly=True)
    file.expect("<4sQQ2Q", b"ilbl", clusters, 2**64 - 1, _BLOCK, _BLOCK * even // 2)
    seen, held = np.zeros(rows, dtype=np.bool_), 0
    for _ in range(clusters):
        members = _vector(file, "<i8", rows - held)
        _mark(seen, members)
        held += len(members)
        _vector(file, "u1", -(-len(members) // _BLOCK) * _BLOCK * even // 2, exactly=True)
    require(seen.all() and held == rows, "its clusters do not hold every row once")
    file.end()


@dataclass(frozen=True, slots=True)
class _Graph:
    """The parts of a graph that a walk follows."""

    neighbours: NDArray[Any]
    offsets: NDArray[np.int64]
    levels: NDArray[np.int64]
    begins: NDArray[np.int64]
    entry: int
    top: int

    def check(self, rows: int) -> None:
        """Verify the links and the entry; raises ValueError."""
        _check_links(self.neighbours, rows)
        if rows == 0:
            require((self.entry, self.top) == (-1, -1), "an empty graph has an entry")
            return
        on_top = 0 <= self.entry < rows and self.levels[self.entry] == self.top + 1 == self.levels.max()
        require(on_top, "its entry is not on its highest level")
        _check_levels(self.neighbours, self.offsets, self.levels, self.begins)


def _graph(file: FileLayout, rows: int, dim: int, links: int) -> _Graph:
    """Read the header and the graph, and verify its sizes."""
    _header(file, rows, dim)
    _vector(file, "<f8", _MOST_LEVELS)
    begins = _vector(file, "<i4", _MOST_LEVELS).astype(np.int64)
    require(len(begins) >= 2 and begins[0] == 0 and begins[1] == 2 * links, "its levels have another number of links")
    require((np.diff(begins[1:]) == links).all(), "its levels have another number of links")
    levels = _vector(file, "<i4", rows, exactly=True).astype(np.int64)
    require(rows == 0 or 1 <= levels.min() <= levels.max() < len(begins), "a row is on a level that does not exist")
    offsets = _vector(file, "<u8", rows + 1, exactly=True).astype(np.int64)
    require(offsets[0] == 0 and (np.diff(offsets) == begins[levels]).all(), "the links of its rows are not consecutive")
    neighbours = _vector(file, "<i4", int(offsets[-1]), exactly=True)
    entry, top, _, _, _ = file.values("<5i")
    return _Graph(neighbours, offsets, levels, begins, entry, top)


def _header(file: FileLayout, rows: int, dim: int) -> None:
    found_dim, found_rows, _, _, trained, metric = file.values("<iqqq?i")
    require((found_rows, found_dim) == (rows, dim), f"it holds {found_rows} vectors of {found_dim}")
    require((trained or rows == 0) and metric == _L2, "it is not trained, or uses another metric")


def _vector(file: FileLayout, dtype: str, most: int, *, exactly: bool = False) -> NDArray[Any]:
    count = file.value("<Q")
    require(count == most or (count < most and not exactly), f"it has {count} entries where at most {most} are valid")
    return file.array(dtype, count)


def _clusters(file: FileLayout, rows: int, dim: int, clusters: int, centroids: int) -> int:
    """Verify the centroids, and return the number of clusters that a search visits unless it says how many."""
    _header(file, rows, dim)
    require((count := file.value("<Q")) == clusters, f"it has {count} clusters, not {clusters}")
    probes: int = file.value("<Q")
    file.expect("<4s", b"IxF2")
    _header(file, centroids, dim)
    _vector(file, "<f4", centroids * dim, exactly=True)
    file.expect("<bQ", 0, 0)  # no map from rows to clusters
    return probes


def _lists(file: FileLayout, rows: int, clusters: int, code: int) -> None:
    file.expect("<4sQQ", b"ilar", clusters, code)
    seen = np.zeros(rows, dtype=np.bool_)
    sizes = _list_sizes(file, clusters)
    require(sum(sizes) == rows, "its clusters do not hold every row once")
    for size in sizes:
        file.array(np.uint8, size * code)
        _mark(seen, file.array("<i8", size))
    require(seen.all(), "its clusters do not hold every row once")
    file.end()


def _mark(seen: NDArray[np.bool_], members: NDArray[Any]) -> None:
    """Mark the rows of a cluster as seen."""
    inside = len(members) == 0 or 0 <= members.min() <= members.max() < len(seen)
    require(inside, "a cluster holds a row that does not exist")
    seen[members] = True


def _list_sizes(file: FileLayout, clusters: int) -> list[int]:
    """Number of rows of each cluster: of all clusters or, if many are empty, of those that are not."""
    how = file.value("<4s")
    if how == b"full":
        return [int(size) for size in _vector(file, "<u8", clusters, exactly=True)]
    require(how == b"sprs", "its clusters are stored in another way")
    pairs = _vector(file, "<u8", 2 * clusters)
    require(len(pairs) % 2 == 0, "its cluster counts are wrong")
    which, sizes = pairs[::2], pairs[1::2]
    require(
        len(which) == 0 or (which.max() < clusters and (np.diff(which.astype(np.int64)) > 0).all()),
        "its cluster counts are wrong",
    )
    return [int(size) for size in sizes]


def _check_links(neighbours: NDArray[Any], rows: int) -> None:
    for start in range(0, len(neighbours), _AT_ONCE):
        part = neighbours[start : start + _AT_ONCE]
        require(part.min() >= -1 and part.max() < rows, "a link leads to a row that does not exist")


def _check_levels(
    neighbours: NDArray[Any], offsets: NDArray[np.int64], levels: NDArray[np.int64], begins: NDArray[np.int64]
) -> None:
    """Check that links above the lowest level lead to rows that are on this level too, where a walk continues."""
    for level in range(1, int(levels.max())):
        places = offsets[:-1][levels > level][:, None] + np.arange(begins[level], begins[level + 1])
        linked = neighbours[places]
        require((levels[linked[linked >= 0]] > level).all(), "a link leads to a row that is not on its level")
