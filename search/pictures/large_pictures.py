"""Large pictures are decoded one at a time: eight threads may hold eight photographs, but not eight giants."""

from __future__ import annotations

import threading
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

LARGE_PIXELS = 25_000_000
"""Pixels above which a picture waits for its turn: some 100 MB decoded."""
LARGE_BYTES = 64 * 1024 * 1024
"""Bytes above which a file does."""

_turn = threading.RLock()
"""Of the process. Re-entrant, as a large file mostly holds a large picture."""


def alone(large: bool) -> AbstractContextManager[Any]:
    """Make a block that no two threads are in at once, if what it works on is `large`; else one that does nothing."""
    return _turn if large else nullcontext()
