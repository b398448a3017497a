"""The one import of FAISS."""

from __future__ import annotations

from typing import Any

from search.large_imports import collection_paused, may_embed

# Torch first: both bring an OpenMP runtime and CUDA libraries, and whichever comes first decides whose copies serve
# both. Torch is the pickier of the two, and its own is the order that everything here is tested in.
with collection_paused():
    if may_embed():
        import torch  # noqa: F401
    import faiss as _faiss

faiss: Any = _faiss
"""Untyped: the stubs that come with FAISS leave out much of what is used here."""
