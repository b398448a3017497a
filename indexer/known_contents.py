"""Contents whose vectors need not be computed again: those of the index, living or removed, and those staged."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from search.catalog import Catalog


class KnownContents:
    """Content hash -> (width, height) in pixels; the catalog is asked for one at a time, whatever it holds.

    Usable from several threads: what one of them adds another may miss, and then reads a picture for nothing.
    """

    def __init__(self, catalog: Catalog | None, staged: dict[str, tuple[int, int]]) -> None:
        """Take the catalog, None where its vectors are of another encoder, and the staged contents."""
        self._catalog = catalog
        self._sizes = staged

    def __contains__(self, content: str) -> bool:
        """Whether the vector is there."""
        return content in self._sizes or self._found(content)

    def __getitem__(self, content: str) -> tuple[int, int]:
        """Size of a content that is known."""
        if content not in self._sizes and not self._found(content):
            raise KeyError(content)
        return self._sizes[content]

    def __setitem__(self, content: str, size: tuple[int, int]) -> None:
        self._sizes[content] = size

    def _found(self, content: str) -> bool:
        if self._catalog is None:
            return False
        found = self._catalog.embedded([content]).get(content)
        if found is not None:
            self._sizes[content] = (found.width, found.height)
        return found is not None
