"""The one import of FAISS."""

from __future__ import annotations

from typing import Any

# Torch first: both bring an OpenMP runtime and CUDA libraries, and whichever comes first decides whose copies serve
# both. Torch is the pickier of the two, and its own is the order that everything here is tested in.
import torch  # noqa: F401

# isort: split
import faiss as _faiss

faiss: Any = _faiss
"""Untyped: the stubs that come with FAISS leave out much of what is used here."""
