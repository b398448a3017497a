"""Compare all that two indexes know of their pictures, however they were made."""

from __future__ import annotations

from dataclasses import astuple, replace
from pathlib import Path

import numpy as np

from indexer.pipeline.stored_vectors import StoredVectors
from search.store.catalog import Catalog


def contents_of(index: Path) -> tuple[list[tuple[object, ...]], np.ndarray]:
    """Everything that an index knows of its pictures, by id, and their vectors."""
    catalog = Catalog.read(index)
    try:
        records = catalog.pictures.records()
        metadata = catalog.metadata.of([each.id for each in records])
        skipped = sorted((str(each.path), each.reason) for each in catalog.skipped.records())
        rows = [(*astuple(replace(r, segment=0, row=0)), metadata.get(r.id)) for r in records]
        settings = catalog.settings()
        kept = {key: settings.get(key) for key in ("encoder", "fingerprint", "dim", "roots", "labels", "exclude")}
        vectors = StoredVectors(catalog, settings["dim"]).take([(r.segment, r.row) for r in records])
        return [*rows, *skipped, tuple(kept.items())], vectors
    finally:
        catalog.close()


def assert_same(one: Path, other: Path, tolerance: float = 0.0) -> None:
    rows, vectors = contents_of(one)
    rows_too, vectors_too = contents_of(other)
    assert rows == rows_too
    np.testing.assert_allclose(vectors, vectors_too, rtol=0, atol=tolerance)
