"""Compute the map of an index, every picture in two dimensions with its cluster, and keep it with the index.

The index is read as a snapshot, without the writer's lock, and only the finished map is committed: pictures that were
added meanwhile are placed by their neighbours, as later ones are.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from indexer.pipeline.progress import Progress, Silent
from indexer.pipeline.writer import open_writer
from indexer.plots.fuzzy_graph import graph_of
from indexer.plots.projection import FEW, NEIGHBOURS, epochs, lay_out, project
from search.counts import check_count
from search.engine import open_index
from search.errors import DataError
from search.large_imports import without_torch
from search.query.among import Among, Pictures
from search.query.collection_map import place
from search.store.map_file import store_map, write_map
from search.store.segments import gather_vectors
from search.text import utc_now

if TYPE_CHECKING:
    import os

    from numpy.typing import NDArray

    from search.engine import SearchEngine
    from search.types import Floats

MOST = 100_000
"""Pictures that UMAP lays out; more are placed by their neighbours among these. It bounds memory and time."""
CLUSTERS = 12
"""Most clusters by default: as many as colours can be distinguished."""
MOST_CLUSTERS = 1000
_AT_ONCE = 1024
_STARTS = 4
"""Starts of k-means, of which the best is used."""
_SAMPLE = 20_000
"""Vectors among which k-means looks for the middles of clusters."""


@dataclass(frozen=True, slots=True)
class KeptMap:
    """Result of `make_map`: `laid_out` of `pictures` by the method, the others by their neighbours."""

    pictures: int
    laid_out: int
    clusters: int
    method: str


def make_map(
    index: str | os.PathLike[str], *, clusters: int | None = None, seed: int = 0, progress: Progress | None = None
) -> KeptMap:
    """Compute the position and the cluster of every picture, and keep them with the index in place of an earlier map.

    The positions are those of UMAP over the 15 nearest neighbours that the index finds; PCA for 50 pictures or fewer.
    The clusters are those of k-means on the embeddings, the largest first. The same index and seed give the same map.

    Args:
        index: the index folder.
        clusters: number of clusters; defaults to 12, and to fewer for less than 144 pictures.
        seed: random seed.
        progress: callback for progress updates.

    Raises:
        DataError: an empty index; or it was embedded again by another encoder meanwhile.
        QueryError: `clusters` is out of range.
        IndexFolderError: `index` is not an index, or is damaged.
        IndexLockedError: another process is writing it.
    """
    index, progress = Path(index), progress or Silent()
    if clusters is not None:
        check_count("clusters", clusters, least=1, most=MOST_CLUSTERS)
    with without_torch(), open_index(index, device="cpu") as engine:
        pictures = Pictures.of_catalog(engine.catalog)
        if not len(pictures.ids):
            raise DataError(f"{index}: holds no pictures")
        positions, numbers, method = _computed(engine, pictures, clusters, seed, progress)
        fingerprint = engine.fingerprint
    progress.begin("commit", None)
    count = int(numbers.max()) + 1
    with open_writer(index.absolute()) as catalog:
        if catalog.settings()["fingerprint"] != fingerprint:
            raise DataError(f"{index}: was embedded by another encoder meanwhile. Run the same command again")
        record = write_map(catalog.folder, pictures.ids, positions, numbers, pictures.contents)
        with catalog.transaction():
            facts = {"method": method, "seed": seed, "clusters": count, "fingerprint": fingerprint}
            store_map(catalog, record, **facts, created=utc_now())
    return KeptMap(len(pictures.ids), min(MOST, len(pictures.ids)), count, method)


def _computed(
    engine: SearchEngine, pictures: Pictures, clusters: int | None, seed: int, progress: Progress
) -> tuple[Floats, NDArray[np.int32], str]:
    """Positions and clusters of all pictures, and the method of those that were laid out."""
    segments = engine.segments
    chosen = np.linspace(0, len(pictures.ids) - 1, min(MOST, len(pictures.ids))).astype(np.int64)
    laid_out = pictures.take(chosen)
    progress.begin("read vectors", None)
    places = list(zip(laid_out.segments.tolist(), laid_out.rows.tolist(), strict=True))
    vectors = gather_vectors(segments, places, engine.dim)
    method = "embedding" if engine.dim <= 2 else "umap" if len(vectors) > FEW else "pca"
    if method == "umap":
        points = _umap(Among(segments, laid_out), vectors, seed, progress)
    else:
        points = project(vectors, seed=seed)
    progress.begin("cluster", None)
    numbers = _clustered(vectors, clusters or max(1, min(CLUSTERS, int(np.sqrt(len(vectors))))), seed)
    rest = np.ones(len(pictures.ids), dtype=np.bool_)
    rest[chosen] = False
    positions = np.empty((len(pictures.ids), 2), dtype=np.float32)
    of = np.empty(len(pictures.ids), dtype=np.int32)
    positions[chosen], of[chosen] = points, numbers
    if rest.any():
        progress.begin("place", int(np.count_nonzero(rest)))
        positions[rest], of[rest] = place(
            segments, engine.dim, pictures.take(rest), laid_out, points, numbers, progress.advance
        )
    return positions, of, method


def _umap(among: Among, vectors: Floats, seed: int, progress: Progress) -> Floats:
    count = min(NEIGHBOURS, len(vectors) - 1)
    progress.begin("find neighbours", len(vectors))
    rows = np.empty((len(vectors), count), dtype=np.int64)
    distances = np.zeros((len(vectors), count), dtype=np.float64)
    for start in range(0, len(vectors), _AT_ONCE):
        part = slice(start, start + _AT_ONCE)
        apart, found = among.nearest(vectors[part], count)
        rows[part], distances[part] = _own_first(np.arange(start, start + len(found)), found, apart)
        progress.advance(len(found))
    progress.begin("lay out", epochs(len(vectors)))
    return lay_out(vectors, graph_of(rows, distances), seed, progress.advance)


def _own_first(
    own: NDArray[np.int64], found: NDArray[np.int64], distances: Floats
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Put each vector before its neighbours: among many copies, or by an approximate structure, it may be missing."""
    others = found != own[:, None]
    others &= np.cumsum(others, axis=1) < found.shape[1]
    shape = (len(own), found.shape[1] - 1)
    rows = np.concatenate([own[:, None], found[others].reshape(shape)], axis=1)
    apart = np.concatenate([np.zeros((len(own), 1)), distances[others].reshape(shape).astype(np.float64)], axis=1)
    return rows, apart


def _clustered(vectors: Floats, count: int, seed: int) -> NDArray[np.int32]:
    """Clusters of k-means, numbered by their size, ties by their first vector."""
    from sklearn.cluster import KMeans
    from sklearn.exceptions import ConvergenceWarning

    with warnings.catch_warnings():  # fewer distinct vectors than clusters give fewer clusters
        warnings.simplefilter("ignore", ConvergenceWarning)
        means = KMeans(min(count, len(vectors)), n_init=_STARTS, random_state=seed)
        found = means.fit(vectors[:: -(-len(vectors) // _SAMPLE)]).predict(vectors)
    _, first, of, sizes = np.unique(found, return_index=True, return_inverse=True, return_counts=True)
    rank = np.empty(len(sizes), dtype=np.int32)
    rank[np.lexsort((first, -sizes))] = np.arange(len(sizes), dtype=np.int32)
    numbered: NDArray[np.int32] = rank[of]
    return numbered
