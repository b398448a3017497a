"""Decode large pictures one at a time: eight threads may hold eight photos in memory, but not eight huge pictures."""

from __future__ import annotations

import threading
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

LARGE_PIXELS = 25_000_000
"""Pixels above which a picture waits for the lock: about 100 MB decoded."""
LARGE_BYTES = 64 * 1024 * 1024
"""Bytes above which a file waits for the lock."""

_lock = threading.RLock()
"""One lock for the process. It is re-entrant because a large file usually holds a large picture."""


def alone(large: bool) -> AbstractContextManager[Any]:
    """A context manager that only one thread enters at a time if `large`; otherwise one without effect."""
    return _lock if large else nullcontext()
