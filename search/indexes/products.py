"""Which pairs of unit rows may have a large cosine, by matrix products of blocks: in NumPy, or with torch.

A product is fast and rounded. `above` returns every pair that its rounding does not exclude, and whether the rounding
decides it: the caller measures the others (`search.distance`), so that results never depend on the product.

Source of the error bounds: Higham, Accuracy and Stability of Numerical Algorithms, 2002, section 3.1.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from search.distance import cosine_error

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from search.types import Floats, Mask

_FEW = 20_000
"""Rows below which importing torch would take longer than the products."""
_ROWS = 1_024
"""Rows of the left block that are multiplied at once: with 2,048 columns the scores fit the processor's cache."""
_ROWS_GPU = 8_192
_BF16 = 2.0**-8
"""Greatest relative rounding error of bfloat16, which has a significand of 8 bits."""
_TF32 = 2.0**-11
_UNSURE = 2.0**-10
"""Share of undecided pairs of a block above which measuring them takes longer than a product in float32."""
_TRIED = 16
"""Blocks after which bfloat16 is given up if it leaves too many of them undecided."""


class Above(NamedTuple):
    """Pairs `(P,)` of a row and a column whose cosine may be at least the limit."""

    rows: NDArray[np.int64]
    columns: NDArray[np.int64]
    sure: Mask
    """False where the rounding error does not say whether the cosine reaches the limit."""


class Products(ABC):
    """Multiplies blocks of unit rows."""

    @abstractmethod
    def prepare(self, vectors: Floats) -> Any:
        """Convert `(N, D) float32` unit rows for `above`, once for many products."""

    @abstractmethod
    def above(self, rows: Any, columns: Any, limit: float) -> Above:
        """Pairs of prepared rows whose cosine may be at least `limit`, by row, then by column."""

    @contextmanager
    def threads(self) -> Iterator[ThreadPoolExecutor]:
        """Threads that may call `prepare` and `above` side by side."""
        with ThreadPoolExecutor(1, thread_name_prefix="product") as pool:
            yield pool


class NumpyProducts(Products):
    """Products in float32 by NumPy, which uses all cores for each."""

    def prepare(self, vectors: Floats) -> Floats:
        """The vectors as they are."""
        return vectors

    def above(self, rows: Floats, columns: Floats, limit: float) -> Above:
        """Compare `_ROWS` rows at a time."""
        tolerance = cosine_error(rows.shape[1])
        return _in_parts(rows, columns, lambda part: part @ columns.T, limit - tolerance, limit + tolerance)


class TorchProducts(Products):
    """Products on the cores of a CPU, one for each thread, so that no product waits for a core that is busy.

    In bfloat16 where that was faster when it was tried. It leaves more pairs undecided; if it leaves too many, the
    block is multiplied again in float32.
    """

    def __init__(self, sample: Floats) -> None:
        """Try both precisions on some unit rows `(N, D)`."""
        import torch

        self._torch = torch
        self._half = _is_faster_in_bfloat16(torch, sample)
        self._blocks = self._undecided = 0

    @contextmanager
    def threads(self) -> Iterator[ThreadPoolExecutor]:
        """As many threads as torch has, each of which computes alone."""
        torch = self._torch
        count = torch.get_num_threads()
        one = (lambda: torch.set_num_threads(1)) if count > 1 else None
        try:
            with ThreadPoolExecutor(count, thread_name_prefix="product", initializer=one) as pool:
                yield pool
        finally:
            torch.set_num_threads(count)  # threads that start later get the number that was set last

    def prepare(self, vectors: Floats) -> tuple[Any, Any]:
        """A tensor in float32, and one in bfloat16 or None."""
        full = self._torch.from_numpy(vectors)
        return full, full.bfloat16() if self._half else None

    def above(self, rows: tuple[Any, Any], columns: tuple[Any, Any], limit: float) -> Above:
        """Compare in bfloat16, if that decides most pairs, or else in float32."""
        half, tolerance = bfloat16_error(rows[0].shape[1]), cosine_error(rows[0].shape[1])
        if self._half and rows[1] is not None and columns[1] is not None and limit - half > 0:
            low, high = _bits(limit - half), _bits(limit + half) + 1
            found = _in_parts(rows[1], columns[1], lambda part: _ordered(self._torch, part @ columns[1].T), low, high)
            self._blocks += 1
            if np.count_nonzero(~found.sure) <= max(64, _UNSURE * len(rows[0]) * len(columns[0])):
                return found
            self._undecided += 1
            self._half = self._blocks < _TRIED or self._undecided * 4 < self._blocks
        return _in_parts(
            rows[0], columns[0], lambda part: (part @ columns[0].T).numpy(), limit - tolerance, limit + tolerance
        )


