"""How well an embedding tells classes apart: by its nearest neighbours, by a linear classifier, by its clusters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from experiments.runs import Embedded

K = 5


def nearest(gallery: Embedded, queries: Embedded, k: int = K) -> NDArray[np.int64]:
    """The class `(Q,)` that most of the k nearest of the gallery have, by Euclidean distance; of a tie the lower."""
    from sklearn.neighbors import KNeighborsClassifier

    knn = KNeighborsClassifier(min(k, len(gallery.labels))).fit(gallery.vectors, gallery.labels)
    answers: NDArray[np.int64] = knn.predict(queries.vectors)
    return answers


def linear(train: Embedded, queries: Embedded) -> NDArray[np.int64]:
    """The class `(Q,)` that logistic regression on the standardised embedding says."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    probe = make_pipeline(StandardScaler(), LogisticRegression(max_iter=2000))
    answers: NDArray[np.int64] = probe.fit(train.vectors, train.labels).predict(queries.vectors)
    return answers


def accuracy(answers: NDArray[np.int64], of: Embedded) -> float:
    """Share of right answers."""
    return float((answers == of.labels).mean())


def silhouette(of: Embedded) -> float:
    """Mean over pictures of (b - a) / max(a, b): a the mean distance to its class, b that to the nearest other class.

    Source: Rousseeuw, "Silhouettes", Journal of Computational and Applied Mathematics 20, 1987.
    """
    from sklearn.metrics import silhouette_score

    return float(silhouette_score(of.vectors, of.labels))


def half_interval(share: float, count: int) -> float:
    """Half the width of the 95 % interval of a share of `count` independent answers (Wilson's)."""
    z = 1.959964
    return float(z * np.sqrt(share * (1 - share) / count + z**2 / (4 * count**2)) / (1 + z**2 / count))


@dataclass(frozen=True, slots=True)
class ByClass:
    """Of each class `(C,)`; a class that is never answered has precision 0."""

    precision: NDArray[np.float64]
    recall: NDArray[np.float64]
    f1: NDArray[np.float64]
    count: NDArray[np.int64]


def by_class(answers: NDArray[np.int64], of: Embedded, classes: int) -> ByClass:
    """Precision, recall and F1 of every class."""
    from sklearn.metrics import precision_recall_fscore_support

    found: Any = precision_recall_fscore_support(of.labels, answers, labels=np.arange(classes), zero_division=0)
    return ByClass(*found)


def confusion(answers: NDArray[np.int64], of: Embedded, classes: int) -> NDArray[np.int64]:
    """How often `(C, C)` a class, by row, was called a class, by column."""
    table = np.zeros((classes, classes), dtype=np.int64)
    np.add.at(table, (of.labels, answers), 1)
    return table
