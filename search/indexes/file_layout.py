"""A file of a structure, read piece by piece before a library parses it: the libraries believe its sizes and links."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import DTypeLike, NDArray


class FileLayout:
    """A cursor over a mapped file. Every method raises ValueError where the file does not go on as it should."""

    def __init__(self, path: Path) -> None:
        """Map a file."""
        self._data: NDArray[np.uint8] = np.memmap(path, np.uint8, "r") if path.stat().st_size else np.empty(0, np.uint8)
        self._place = 0

    def values(self, layout: str) -> tuple[Any, ...]:
        """Plain values, as `struct` packs them."""
        shape = struct.Struct(layout)
        return shape.unpack(self.array(np.uint8, shape.size).tobytes())

    def value(self, layout: str) -> Any:
        """One plain value."""
        return self.values(layout)[0]

    def expect(self, layout: str, *wanted: Any) -> None:
        """Values that can only be these."""
        if (found := self.values(layout)) != wanted:
            raise ValueError(f"it holds {_words(found)} where {_words(wanted)} belongs")

    def array(self, dtype: DTypeLike, count: int) -> NDArray[Any]:
        """So many numbers; a view of the file where their place allows."""
        size = np.dtype(dtype).itemsize * count
        if not 0 <= size <= len(self._data) - self._place:
            raise ValueError("it ends too early, or counts more than it holds")
        found = np.frombuffer(self._data, dtype, count, self._place) if count else np.empty(0, dtype)
        self._place += size
        return found

    def rest(self) -> NDArray[np.uint8]:
        """All bytes that are left."""
        return self.array(np.uint8, len(self._data) - self._place)

    def end(self) -> None:
        """Nothing may follow."""
        if self._place != len(self._data):
            raise ValueError("more follows its end")


def require(sound: Any, wrong: str) -> None:
    """Raise ValueError, saying what is wrong, unless something is sound."""
    if not sound:
        raise ValueError(wrong)


def _words(values: tuple[Any, ...]) -> str:
    return ", ".join(repr(value) for value in values)
