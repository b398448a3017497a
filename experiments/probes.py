"""Measure how well an embedding separates classes: by nearest neighbours, a linear classifier, and the silhouette."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from experiments.runs import Embedded

K = 5


def nearest(gallery: Embedded, queries: Embedded, k: int = K) -> NDArray[np.int64]:
    """The majority class `(Q,)` of the k nearest in the gallery by Euclidean distance; the lower class of a tie."""
    from sklearn.neighbors import KNeighborsClassifier

    knn = KNeighborsClassifier(min(k, len(gallery.labels))).fit(gallery.vectors, gallery.labels)
    answers: NDArray[np.int64] = knn.predict(queries.vectors)
    return answers


def linear(train: Embedded, queries: Embedded) -> NDArray[np.int64]:
    """The class `(Q,)` predicted by logistic regression on the standardised embedding."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    probe = make_pipeline(StandardScaler(), LogisticRegression(max_iter=2000))
    answers: NDArray[np.int64] = probe.fit(train.vectors, train.labels).predict(queries.vectors)
    return answers


def accuracy(answers: NDArray[np.int64], of: Embedded) -> float:
    """Share of correct predictions."""
    return float((answers == of.labels).mean())


def silhouette(of: Embedded) -> float:
    """Mean over pictures of (b - a) / max(a, b), with the mean distances a to the own class and b to the nearest other.

    Source: Rousseeuw, "Silhouettes", Journal of Computational and Applied Mathematics 20, 1987.
    """
    from sklearn.metrics import silhouette_score

    return float(silhouette_score(of.vectors, of.labels))


def half_interval(share: float, count: int) -> float:
    """Half the width of Wilson's 95 % interval of a share of `count` independent predictions."""
    z = 1.959964
    return float(z * np.sqrt(share * (1 - share) / count + z**2 / (4 * count**2)) / (1 + z**2 / count))


@dataclass(frozen=True, slots=True)
class ByClass:
    """Figures of each class, `(C,)`; a class that is never predicted has precision 0."""

    precision: NDArray[np.float64]
    recall: NDArray[np.float64]
    f1: NDArray[np.float64]
    count: NDArray[np.int64]


def by_class(answers: NDArray[np.int64], of: Embedded, classes: int) -> ByClass:
    """Precision, recall and F1 of every class."""
    from sklearn.metrics import precision_recall_fscore_support

    figures: Any = precision_recall_fscore_support(of.labels, answers, labels=np.arange(classes), zero_division=0)
    return ByClass(*figures)


def confusion(answers: NDArray[np.int64], of: Embedded, classes: int) -> NDArray[np.int64]:
    """Confusion matrix `(C, C)`: true classes by row, predicted classes by column."""
    table = np.zeros((classes, classes), dtype=np.int64)
    np.add.at(table, (of.labels, answers), 1)
    return table
