"""The interface of index kinds."""

from __future__ import annotations

from abc import ABC, abstractmethod
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, Self

import numpy as np

from search.counts import check_count
from search.errors import DamagedFileError, QueryError, UnsupportedError
from search.files.writing import replacing
from search.indexes.allowed import Allowed, allowed_of
from search.text import reason_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from search.types import Floats, Mask, Rows

    _Search = Callable[[Floats, int, Allowed | None], tuple[Floats, Rows]]

_MOST = 2**31 - 1
"""Maximum value of a parameter, because the libraries count in 32 bits."""
MOST_PADDED = 4_096
_NONE: Rows = np.empty(0, dtype=np.int64)
_EXACT_BYTES = 8 * 2**20
"""Vectors that are compared with a query in about the time of a search by a structure."""


class Candidates(NamedTuple):
    """Rows `(Q, C) int64` that may be the nearest, in any order; -1 where a search found fewer."""

    rows: Rows
    squares: Floats | None
    """Their squared distances `(Q, C) float32`, if the structure added them up from the vectors themselves."""


class VectorIndex(ABC):
    """A search structure over a block of unit vectors `(N, D) float32`.

    The public methods check and convert; subclasses implement the methods with an underscore. `search` always returns
    Euclidean distances, ascending, ties by row, whatever the library underneath computes. Several threads may search
    an index at once; building, loading and setting the effort must happen in a single thread.
    """

    kind: ClassVar[str]
    exact: ClassVar[bool] = False
    stored: ClassVar[bool] = True
    """Whether the structure needs its own file; False if `load` can rebuild it from `vectors`."""
    reads_vectors: ClassVar[bool] = False
    """Whether `load` passes all vectors to a library, so that they must be verified before."""
    trained: ClassVar[bool] = False
    """Whether `build` first learns centroids, codebooks or ranges from the rows."""
    squared: ClassVar[bool] = False
    """Whether `_search` returns squared distances."""
    devices: ClassVar[frozenset[str]] = frozenset({"cpu"})
    """Devices that this kind supports: a subset of {"cpu", "cuda"}."""
    defaults: ClassVar[Mapping[str, int | None]] = {}
    """The kind's parameters, all integers; None means that `build` chooses the value by the number of rows."""
    renamed: ClassVar[Mapping[str, str]] = {}
    """Names that parameters had in earlier versions, to those of today: accepted everywhere, and never written."""
    least: ClassVar[Mapping[str, int]] = {"seed": 0}
    """Minimum values of parameters, if not 1."""
    most: ClassVar[Mapping[str, int]] = {}
    """Maximum values of parameters, if not `_MOST`."""
    max_k: int | None = None
    """Maximum number of neighbours per search on the current device; None for no limit."""

    dim: int
    size: int

    def __init__(self, *, device: str = "cpu", **parameters: Any) -> None:
        """Prepare an empty structure; `parameters` are those of the kind (see its docstring).

        Raises:
            UnsupportedError: the kind does not support this device, parameter or value.
        """
        if device not in self.devices:
            raise UnsupportedError(
                f"index kind {self.kind!r} has no {device} version: use --device cpu, or a kind that has one"
            )
        self.check_parameters(parameters)
        given = {self.renamed.get(name, name): value for name, value in parameters.items()}
        self.device = device
        self._given_effort: int | None = given.get("effort")
        self.parameters: dict[str, Any] = {**self.defaults, **given}
        """After `build`, the values that were actually used, ready for JSON; `load` accepts them."""
        self.size = 0
        self.dim = 0
        self.entered: Mask | None = None
        """Rows `(N,)` that a search can find while others are held out; None for all."""
        self._file: Path | None = None
        """The file that the structure was loaded from."""

    @classmethod
    def check_parameters(cls, parameters: Mapping[str, Any]) -> None:
        """Check parameters of the kind before anything is built; raises UnsupportedError."""
        for name, value in parameters.items():
            cls._check_parameter(cls.renamed.get(name, name), value)

    @classmethod
    def _check_parameter(cls, name: str, value: Any) -> None:
        if name not in cls.defaults:
            known = ", ".join(cls.defaults) or "none"
            raise UnsupportedError(f"index kind {cls.kind!r} has no parameter {name!r}; it has: {known}")
        if value is None and cls.defaults[name] is None:
            return
        least, most = cls.least.get(name, 1), cls.most.get(name, _MOST)
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            upto = f" to {most}" if isinstance(value, int) and value > most else ""
            raise UnsupportedError(
                f"index kind {cls.kind!r}: {name} must be a whole number from {least}{upto}, not {value!r}"
            )

    def effort_ladder(self, rows: int) -> tuple[int, ...]:
        """Values of `effort` to try, cheapest first, when tuning for a recall; empty for an exact kind.

        If the structure was created with an effort, that one alone.
        """
        return self._efforts(rows) if self._given_effort is None else (self._given_effort,)

    def _efforts(self, rows: int) -> tuple[int, ...]:
        """As `effort_ladder`, if no effort was given."""
        return ()

    @classmethod
    def structure_bytes(cls, rows: int, dim: int, **parameters: Any) -> int:
        """Estimate the bytes of a structure over `(rows, dim)` vectors, in its file and in memory.

        The vectors themselves, which are mapped from their own file, are not counted. Raises as `__init__`.
        """
        index = cls(**parameters)
        index.size, index.dim = rows, dim
        return index._structure_bytes()

    def _structure_bytes(self) -> int:
        """As `structure_bytes`, of this number of rows with these parameters."""
        return 0

    @property
    def overfetch(self) -> int:
        """Number of candidates to fetch per neighbour, because they are re-ranked by the exact vectors."""
        return 1

    @property
    def effort(self) -> int | None:
        """The search effort (efSearch, nprobe, candidates per neighbour); None if the kind has none."""
        value: int | None = self.parameters.get("effort")
        return value

    @effort.setter
    def effort(self, value: int) -> None:
        if "effort" not in self.defaults:
            raise UnsupportedError(f"index kind {self.kind!r} has no search effort to set")
        self._check_parameter("effort", value)
        self.parameters["effort"] = value

    @property
    def exact_rows(self) -> int:
        """Rows of a filter up to which comparing them all is faster than this structure, where it was not measured."""
        return _EXACT_BYTES // (4 * self.dim)

    @property
    def exhaustive(self) -> bool:
        """Whether the effort is the largest that has an effect on the rows of this structure."""
        efforts = self._efforts(self.size)
        return not efforts or int(self.parameters["effort"]) >= efforts[-1]

    def supports(self, k: int) -> bool:
        """Whether `search` can answer with k neighbours on the present device."""
        return self.max_k is None or k <= self.max_k

    def build(self, vectors: Floats, *, held_out: Rows | None = None) -> Self:
        """Index the rows of `(N, D) float32`, N >= 0, D >= 1; an array that is not contiguous is copied.

        Args:
            vectors: the rows.
            held_out: distinct rows to leave out until `complete`, so that they can serve as new queries: a structure
                finds the neighbours of its own rows too easily. An exact kind, which is not tuned, adds them at once.

        Raises:
            QueryError: the shape or dtype is another.
            UnsupportedError: the device has no memory or no version for it.
        """
        rows, apart = self._measure(vectors), _NONE if held_out is None else np.asarray(held_out, dtype=np.int64)
        self._build(rows, apart)
        if len(apart) and not self.exact:
            self.entered = np.ones(self.size, dtype=np.bool_)
            self.entered[apart] = False
        return self

    def complete(self) -> None:
        """Add the rows that `build` left out."""
        self._complete()
        self.entered = None

    def _measure(self, vectors: Floats) -> Floats:
        if vectors.ndim != 2 or vectors.shape[1] == 0 or vectors.dtype != np.float32:
            raise QueryError(f"vectors must be (N, D) float32, not {vectors.shape} {vectors.dtype}")
        self.size, self.dim = int(vectors.shape[0]), int(vectors.shape[1])
        return np.ascontiguousarray(vectors)

    def search(self, queries: Floats, k: int, allowed: Mask | Allowed | None = None) -> tuple[Floats, Rows]:
        """Find the k nearest rows of each query.

        Args:
            queries: `(Q, D) float32` unit rows.
            k: at least 1; may exceed the number of rows.
            allowed: `(N,) bool`; only rows that are True may be returned. An `Allowed` saves time if it is used again.

        Returns:
            distances `(Q, k) float32` ascending, ties by row, padded with inf; rows `(Q, k) int64`, padded with -1.
            With fewer rows than k, at most `MOST_PADDED` columns, so that a large k does not allocate gigabytes.

        Raises:
            QueryError: k < 1, shapes do not match, or a query is not finite.
            UnsupportedError: `supports` is False.
            DamagedFileError: the file that the structure was loaded from led to rows that do not exist.
        """
        measured, found = self._found(queries, k, allowed, self._search)
        if self.squared:
            measured = np.minimum(np.sqrt(np.maximum(measured, 0)), np.float32(2.0))
        k, reachable = min(int(k), max(self.size, MOST_PADDED)), found.shape[1]
        distances = np.full((len(queries), k), np.inf, dtype=np.float32)
        rows = np.full((len(queries), k), -1, dtype=np.int64)
        distances[:, :reachable], rows[:, :reachable] = _in_order(measured, found)
        return distances, rows

    def candidates(self, queries: Floats, k: int, allowed: Mask | Allowed | None = None) -> Candidates:
        """At most k rows, for callers that measure and order them; raises as `search`.

        These are the rows that `search` would find. There are none for a query that the structure cannot answer well
        with this filter, because it leaves out what is near the query.
        """
        measured, rows = self._found(queries, k, allowed, self._search_candidates)
        return Candidates(rows, measured if self.squared and self._measures_vectors() else None)

    def _measures_vectors(self) -> bool:
        """Whether the squares of `_search` are float32 sums over the vectors themselves, not over codes of them."""
        return False

    def _found(self, queries: Floats, k: int, given: Mask | Allowed | None, search: _Search) -> tuple[Floats, Rows]:
        """As `search`, for any k and number of queries, with all checks."""
        allowed = allowed_of(given)
        self._check_search(queries, k, allowed)
        reachable = min(int(k), self.size if allowed is None else allowed.count)
        if not len(queries) or not reachable:
            return np.empty((len(queries), 0), dtype=np.float32), np.empty((len(queries), 0), dtype=np.int64)
        found = search(np.ascontiguousarray(queries, dtype=np.float32), reachable, allowed)
        self._check_rows(found[1])
        return found

    def _check_rows(self, rows: Rows) -> None:
        if (
            self._file is not None
            and not -1 <= np.minimum.reduce(rows, None) <= np.maximum.reduce(rows, None) < self.size
        ):
            raise DamagedFileError(self._file, f"returns rows that do not exist: it has only {self.size}")

    def _check_search(self, queries: Floats, k: int, allowed: Allowed | None) -> None:
        check_count("k", k)
        if queries.ndim != 2 or queries.shape[1] != self.dim:
            raise QueryError(f"queries must be (Q, {self.dim}), not {queries.shape}")
        if not np.isfinite(queries).all():
            raise QueryError("queries must be finite numbers")
        mask = None if allowed is None else allowed.mask
        if mask is not None and (mask.shape != (self.size,) or mask.dtype != np.bool_):
            raise QueryError(f"allowed must be ({self.size},) bool, not {mask.shape} {mask.dtype}")
        if not self.supports(k):
            raise UnsupportedError(
                f"index kind {self.kind!r} on {self.device} answers at most k={self.max_k}, not {k}: use --device cpu"
            )

    def save(self, path: Path) -> None:
        """Write the structure to one file, as a CPU index that any machine can open; atomic and synced.

        Raises:
            UnsupportedError: the kind is not `stored`, so there is nothing to write.
            OSError: the file cannot be written.
        """
        if not self.stored:
            raise UnsupportedError(f"index kind {self.kind!r} has no structure to save besides its vectors")
        with replacing(path) as aside:
            self._save(aside)

    @classmethod
    def load(cls, path: Path, vectors: Floats, *, device: str = "cpu", **parameters: Any) -> Self:
        """Load what `save` wrote onto `device`; a kind that is not `stored` is rebuilt, and `path` is ignored.

        Args:
            path: the file of `save`.
            vectors: the rows that it was built over; may be a read-only memory map, which must stay valid.
            device: "cpu" or "cuda".
            parameters: those of the saved index.

        Raises:
            DamagedFileError: the file is missing, truncated, not of this kind, was built over other vectors, or refers
                outside its own bounds. The caller's checksum must detect other changes in place beforehand.
        """
        index = cls(device=device, **parameters)
        rows = index._measure(vectors)
        if not cls.stored:
            index._build(rows, _NONE)
            return index
        with index._reading(path):
            index._check_file(path)
            index._load(path, rows)
        index._file = path
        return index

    @classmethod
    def audit(cls, path: Path, rows: int, dim: int, **parameters: Any) -> None:
        """Verify a file of `save` over `(rows, dim)` vectors without loading it; raises as `load`."""
        index = cls(**parameters)
        index.size, index.dim = rows, dim
        with index._reading(path):
            index._check_file(path)

    @contextmanager
    def _reading(self, path: Path) -> Iterator[None]:
        try:
            yield
        except (OSError, RuntimeError, ValueError, TypeError, OverflowError, MemoryError) as error:
            reason = reason_of(error)
            raise DamagedFileError(
                path,
                f"cannot be read as an index of kind {self.kind!r} over {self.size} vectors of {self.dim} ({reason})",
                "Restore it, or build the index again",
            ) from error

    @abstractmethod
    def _build(self, vectors: Floats, held_out: Rows) -> None:
        """As `build`, with `size` and `dim` already set; `held_out (H,) int64` may be empty."""

    def _complete(self) -> None:  # noqa: B027  (an exact kind holds no rows out)
        """Add the held-out rows, once, if there are any."""

    @abstractmethod
    def _search(self, queries: Floats, k: int, allowed: Allowed | None) -> tuple[Floats, Rows]:
        """As `search`, with 1 <= k <= number of allowed rows, in any order; -1 if an approximate search finds fewer.

        The distances are squared if the kind is `squared`.
        """

    def _search_candidates(self, queries: Floats, k: int, allowed: Allowed | None) -> tuple[Floats, Rows]:
        """As `_search`, for `candidates`."""
        return self._search(queries, k, allowed)

    def _check_file(self, path: Path) -> None:  # noqa: B027  (a kind that is not stored has no file)
        """Verify a file before a library parses it; raises OSError or ValueError."""

    def _save(self, path: Path) -> None:  # noqa: B027  (a kind that is not stored has nothing to write)
        """Write the file."""

    def _load(self, path: Path, vectors: Floats) -> None:  # noqa: B027
        """Read the file; raises OSError, RuntimeError or ValueError if it is not valid."""


def _in_order(distances: Floats, rows: Rows) -> tuple[Floats, Rows]:
    distances = np.where(rows < 0, np.float32(np.inf), distances)
    if (distances[:, :-1] < distances[:, 1:]).all():  # most often, and sorting takes longer than to see it
        return distances, rows
    order = np.lexsort((rows, distances), axis=1)
    return np.take_along_axis(distances, order, axis=1), np.take_along_axis(rows, order, axis=1)


ENTERED_AT_ONCE = 16_384
"""Rows that are copied at once on their way into a structure that holds others out."""


def held_out_last(held_out: Rows, size: int) -> Rows:
    """An order `(size,)` of all rows with those held out last.

    As many pairs of rows change places as it takes, so that the order is its own inverse.
    """
    order = np.arange(size, dtype=np.int64)
    last = order[size - len(held_out) :]
    ahead, behind = np.setdiff1d(held_out, last), np.setdiff1d(last, held_out)
    order[ahead], order[behind] = behind, ahead
    return order
