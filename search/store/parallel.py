"""Verify blocks of a mapped file by several threads: checksums release the GIL and read at the speed of memory."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_MOST_THREADS = 4
"""More than a few threads wait for the memory."""
_WORTH_THREADS = 16 * 2**20
"""Bytes from which starting threads pays."""


def each_block(blocks: Sequence[int], verify: Callable[[int], None], size: int) -> None:
    """Call `verify` with each block; `size` is the number of bytes of all of them. Raises what it raises first."""
    threads = min(_MOST_THREADS, os.cpu_count() or 1, len(blocks))
    if threads < 2 or size < _WORTH_THREADS:
        for block in blocks:
            verify(block)
        return
    with ThreadPoolExecutor(threads) as pool:
        for _ in pool.map(verify, blocks):
            pass
