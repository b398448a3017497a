"""The collection in two dimensions, as `twinlens map --keep` stored it, with the pictures of this snapshot.

Pictures that were removed since are left out. Pictures that were added since, or whose file changed, are placed by
their nearest mapped neighbours; the stored positions do not move.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from search.query.among import Among, Pictures
from search.store.map_file import MAP_SETTING, map_record, read_map
from search.store.segments import gather_vectors

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from search.store.segments import Segment
    from search.store.snapshot import Snapshot
    from search.types import Floats, Mask

NEIGHBOURS = 15
"""Mapped neighbours by which a picture is placed: as many as UMAP lays a picture out by."""
_SMALLEST = 1e-6
"""Distances below this count as this: the place of a copy is that of its original."""
_AT_ONCE = 1024
OUTDATED = 0.2
"""Share of pictures that were added, changed or removed since, from which a map should be computed again."""


@dataclass(frozen=True, slots=True)
class CollectionMap:
    """N pictures in two dimensions."""

    ids: NDArray[np.int64]
    """`(N,)`, ascending: every picture of the snapshot."""
    positions: Floats
    """`(N, 2) float32`; only neighbourhoods have a meaning, not the axes."""
    clusters: NDArray[np.int32]
    """`(N,)`: number of each picture's cluster, from 0; the largest cluster comes first when the map is made."""
    names: tuple[str, ...]
    """Name of each cluster: the most frequent label of its pictures, or its number if none of them has a label."""
    placed: Mask
    """`(N,)`: pictures that were placed by their neighbours."""
    removed: int
    """Pictures of the stored map that the index no longer holds."""
    method: str
    """How the stored positions were computed: `umap`, `pca`, or `embedding` for vectors of two dimensions."""
    created: str

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def outdated(self) -> bool:
        """Whether the pictures placed or removed since are `OUTDATED` or more of those that the map was made of."""
        changed = int(np.count_nonzero(self.placed)) + self.removed
        return changed >= OUTDATED * max(1, len(self.ids) - int(np.count_nonzero(self.placed)) + self.removed)


def collection_map(snapshot: Snapshot) -> CollectionMap | None:
    """Read the map of a snapshot, and place the pictures that it lacks; None if there is no map, or nothing left of it.

    Raises:
        DamagedFileError: the file of the map is damaged; so are vectors that are needed to place a picture.
    """
    snapshot.require_open()
    facts = snapshot.settings.get(MAP_SETTING)
    if facts is None or facts["fingerprint"] != snapshot.fingerprint:
        return None
    stored = read_map(snapshot.folder, map_record(snapshot.catalog, facts))
    pictures = Pictures.of_catalog(snapshot.catalog)
    where = np.searchsorted(stored["id"], pictures.ids)
    inside = np.minimum(where, max(0, len(stored) - 1))
    known = np.zeros(len(pictures.ids), dtype=np.bool_)
    present = known
    if len(stored):
        present = stored["id"][inside] == pictures.ids
        known = present & (stored["content"][inside] == pictures.contents)
    if not known.any():
        return None
    positions = np.zeros((len(pictures.ids), 2), dtype=np.float32)
    clusters = np.zeros(len(pictures.ids), dtype=np.int32)
    positions[known] = np.stack([stored["x"], stored["y"]], axis=1)[inside[known]]
    clusters[known] = stored["cluster"][inside[known]]
    missing = pictures.take(~known)
    if len(missing.ids):
        positions[~known], clusters[~known] = place(
            snapshot.segments, snapshot.dim, missing, pictures.take(known), positions[known], clusters[known]
        )
    names = _names(clusters, pictures.ids, snapshot.catalog.metadata.of_column("label"), facts["clusters"])
    removed = len(stored) - int(np.count_nonzero(present))
    return CollectionMap(pictures.ids, positions, clusters, names, ~known, removed, facts["method"], facts["created"])


def place(
    segments: Sequence[Segment],
    dim: int,
    new: Pictures,
    mapped: Pictures,
    positions: Floats,
    clusters: NDArray[np.int32],
    advance: Callable[[int], None] | None = None,
) -> tuple[Floats, NDArray[np.int32]]:
    """Place pictures by their 15 nearest mapped neighbours.

    A neighbour at the distance d has the weight 1/d^2 (Shepard, "A two-dimensional interpolation function for
    irregularly-spaced data", ACM National Conference 1968). The cluster is the one with the largest sum of weights, the
    smaller number if they are equal. The position is the weighted mean of the neighbours in this cluster: a mean over
    two clusters would lie between them, near neither.

    Args:
        segments: the segments of a snapshot.
        dim: dimensions of its vectors.
        new: pictures to place.
        mapped: at least one picture.
        positions: `(N, 2) float32` of the mapped pictures.
        clusters: `(N,)` of the mapped pictures.
        advance: is called with the number of pictures placed.

    Returns:
        Positions `(M, 2) float32` and clusters `(M,)` of the new pictures.
    """
    among = Among(segments, mapped)
    placed, chosen = np.empty((len(new.ids), 2), dtype=np.float32), np.empty(len(new.ids), dtype=np.int32)
    for start in range(0, len(new.ids), _AT_ONCE):
        part = slice(start, start + _AT_ONCE)
        places = list(zip(new.segments[part].tolist(), new.rows[part].tolist(), strict=True))
        distances, numbers = among.nearest(gather_vectors(segments, places, dim), NEIGHBOURS)
        weights = 1.0 / np.maximum(distances.astype(np.float64), _SMALLEST) ** 2
        chosen[part] = _voted(weights, clusters[numbers])
        weights[clusters[numbers] != chosen[part, None]] = 0.0
        sums = (weights[:, :, None] * positions[numbers]).sum(axis=1)
        placed[part] = sums / weights.sum(axis=1)[:, None]
        if advance is not None:
            advance(len(places))
    return placed, chosen


def _voted(weights: NDArray[np.float64], clusters: NDArray[np.int32]) -> NDArray[np.int32]:
    """The cluster with the largest sum of weights in each row, the smaller number if several have it."""
    sums = (weights[:, None, :] * (clusters[:, :, None] == clusters[:, None, :])).sum(axis=2)
    best = sums >= sums.max(axis=1)[:, None] * (1 - 1e-12)
    voted: NDArray[np.int32] = np.where(best, clusters, np.iinfo(np.int32).max).min(axis=1)
    return voted


def _names(
    clusters: NDArray[np.int32], ids: NDArray[np.int64], labels: Mapping[int, object], count: int
) -> tuple[str, ...]:
    """The name of each cluster: its label, or its most frequent label "and others", or its number.

    Clusters that would have the same name are numbered.
    """
    count = max(count, int(clusters.max()) + 1)
    counters: list[Counter[str]] = [Counter() for _ in range(count)]
    for cluster, picture in zip(clusters.tolist(), ids.tolist(), strict=True):
        if picture in labels:
            counters[cluster][str(labels[picture])] += 1
    names: list[str] = []
    for number, counter in enumerate(counters):
        label = min(counter, key=lambda each: (-counter[each], each)) if counter else f"cluster {number + 1}"
        label = f"{label} and others" if len(counter) > 1 else label
        name, again = label, 1
        while name in names:
            again += 1
            name = f"{label} ({again})"
        names.append(name)
    return tuple(names)
