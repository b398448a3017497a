"""The contract of every index kind."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from search.errors import QueryError, UnsupportedError

if TYPE_CHECKING:
    from pathlib import Path

    from search.types import Floats, Mask, Rows


class VectorIndex(ABC):
    """A structure over the rows of one block of unit vectors `(N, D) float32`.

    The public methods check and convert; a subclass writes the ones with an underscore. `search` always returns
    Euclidean distances, ascending, whatever the library underneath computes.
    """

    kind: ClassVar[str]
    exact: ClassVar[bool] = False
    devices: ClassVar[frozenset[str]] = frozenset({"cpu"})
    """Where this kind can live: a subset of {"cpu", "cuda"}."""
    max_k: int | None = None
    """Most neighbours one search can ask for on the present device; None for no limit."""

    dim: int
    size: int

    def __init__(self, *, device: str = "cpu", **parameters: Any) -> None:
        """Prepare an empty structure; `parameters` are the kind's own (see its docstring).

        Raises:
            UnsupportedError: the kind cannot live on this device.
        """
        if device not in self.devices:
            raise UnsupportedError(
                f"index kind {self.kind!r} has no {device} version: use --device cpu, or one of the kinds that do"
            )
        self.device = device
        self.parameters: dict[str, Any] = parameters
        self.size = 0
        self.dim = 0

    @classmethod
    def effort_ladder(cls, rows: int) -> tuple[int, ...]:
        """Values of `effort` to try, cheapest first, when tuning for a recall; empty for an exact kind."""
        return ()

    @property
    def effort(self) -> int | None:
        """What a search spends (efSearch, nprobe); None where there is nothing to choose."""
        return None

    @effort.setter
    def effort(self, value: int) -> None:
        raise UnsupportedError(f"index kind {self.kind!r} has no search effort to set")

    def supports(self, *, filtering: bool = False, k: int = 1) -> bool:
        """Whether `search` can be asked for this: row filters, and k neighbours, on the present device."""
        return self.max_k is None or k <= self.max_k

    def build(self, vectors: Floats) -> Self:
        """Index the rows of `(N, D) float32`, N >= 0."""
        if vectors.ndim != 2 or vectors.dtype != np.float32:
            raise QueryError(f"vectors must be (N, D) float32, not {vectors.shape} {vectors.dtype}")
        self.size, self.dim = int(vectors.shape[0]), int(vectors.shape[1])
        self._build(np.ascontiguousarray(vectors))
        return self

    def search(self, queries: Floats, k: int, allowed: Mask | None = None) -> tuple[Floats, Rows]:
        """Find the k nearest rows of each query.

        Args:
            queries: `(Q, D) float32` unit rows.
            k: at least 1; more than there are rows is fine.
            allowed: `(N,) bool`; only rows that are True may be answered.

        Returns:
            distances `(Q, k) float32` ascending, padded with inf; rows `(Q, k) int64`, padded with -1.

        Raises:
            QueryError: k < 1, or shapes that do not fit.
            UnsupportedError: what `supports` says no to.
        """
        if k < 1:
            raise QueryError(f"k must be at least 1, not {k}")
        if queries.ndim != 2 or queries.shape[1] != self.dim:
            raise QueryError(f"queries must be (Q, {self.dim}), not {queries.shape}")
        if allowed is not None and allowed.shape != (self.size,):
            raise QueryError(f"allowed must be ({self.size},), not {allowed.shape}")
        if not self.supports(filtering=allowed is not None, k=k):
            raise UnsupportedError(self._why_not(filtering=allowed is not None, k=k))
        distances = np.full((len(queries), k), np.inf, dtype=np.float32)
        rows = np.full((len(queries), k), -1, dtype=np.int64)
        reachable = min(k, self.size if allowed is None else int(np.count_nonzero(allowed)))
        if len(queries) and reachable:
            found = self._search(np.ascontiguousarray(queries, dtype=np.float32), reachable, allowed)
            distances[:, :reachable], rows[:, :reachable] = found
            distances[rows == -1] = np.inf
        return distances, rows

    def _why_not(self, *, filtering: bool, k: int) -> str:
        if self.max_k is not None and k > self.max_k:
            return f"index kind {self.kind!r} on {self.device} answers at most k={self.max_k}, not {k}: use --device cpu"
        return f"index kind {self.kind!r} on {self.device} cannot filter rows: use --device cpu"

    @abstractmethod
    def _build(self, vectors: Floats) -> None: ...

    @abstractmethod
    def _search(self, queries: Floats, k: int, allowed: Mask | None) -> tuple[Floats, Rows]:
        """As `search`, with 1 <= k <= rows allowed; may pad with -1 where an approximate search found fewer."""

    @abstractmethod
    def save(self, path: Path) -> None:
        """Write the structure to one file, as a CPU index that any machine opens."""

    @classmethod
    @abstractmethod
    def load(cls, path: Path, vectors: Floats, *, device: str = "cpu", **parameters: Any) -> Self:
        """Read back what `save` wrote, onto `device`; `vectors` are the rows that it was built over."""
