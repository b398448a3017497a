"""Whether an NVIDIA or AMD driver is installed, decided without importing torch or FAISS."""

from __future__ import annotations

import ctypes
import sys
from functools import cache
from pathlib import Path


@cache
def gpu_driver_present() -> bool:
    """Whether there may be a GPU. Without a driver there is none that torch could use; with one, torch decides.

    Importing torch takes more than a second, which a query on a machine without a GPU does not need to spend.
    """
    library = "nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1"
    try:
        ctypes.CDLL(library)
    except OSError:
        return Path("/dev/kfd").exists()  # AMD's driver: a build of torch for ROCm calls its devices "cuda" too
    return True
