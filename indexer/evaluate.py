"""Measure an index by the labels of its pictures."""

from __future__ import annotations

from typing import TYPE_CHECKING

from indexer.metrics import Retrieval, retrieval
from search.engine import open_index
from search.errors import DataError

if TYPE_CHECKING:
    import os


def evaluate(index: str | os.PathLike[str]) -> Retrieval:
    """R@1, R@5, R@10 and mAP@R of the stored embeddings, exact, whatever the index's structure.

    Raises:
        DataError: no two pictures share a label.
    """
    with open_index(index, device="cpu") as engine:
        records, vectors = engine.vectors()
    found = retrieval(vectors, [record.label for record in records])
    if found.queries == 0:
        raise DataError(f"{index}: no two pictures share a label, so there is nothing to measure (see build --labels)")
    return found
