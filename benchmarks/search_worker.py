"""One library in a process of its own: reads requests as JSON lines, and answers with JSON lines.

    python -m benchmarks.search_worker NAME WORK CORE

WORK holds `vectors.npy`, `queries.npy`, `masks.npz`, and for each mask and for `all` the distance of the tenth true
neighbour of each query. Everything runs on the core CORE, building included.
"""

from __future__ import annotations

import ctypes
import json
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

os.environ["OMP_NUM_THREADS"] = os.environ["RAYON_NUM_THREADS"] = "1"  # before any library is imported

import numpy as np

from benchmarks.search_libraries import LIBRARIES
from benchmarks.search_library import K

if TYPE_CHECKING:
    from benchmarks.search_library import Library

_ROUNDING = 1e-5
_SINGLE = 60
"""Single queries of one turn."""
_SINGLE_SECONDS = 0.6
_WARM = 10
_RECALL_SECONDS = 15.0
_SLOW_BATCH = 10.0
_AT_ONCE = 50


class Worker:
    """Builds and asks one library."""

    def __init__(self, library: Library, work: Path) -> None:
        self._library = library
        self._vectors = np.load(work / "vectors.npy", mmap_mode="r")
        self._queries = np.load(work / "queries.npy")
        self._masks = dict(np.load(work / "masks.npz"))
        self._tenth = {name: np.load(work / f"tenth-{name}.npy") for name in ("all", *self._masks)}
        self._turn = 0
        self._slow_batch: dict[str, Any] | None = None

    def build(self, work: Path) -> dict[str, Any]:
        """Build, and measure CPU seconds and the growth of the memory that no file backs.

        The library is imported before. What was freed meanwhile, and is kept for later, is given back first.
        """
        self._library.load()
        before, start = anonymous(), time.process_time()
        self._library.build(np.asarray(self._vectors), self._masks, work)
        seconds = time.process_time() - start
        self._library.search(self._queries[:1], self._library.efforts[0], None)
        give_back()
        memory = anonymous() - before
        return {"seconds": seconds, "memory": memory, "efforts": self._library.efforts}

    def recall(self, effort: int, chosen: str | None) -> dict[str, Any]:
        """Recall@10 of as many queries as are answered in some seconds; rows as near as the true tenth count."""
        begun, shares = time.perf_counter(), []
        available = min(K, len(self._vectors) if chosen is None else int(self._masks[chosen].sum()))
        for first in range(0, len(self._queries), _AT_ONCE):
            asked = slice(first, first + _AT_ONCE)
            rows = self._library.search(self._queries[asked], effort, chosen)
            apart = np.linalg.norm(self._vectors[np.maximum(rows, 0)] - self._queries[asked, None], axis=2)
            right = (rows >= 0) & (apart <= self._tenth[chosen or "all"][asked, None] + _ROUNDING)
            if chosen is not None:
                right &= self._masks[chosen][np.maximum(rows, 0)]
            shares.append(float(right.sum()) / (available * len(rows)))
            if time.perf_counter() - begun > _RECALL_SECONDS:
                break
        return {"recall": float(np.mean(shares)), "version": self._library.version()}

    def single(self, effort: int, chosen: str | None) -> dict[str, Any]:
        """Median seconds of a query, over some queries that change with every call.

        Others are asked first, because the system may have dropped mapped pages while other libraries were measured.
        """
        self._times(_WARM, effort, chosen)
        return {"seconds": float(np.median(self._times(_SINGLE, effort, chosen)))}

    def _times(self, most: int, effort: int, chosen: str | None) -> list[float]:
        """Seconds of each of the next queries, at least one."""
        times: list[float] = []
        while len(times) < most and sum(times) < _SINGLE_SECONDS:
            self._turn = (self._turn + 1) % len(self._queries)
            query = self._queries[self._turn : self._turn + 1]
            start = time.perf_counter()
            self._library.search(query, effort, chosen)
            times.append(time.perf_counter() - start)
        return times

    def batch(self, effort: int) -> dict[str, Any]:
        """Seconds of all queries at once; a library that takes long is asked only once."""
        if self._slow_batch is not None:
            return self._slow_batch
        start = time.perf_counter()
        self._library.search(self._queries, effort, None)
        answer = {"seconds": time.perf_counter() - start}
        if answer["seconds"] > _SLOW_BATCH:
            self._slow_batch = answer
        return answer


def anonymous() -> int:
    """Bytes of this process that no file backs."""
    status = Path("/proc/self/status").read_text("utf-8")
    return int(status.split("RssAnon:")[1].split()[0]) * 1024


def give_back() -> None:
    """Return freed memory to the system, where the C library can."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)


def main() -> None:
    """Answer requests until the input ends."""
    name, work = sys.argv[1], Path(sys.argv[2])
    answers, sys.stdout = sys.stdout, sys.stderr  # what libraries print must not come between the answers
    os.sched_setaffinity(0, {int(sys.argv[3])})
    with tempfile.TemporaryDirectory() as own:
        worker = Worker(LIBRARIES[name](), work)
        for line in sys.stdin:
            request = json.loads(line)
            what = request.pop("do")
            try:
                answer = worker.build(Path(own)) if what == "build" else getattr(worker, what)(**request)
            except Exception as error:  # of any library: the page says so
                answer = {"error": f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"}
            answers.write(json.dumps(answer) + "\n")
            answers.flush()


if __name__ == "__main__":
    main()