class GpuProducts(Products):
    """Products in float32 on the first GPU. Not yet run on one."""

    def __init__(self) -> None:
        import torch

        self._torch = torch
        exact = torch.get_float32_matmul_precision() == "highest"
        self._tolerance = 0.0 if exact else 2 * _TF32 + _TF32**2

    def prepare(self, vectors: Floats) -> Any:
        """A tensor on the GPU."""
        return self._torch.from_numpy(vectors).to("cuda")

    def above(self, rows: Any, columns: Any, limit: float) -> Above:
        """Compare `_ROWS_GPU` rows at a time, and copy only the pairs back."""
        tolerance = self._tolerance + cosine_error(rows.shape[1])
        parts = []
        for start in range(0, len(rows), _ROWS_GPU):
            scores = rows[start : start + _ROWS_GPU] @ columns.T
            which, others = (scores >= limit - tolerance).nonzero(as_tuple=True)
            sure = scores[which, others] >= limit + tolerance
            parts.append((which.cpu().numpy() + start, others.cpu().numpy(), sure.cpu().numpy()))
        return _joined(parts)


def products_for(sample: Floats, count: int, *, gpu: bool) -> Products:
    """Choose how to multiply `count` unit rows with one another; `sample (S, D)` is some of them."""
    if count < _FEW:
        return NumpyProducts()
    if gpu and _torch_has_gpu():
        return GpuProducts()
    return TorchProducts(sample)


def _torch_has_gpu() -> bool:
    import torch

    return torch.cuda.is_available()


def bfloat16_error(dim: int) -> float:
    """Upper bound of the error of a cosine of unit rows that were rounded to bfloat16, summed in float32, and rounded.

    Each factor is off by a share of 2^-8, and the sum of the products of unit rows is at most 1 (Cauchy-Schwarz); the
    result is rounded once more. The last term allows for products of those errors, and for lengths of almost 1.
    """
    return 3 * _BF16 + 4 * _BF16**2 + 2 * cosine_error(dim)


def _bits(value: float) -> int:
    """The bits of the bfloat16 at or below a positive number: they are in the order of the numbers."""
    return int(np.array(value, dtype=np.float32).view(np.uint32)) >> 16


def _ordered(torch: Any, scores: Any) -> NDArray[np.int16]:
    """The bits of bfloat16 numbers: positive ones keep their order, and negative ones are below."""
    bits: NDArray[np.int16] = scores.view(torch.int16).numpy()
    return bits


def _in_parts(rows: Any, columns: Any, product: Any, low: float, high: float) -> Above:
    """The scores from `low` on, sure from `high` on; most rows have none, and finding those takes one pass."""
    parts = []
    for start in range(0, len(rows), _ROWS):
        scores = product(rows[start : start + _ROWS])
        hot = np.flatnonzero(scores.max(axis=1) >= low) if len(columns) else np.empty(0, dtype=np.int64)
        high_scores = scores[hot]
        which, others = np.nonzero(high_scores >= low)
        parts.append((hot[which] + start, others, high_scores[which, others] >= high))
    return _joined(parts)


def _joined(parts: list[tuple[Any, Any, Any]]) -> Above:
    if not parts:
        none = np.empty(0, dtype=np.int64)
        return Above(none, none, np.empty(0, dtype=np.bool_))
    return Above(*(np.concatenate(each) for each in zip(*parts, strict=True)))


def _is_faster_in_bfloat16(torch: Any, sample: Floats) -> bool:
    """Multiply some rows in both precisions by turns, on one thread; without support, bfloat16 is far slower."""
    full = torch.from_numpy(np.ascontiguousarray(sample[:_ROWS]))
    best = {torch.float32: np.inf, torch.bfloat16: np.inf}

    def measure() -> None:
        torch.set_num_threads(1)
        for _ in range(4):
            for kind in best:
                rows = full.to(kind)
                begun = time.thread_time()
                rows @ rows.T
                best[kind] = min(best[kind], time.thread_time() - begun)

    threads = torch.get_num_threads()
    try:
        with ThreadPoolExecutor(1) as pool:
            pool.submit(measure).result()
    finally:
        torch.set_num_threads(threads)
    return bool(best[torch.bfloat16] < best[torch.float32])
