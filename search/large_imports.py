"""Import large libraries without the garbage collector, and torch only if an encoder may run."""

from __future__ import annotations

import gc
from contextlib import contextmanager
from importlib.util import find_spec
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_embedding = True


@contextmanager
def collection_paused() -> Iterator[None]:
    """Create many objects in this block, as when a large library is imported, without garbage collection.

    Importing torch creates about a hundred thousand objects, none of which is garbage. Repeated collector runs took a
    seventh of the time of `import torch`, and a quarter of that of ten thousand hits.
    """
    running = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if running:
            gc.enable()


@contextmanager
def without_torch() -> Iterator[None]:
    """Allow FAISS to be imported without torch in this block, for a process that embeds nothing.

    If an encoder may run too, torch may have to be imported before FAISS: see `search.indexes.faiss_library`. That
    takes more than a second, which a query by id or vector does not need to spend.
    """
    global _embedding
    before, _embedding = _embedding, False
    try:
        yield
    finally:
        _embedding = before


def openvino_installed() -> bool:
    """Whether the optional OpenVINO is installed, found out without importing it."""
    return find_spec("openvino") is not None


def may_embed() -> bool:
    """Whether an encoder may run in this process: False inside `without_torch`."""
    return _embedding
