"""The one import of FAISS."""

from __future__ import annotations

import sys
from typing import Any

from search.gpu_driver import gpu_driver_present
from search.large_imports import collection_paused, may_embed, openvino_installed

# Torch first, if it will be imported too: both bring an OpenMP runtime and CUDA libraries, and whichever comes first
# decides whose copies serve both. Torch is the pickier of the two, and its own is the order that everything on a GPU is
# tested in. On Linux without a GPU both orders work; encoders then compute with OpenVINO, if it is installed, and
# importing torch would take most of the time of a query.
with collection_paused():
    if may_embed() and (sys.platform != "linux" or gpu_driver_present() or not openvino_installed()):
        import torch  # noqa: F401
    import faiss as _faiss

faiss: Any = _faiss
"""Untyped: the stubs that come with FAISS leave out much of what is used here."""
