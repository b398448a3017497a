"""Twinlens: find the pictures of a collection that look like a given picture.

>>> from search import open_index
>>> with open_index("photos.index") as engine:
...     for hit in engine.search("query.jpg", k=10):
...         print(hit.path, hit.distance, hit.similarity)
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from search.crop import Crop
from search.errors import (
    DataError,
    DiskError,
    EncoderError,
    ForkError,
    IndexBusyError,
    IndexClosedError,
    IndexFolderError,
    IndexLockedError,
    PictureError,
    QueryError,
    StoreError,
    TwinlensError,
    UnsupportedError,
)
from search.types import Answer, Audit, Hit, IndexInfo, SegmentAudit, SegmentInfo, Text, Timing

if TYPE_CHECKING:
    from search.engine import SearchEngine, open_index
    from search.explanation.heat_maps import Explanation, Heat
    from search.query.collection_map import CollectionMap
    from search.query.query import SearchOptions
    from search.recognition.calibration import Calibration, ErrorRate, Verification
    from search.recognition.cut_points import CutPoints
    from search.recognition.identities import Identification, Identity

__version__ = "0.1.0"

__all__ = [
    "Answer",
    "Audit",
    "Calibration",
    "CollectionMap",
    "Crop",
    "CutPoints",
    "DataError",
    "DiskError",
    "EncoderError",
    "ErrorRate",
    "Explanation",
    "ForkError",
    "Heat",
    "Hit",
    "Identification",
    "Identity",
    "IndexBusyError",
    "IndexClosedError",
    "IndexFolderError",
    "IndexInfo",
    "IndexLockedError",
    "PictureError",
    "QueryError",
    "SearchEngine",
    "SearchOptions",
    "SegmentAudit",
    "SegmentInfo",
    "StoreError",
    "Text",
    "Timing",
    "TwinlensError",
    "UnsupportedError",
    "Verification",
    "open_index",
]


_LAZY = {
    "search.engine": {"SearchEngine", "open_index"},
    "search.explanation.heat_maps": {"Explanation", "Heat"},
    "search.query.collection_map": {"CollectionMap"},
    "search.query.query": {"SearchOptions"},
    "search.recognition.calibration": {"Calibration", "ErrorRate", "Verification"},
    "search.recognition.cut_points": {"CutPoints"},
    "search.recognition.identities": {"Identification", "Identity"},
}


def __getattr__(name: str) -> object:
    """Import the engine, and NumPy with it, on first use, so that `import search` stays fast (PEP 562)."""
    for module, names in _LAZY.items():
        if name in names:
            return getattr(import_module(module), name)
    raise AttributeError(f"module 'search' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
