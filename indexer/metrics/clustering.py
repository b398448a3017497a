"""Normalised mutual information (NMI) between k-means clusters of the embeddings and their labels."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import numpy as np

from indexer.metrics.bootstrap import SEED, Figure, class_draws, percentiles

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from search.types import Floats

_MOST_WORK = 16_000_000
"""Pictures times clusters in one round of k-means. 64,000 pictures of 160 classes are 10 million and took 13 s on one
core; mini-batches took 12 s, and their clusters were worse (NMI 0.59 in place of 0.77 with 964 classes)."""
_ROUNDS = 100


def nmi_figure(vectors: Floats, classes: NDArray[np.int64]) -> Figure:
    """NMI of k-means on unit rows `(N, D)`, with as many clusters as `classes (N,)` has classes.

    2 I / (H(classes) + H(clusters)), the arithmetic-mean normalisation, in [0, 1]. It is 1 for classes of a single
    picture, whatever the embeddings, so compare it only within one collection.

    If pictures times classes exceed 16 million, evenly spaced classes are left out until they do not. The figure then
    covers fewer classes, and is higher.

    The interval resamples classes and keeps the clusters. A resample lacks about a third of the classes, and the rest
    is easier to separate, so that resampled figures are higher. The interval is therefore shifted until its mean is
    the figure: only its width is estimated. Keeping the clusters makes it slightly too narrow: for 20 classes of
    photos its standard deviation was 0.025, and 0.034 over other sets of 20 classes with new clusters.
    Source: Manning, Raghavan, Schuetze, "Introduction to Information Retrieval", 2008, section 16.3; the measure's
    place beside R@k: Song et al., "Deep Metric Learning via Lifted Structured Feature Embedding", CVPR 2016.
    """
    kept = _affordable(classes)
    distinct, numbers = np.unique(classes[kept], return_inverse=True)
    clusters = cluster(vectors[kept], len(distinct))
    cells = contingency(numbers, clusters)
    value = nmi(*cells)
    if len(distinct) < 2:
        return Figure(value)
    drawn = [nmi(cells[0], cells[1], cells[2] * times[cells[0]]) for times in class_draws(len(distinct))]
    low, high = (bound + value - float(np.mean(drawn)) for bound in percentiles(drawn))
    return Figure(value, max(0.0, low), min(1.0, high))


def contingency(
    classes: NDArray[np.int64], clusters: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Cells of the table of two numberings `(N,)` of the same pictures: class, cluster, pictures; none is empty."""
    width = np.int64(clusters.max() + 1)
    cells, pictures = np.unique(classes * width + clusters, return_counts=True)
    return cells // width, cells % width, pictures


def nmi(classes: NDArray[np.int64], clusters: NDArray[np.int64], pictures: NDArray[np.int64]) -> float:
    """NMI of the cells of a contingency table, arithmetic mean; 1 where both numberings know a single group.

    As `sklearn.metrics.normalized_mutual_info_score`, which takes one number a picture and no table, and so cannot
    count the classes of a resample several times but by repeating all their pictures: 1000 resamples of 64,000
    pictures would take half a minute, and take a quarter of a second from the table.
    """
    of_classes, of_clusters = _entropy(np.bincount(classes, pictures)), _entropy(np.bincount(clusters, pictures))
    if of_classes + of_clusters == 0:
        return 1.0
    shared = of_classes + of_clusters - _entropy(pictures)
    return float(min(1.0, max(0.0, 2 * shared / (of_classes + of_clusters))))


def cluster(vectors: Floats, clusters: int) -> NDArray[np.int64]:
    """Cluster numbers `(N,)` of k-means (k-means++, one start, at most 100 rounds), seeded."""
    from sklearn.cluster import KMeans
    from sklearn.exceptions import ConvergenceWarning

    means = KMeans(min(clusters, len(vectors)), n_init=1, max_iter=_ROUNDS, random_state=SEED)
    with warnings.catch_warnings():  # embeddings that coincide give fewer clusters: a finding, not a fault
        warnings.simplefilter("ignore", ConvergenceWarning)
        found: NDArray[np.int64] = means.fit_predict(vectors).astype(np.int64)
    return found


def _affordable(classes: NDArray[np.int64]) -> NDArray[np.int64]:
    """Rows of as many whole classes as k-means can take, evenly spread over their numbers."""
    distinct = np.unique(classes)
    share = min(1.0, float(np.sqrt(_MOST_WORK / max(1, len(classes) * len(distinct)))))
    kept = distinct[np.linspace(0, len(distinct) - 1, max(1, int(share * len(distinct)))).astype(np.int64)]
    return np.flatnonzero(np.isin(classes, kept))


def _entropy(counts: NDArray[np.int64] | NDArray[np.float64]) -> float:
    """In nats."""
    shares = counts[counts > 0] / counts.sum()
    return float(-(shares * np.log(shares)).sum()) + 0.0
