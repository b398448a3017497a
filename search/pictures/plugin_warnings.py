"""Silence for what Pillow's plugins warn of while they decode, in the thread that decodes and nowhere else.

A corrupt EXIF block or an odd TIFF tag makes Pillow call `warnings.warn` in the middle of decoding. Printed, that is
noise without a file's name; under `-W error` it stops the decoding of a picture that is otherwise fine.
`warnings.catch_warnings` is no cure: it swaps the filters of the whole process, and two threads that enter and leave
it in turn leave the wrong ones behind (thread-aware only from Python 3.14 on, and only with a flag). A lock around
every decoding would be safe and slow. A plain `filterwarnings("ignore", module="PIL")` would also hide what the
application's own use of Pillow warns of.

So one filter is put first in the list, whose message pattern matches everything, but only in a thread that is
decoding at that moment. To any other thread it is as if it were not there.
"""

from __future__ import annotations

import re
import threading
import warnings
from contextlib import contextmanager
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from collections.abc import Iterator

_thread = threading.local()


class _WhileDecoding:
    """Stands where a filter has its compiled message pattern: `warnings` only ever calls `match`."""

    pattern = "(?!)"
    """Matches nothing: what scikit-learn reads to make the same filters anew for the threads of its own work."""

    def match(self, _message: str) -> bool:
        return getattr(_thread, "decoding", False)


_FILTER = ("ignore", _WhileDecoding(), Warning, re.compile(r"PIL\.|pillow_heif\b"), 0)


@contextmanager
def quiet_plugins() -> Iterator[None]:
    """Ignore warnings that modules of PIL and pillow_heif raise in this thread until the block ends."""
    # Looked at on every entry: pytest, and any catch_warnings block, restores a list from before our filter was in it.
    filters = cast("list[object]", warnings.filters)
    if filters[:1] != [_FILTER]:
        filters.insert(0, _FILTER)
    before = getattr(_thread, "decoding", False)
    _thread.decoding = True
    try:
        yield
    finally:
        _thread.decoding = before
