"""Split long sequences into chunks, such as ids bound in SQL or pictures embedded at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterator

BOUND_VALUES = 500
"""Values bound in one `IN (...)`; the lowest default limit of any SQLite version is 999."""


class _Sliced(Protocol):
    def __len__(self) -> int: ...

    def __getitem__(self, part: slice, /) -> Any: ...


_Items = TypeVar("_Items", bound=_Sliced)


def chunks(items: _Items, size: int = BOUND_VALUES) -> Iterator[_Items]:
    """Slices of a list, tuple or array, of `size` items each; the last one may be shorter."""
    for start in range(0, len(items), size):
        yield items[start : start + size]
