"""How the large libraries are imported: without the garbage collector, and torch only where an encoder may run."""

from __future__ import annotations

import gc
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_embedding = True


@contextmanager
def collection_paused() -> Iterator[None]:
    """Import a large library in this block without garbage collection.

    Importing torch makes some hundred thousand objects, none of which is garbage. The collector walks them again and
    again while they grow, which was a seventh of the time of `import torch`.
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
    """Let FAISS be imported in this block by itself, in a process that will embed nothing.

    Where an encoder may run too, torch is imported before FAISS: see `search.indexes.faiss_library`. That takes more
    than a second, which a query by id or by a vector has no other need for.
    """
    global _embedding
    before, _embedding = _embedding, False
    try:
        yield
    finally:
        _embedding = before


def may_embed() -> bool:
    """Whether an encoder may run in this process: false inside `without_torch`."""
    return _embedding
