"""Embed pictures together that several threads embed at the same time (dynamic batching).

A call that finds the encoder idle starts at once: nothing waits for pictures that may never come. Calls that arrive
meanwhile wait for the one that runs, at most `most` pictures, and are then computed together by one of them. Vectors do
not depend on the batch (`search.encoders.steady`), so that every call returns what it would alone.
"""

from __future__ import annotations

import threading
from collections import deque
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from search.encoders.base import Encoder
    from search.types import Floats

MOST_TOGETHER = 32
"""Pictures of several calls that are embedded together at most."""


class _Call:
    """Prepared pictures of one call, and their vectors or what went wrong, once it was computed."""

    __slots__ = ("batch", "error", "vectors")

    def __init__(self, batch: NDArray[Any]) -> None:
        self.batch = batch
        self.vectors: Floats | None = None
        self.error: BaseException | None = None

    @property
    def open(self) -> bool:
        return self.vectors is None and self.error is None


class JoinedCalls:
    """A function of batches that several threads call; waiting calls are computed together."""

    def __init__(
        self,
        compute: Callable[[NDArray[Any]], Floats],
        most: int = MOST_TOGETHER,
        observe: Callable[[int], None] = lambda count: None,
    ) -> None:
        """Call `compute` with at most `most` rows, or with one call that has more; `observe` gets each number."""
        self._compute = compute
        self._most = most
        self.observe = observe
        self._waiting: deque[_Call] = deque()
        self._turn = threading.Lock()

    def __call__(self, batch: NDArray[Any]) -> Floats:
        """Compute a batch, perhaps with those of other threads; raises what `compute` raises for it alone."""
        call = _Call(batch)
        self._waiting.append(call)
        while call.open:
            with self._turn:
                if call.open:
                    self._run(self._next())
        if call.error is not None:
            raise call.error
        assert call.vectors is not None
        return call.vectors

    def _next(self) -> list[_Call]:
        """The calls that are computed together: those that have waited longest, if their pictures have one shape."""
        calls = [self._waiting.popleft()]
        rows, shape = len(calls[0].batch), calls[0].batch.shape[1:]
        while self._waiting:
            following = self._waiting[0].batch
            rows += len(following)
            if rows > self._most or following.shape[1:] != shape or following.dtype != calls[0].batch.dtype:
                break
            calls.append(self._waiting.popleft())
        return calls

    def _run(self, calls: list[_Call]) -> None:
        self.observe(sum(len(call.batch) for call in calls))
        try:
            vectors = self._compute(calls[0].batch if len(calls) == 1 else np.concatenate([c.batch for c in calls]))
        except BaseException as error:
            if len(calls) == 1 or not isinstance(error, Exception):
                for call in calls:
                    call.error = error
                return
            for call in calls:  # one of them is at fault, and the others must not fail for it
                self._run([call])
            return
        ends = np.cumsum([len(call.batch) for call in calls])[:-1]
        for call, rows in zip(calls, np.split(vectors, ends), strict=True):
            call.vectors = rows


def join_calls(encoder: Encoder, observe: Callable[[int], None]) -> None:
    """Let an encoder embed pictures together that threads embed at the same time; `observe` gets the sizes."""
    compute = encoder.encode_prepared
    if not isinstance(compute, JoinedCalls):
        encoder.encode_prepared = JoinedCalls(compute, observe=observe)  # type: ignore[method-assign]
