"""Long sequences a part at a time: ids and paths bound in SQL, files looked up, pictures embedded."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterator

BOUND_VALUES = 500
"""Values bound in one `IN (...)`: SQLite's oldest limit is 999."""


class _Sliced(Protocol):
    def __len__(self) -> int: ...

    def __getitem__(self, part: slice, /) -> Any: ...


_Items = TypeVar("_Items", bound=_Sliced)


def chunks(items: _Items, size: int = BOUND_VALUES) -> Iterator[_Items]:
    """Slices of a list, tuple or array, each of `size` items but for the last."""
    for start in range(0, len(items), size):
        yield items[start : start + size]
