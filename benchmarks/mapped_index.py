"""An index of random vectors with a map at given positions: what the page of the map is measured and tested with."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np

import indexer
from indexer.exchange.config import ImportConfig
from indexer.pipeline.writer import open_writer
from search.query.among import Pictures
from search.store.map_file import store_map, write_map

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from search.types import Floats

CLUSTERS = 4
DIM = 8


def mapped_index(folder: Path, positions: Floats, files: Sequence[Path]) -> Path:
    """Make an index of N imported vectors with their positions `(N, 2)`, of which the first ones have files.

    Each has a name with markup (`kind`) and a number (`price`) as metadata.
    """
    count, index = len(positions), folder / "i"
    vectors = np.random.default_rng(1).normal(size=(count, DIM)).astype(np.float32)
    np.save(folder / "v.npy", vectors / np.linalg.norm(vectors, axis=1, keepdims=True))
    paths = [*map(str, files), *(f"/none/{n}.jpg" for n in range(len(files), count))]
    (folder / "paths.txt").write_text("\n".join(paths) + "\n")
    rows = [{"path": path, "kind": f"<b>kind {n % 3}</b>", "price": n} for n, path in enumerate(paths)]
    (folder / "m.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    indexer.import_vectors(
        folder / "v.npy", index, ImportConfig(encoder="made", foreign=True, paths=folder / "paths.txt")
    )
    indexer.load_metadata(index, folder / "m.jsonl")
    with open_writer(index) as catalog:
        pictures = Pictures.of_catalog(catalog)
        clusters = (np.arange(count) % CLUSTERS).astype(np.int32)
        record = write_map(catalog.folder, pictures.ids, positions, clusters, pictures.contents)
        facts = {"method": "umap", "seed": 0, "clusters": CLUSTERS, "created": "2026-01-01T00:00:00Z"}
        with catalog.transaction():
            store_map(catalog, record, fingerprint=catalog.settings()["fingerprint"], **facts)
    return index
