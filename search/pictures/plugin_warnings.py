"""Suppress the warnings of Pillow's plugins in the thread that decodes, and only there.

A corrupt EXIF block or an odd TIFF tag makes Pillow call `warnings.warn` while it decodes. Printed, such a warning does
not name the file; under `-W error` it stops the decoding of a picture that is otherwise fine.
`warnings.catch_warnings` does not help: it swaps the filters of the entire process, and two threads that enter and
leave it alternately leave the wrong filters behind (it is thread-aware only since Python 3.14, behind a flag). A lock
around every decoding would be safe but slow. A plain `filterwarnings("ignore", module="PIL")` would also hide the
warnings caused by the application's own use of Pillow.

Instead, one filter is inserted at the head of the list. Its message pattern matches everything, but only in a thread
that is currently decoding; it does not affect other threads.
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
    """Takes the place of a filter's compiled message pattern, of which `warnings` calls only `match`."""

    pattern = "(?!)"
    """Matches nothing. scikit-learn reads this attribute to recreate the filters in its worker threads."""

    def match(self, _message: str) -> bool:
        return getattr(_thread, "decoding", False)


_FILTER = ("ignore", _WhileDecoding(), Warning, re.compile(r"PIL\.|pillow_heif\b"), 0)


@contextmanager
def quiet_plugins() -> Iterator[None]:
    """Ignore warnings that modules of PIL and pillow_heif raise in this thread until the block ends."""
    # Checked on every entry: pytest and catch_warnings blocks restore lists that lack our filter.
    filters = cast("list[object]", warnings.filters)
    if filters[:1] != [_FILTER]:
        filters.insert(0, _FILTER)
    before = getattr(_thread, "decoding", False)
    _thread.decoding = True
    try:
        yield
    finally:
        _thread.decoding = before
