"""What `benchmarks.search` asks of a library.

Each library is imported when it is built, and is only measured if that succeeds.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from search.types import Floats, Mask, Rows

LINKS, BUILD_EFFORT, K = 32, 100, 10
"""Graphs of all libraries have the same number of links, and consider as many candidates while they are built."""
GRAPH_EFFORTS = (16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512)
PROBES = (1, 2, 4, 8, 16, 32, 64, 128, 256)
FINE_PROBES = (8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384)
FACTORS = (1, 2, 4, 8, 16, 32)


class Library(ABC):
    """One library with one kind of index over unit rows `(N, D) float32`."""

    package: ClassVar[str]
    modules: ClassVar[tuple[str, ...]]
    """What to import before anything is measured."""
    efforts: tuple[int, ...] = (0,)
    """What to try, cheapest first."""

    def load(self) -> None:
        """Import the library; raises ImportError if it is missing."""
        for name in self.modules:
            imported(name)

    def build(self, vectors: Floats, masks: Mapping[str, Mask], work: Path) -> None:
        """Index the rows, with one boolean column per mask `(N,)`."""
        self._build(vectors, masks, work)

    def search(self, queries: Floats, effort: int, chosen: str | None) -> Rows:
        """The ten nearest rows `(Q, 10)`, of those that the column `chosen` marks; -1 for none.

        Raises:
            LookupError: the library has no filters.
        """
        return self._search(queries, effort, chosen)

    def version(self) -> str:
        """Installed version, or what was chosen."""
        return self._version()

    @abstractmethod
    def _build(self, vectors: Floats, masks: Mapping[str, Mask], work: Path) -> None:
        """As `build`."""

    @abstractmethod
    def _search(self, queries: Floats, effort: int, chosen: str | None) -> Rows:
        """As `search`."""

    def _version(self) -> str:
        try:
            return version(self.package)
        except PackageNotFoundError:
            return version(f"{self.package}-gpu")


def imported(name: str) -> Any:
    """An optional library; raises ImportError if it is missing."""
    return import_module(name)


def padded(found: list[list[int]]) -> Rows:
    """Lists of at most ten rows as an array, with -1 for none."""
    rows = np.full((len(found), K), -1, dtype=np.int64)
    for place, each in enumerate(found):
        rows[place, : len(each)] = each[:K]
    return rows
