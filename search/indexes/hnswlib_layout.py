"""Verify the files of hnswlib graphs before hnswlib reads them, because it trusts every size, link and label.

A graph of a million rows and 64 links takes about half a second.
Source: hnswlib/hnswalg.h, `saveIndex`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from search.indexes.file_layout import FileLayout, require

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

_HEADER = "<6QiI3QdQ"
"""Offset, capacity, rows, bytes per row, offsets of label and vector, levels, entry, maxM, maxM0, M, mult, ef."""
_NO_ENTRY = 0xFFFFFFFF
_ROWS_AT_ONCE = 1 << 16


def check_hnswlib(path: Path, rows: int, dim: int, links: int) -> None:
    """Verify a graph and its labels over `(rows, dim)` with `links` links per row (`M`).

    Raises:
        ValueError: it is another structure, or refers outside its own bounds.
    """
    file = FileLayout(path)
    low = 4 + 4 * 2 * links
    size = low + 4 * dim + 8
    offset, capacity, held, row_bytes, label, vector, top, entry, most, most_low, has_links, _, _ = file.values(_HEADER)
    expected = (0, max(1, rows), rows, size, size - 8, low, links, 2 * links, links)
    header = (offset, capacity, held, row_bytes, label, vector, most, most_low, has_links)
    require(header == expected, "its header is invalid, or that of another index")
    records = file.array(np.uint8, rows * size).reshape(rows, size)
    _check_labels(records[:, -8:], rows)
    for start in range(0, rows, _ROWS_AT_ONCE):
        part = np.ascontiguousarray(records[start : start + _ROWS_AT_ONCE, :low]).view("<u4")
        _check_links(part, rows, 2 * links)
    levels, lists, of_level = _upper_links(file.rest(), rows, links)
    if rows == 0:
        require((top, entry) == (-1, _NO_ENTRY), "an empty graph has an entry")
        return
    require(entry < rows and levels[entry] == top == levels.max(), "its entry is not on its highest level")
    linked = _check_links(lists, rows, links)
    reached = levels[np.where(linked, lists[:, 1:], entry)]
    require((reached >= of_level[:, None])[linked].all(), "a link leads to a row that is not on its level")


def _check_labels(stored: NDArray[np.uint8], rows: int) -> None:
    labels = np.ascontiguousarray(stored).view("<u8").reshape(-1)
    require(rows == 0 or labels.max() < rows, "a label refers to a row that does not exist")
    seen = np.zeros(rows, dtype=np.bool_)
    seen[labels.astype(np.int64)] = True
    require(seen.all(), "two rows have the same label")


def _check_links(lists: NDArray[Any], rows: int, most: int) -> NDArray[np.bool_]:
    """Verify lists `(n, 1 + most) uint32`, each a count and then links; return which places hold a link."""
    counts = lists[:, 0]
    require(len(lists) == 0 or counts.max() <= most, "a row has more links than fit, or is marked as deleted")
    linked: NDArray[np.bool_] = np.arange(most) < counts[:, None]
    require((lists[:, 1:] < rows)[linked].all(), "a link leads to a row that does not exist")
    return linked


def _upper_links(data: NDArray[np.uint8], rows: int, links: int) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    """The levels `(rows,)`; lists `(n, 1 + links)` above the lowest level, and the level `(n,)` of each list.

    Each row states how many bytes of links follow, which is 0 for most. Only the others are visited one by one.
    """
    require(len(data) % 4 == 0, "it ends too early")
    words = data.view("<u4") if data.flags.c_contiguous else np.ascontiguousarray(data).view("<u4")
    width = 1 + links
    levels, starts = np.zeros(rows, dtype=np.int64), []
    used = np.flatnonzero(words)
    row = place = 0
    while (at := int(np.searchsorted(used, place))) < len(used):
        row, place = row + int(used[at]) - place, int(used[at])
        level, remainder = divmod(int(words[place]), 4 * width)
        require(row < rows and remainder == 0 and level < 256, "it declares more than it holds")
        levels[row] = level
        starts.append((place + 1, level))
        row, place = row + 1, place + 1 + level * width
        require(place <= len(words), "it ends too early")
    require(len(words) - place == rows - row, "it ends too early, or more data follows its end")
    first = [start + width * step for start, level in starts for step in range(level)]
    of_level = np.array([step + 1 for _, level in starts for step in range(level)], dtype=np.int64)
    lists = words[np.array(first, dtype=np.int64)[:, None] + np.arange(width)]
    return levels, lists, of_level
