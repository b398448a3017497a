"""Read the file of a structure part by part before a library parses it, because libraries trust its sizes and links."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import DTypeLike, NDArray


class FileLayout:
    """A cursor over a mapped file. Every method raises ValueError if the file does not continue as expected."""

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

    def expect(self, layout: str, *expected: Any) -> None:
        """Require these exact values."""
        if (actual := self.values(layout)) != expected:
            raise ValueError(f"it holds {_words(actual)} instead of {_words(expected)}")

    def array(self, dtype: DTypeLike, count: int) -> NDArray[Any]:
        """Read `count` numbers, as a view of the file if their alignment allows."""
        size = np.dtype(dtype).itemsize * count
        if not 0 <= size <= len(self._data) - self._place:
            raise ValueError("it ends too early, or declares more than it holds")
        numbers = np.frombuffer(self._data, dtype, count, self._place) if count else np.empty(0, dtype)
        self._place += size
        return numbers

    def rest(self) -> NDArray[np.uint8]:
        """All remaining bytes."""
        return self.array(np.uint8, len(self._data) - self._place)

    def end(self) -> None:
        """Require the end of the file."""
        if self._place != len(self._data):
            raise ValueError("more data follows its end")


def require(sound: Any, wrong: str) -> None:
    """Raise ValueError with the message `wrong` unless `sound`."""
    if not sound:
        raise ValueError(wrong)


def _words(values: tuple[Any, ...]) -> str:
    return ", ".join(repr(value) for value in values)
