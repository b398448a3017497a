"""Measure a labelled collection: R@k, mAP@R and NMI, each with an interval over classes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from indexer.metrics.bootstrap import Figure, mean_figure
from indexer.metrics.clustering import nmi_figure
from indexer.metrics.retrieval import label_codes, query_figures
from search.errors import DataError, PictureError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from indexer.evaluation.robustness import Robustness
    from search.types import Floats

KS = (1, 5, 10)


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Results of an evaluation, each figure in [0, 1] with its interval over classes."""

    collection: str
    encoder: str
    pictures: int
    classes: int
    queries: int
    """Pictures that share their label with at least one other."""
    recall_at: dict[int, Figure]
    map_at_r: Figure
    nmi: Figure
    robustness: Robustness | None = None
    skipped: tuple[PictureError, ...] = ()
    """Pictures that could not be read."""

    def figures(self) -> dict[str, Any]:
        """The figures for a model card: each with its interval, and the share of everyday copies found."""
        named = {f"recall_at_{k}": figure for k, figure in self.recall_at.items()}
        named |= {"map_at_r": self.map_at_r, "nmi": self.nmi}
        kept: dict[str, Any] = {name: figure.to_dict() for name, figure in named.items()}
        if self.robustness is not None and self.robustness.copies_found is not None:
            kept["copies_found"] = self.robustness.copies_found
        return kept

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON: the figures, and their intervals under `intervals`."""
        figures = {"map_at_r": self.map_at_r, "nmi": self.nmi}
        return {
            "collection": self.collection,
            "encoder": self.encoder,
            "pictures": self.pictures,
            "classes": self.classes,
            "queries": self.queries,
            "recall_at": {str(k): figure.value for k, figure in self.recall_at.items()},
            **{name: figure.value for name, figure in figures.items()},
            "intervals": {
                "recall_at": {str(k): figure.interval for k, figure in self.recall_at.items()},
                **{name: figure.interval for name, figure in figures.items()},
            },
            "robustness": self.robustness.to_dict() if self.robustness else None,
            "skipped": [{"path": each.source, "reason": each.reason} for each in self.skipped],
        }


def measure(vectors: Floats, labels: Sequence[str | None], *, collection: str = "", encoder: str = "") -> Evaluation:
    """Measure unit rows `(N, D) float32` by their labels, None for none.

    Raises:
        DataError: fewer than two labels, or no two pictures that share one.
    """
    codes, _ = label_codes(labels)
    known = codes >= 0
    classes = len(np.unique(codes[known]))
    if not known.any():
        raise DataError(f"{collection}: no picture has a label, so there is nothing to measure (see build --labels)")
    if classes < 2:
        raise DataError(
            f"{collection}: all pictures have the label {next(filter(None, labels))!r}. Measuring needs at least two "
            "labels"
        )
    of = query_figures(vectors, labels, KS)
    if len(of.rows) == 0:
        raise DataError(f"{collection}: no two pictures share a label, so there is nothing to measure")
    return Evaluation(
        collection=collection,
        encoder=encoder,
        pictures=len(vectors),
        classes=classes,
        queries=len(of.rows),
        recall_at={k: mean_figure(hits.astype(np.float64), of.classes) for k, hits in of.hits.items()},
        map_at_r=mean_figure(of.average_precision, of.classes),
        nmi=nmi_figure(vectors[known], codes[known]),
    )


def write_measured(folder: Path, collection: str, figures: Mapping[str, Any]) -> None:
    """Add figures of a collection to the model card of a saved encoder: `measured`, by figure, then by collection.

    The card is not part of the fingerprint: the encoder stays the same.

    Args:
        folder: the encoder's folder, with `encoder.json`.
        collection: name of the collection.
        figures: by name, as `Evaluation.figures` returns them.

    Raises:
        EncoderError: the folder holds no saved encoder.
    """
    from search.encoders.card import saved_card, write_card

    measured = {name: dict(of) for name, of in saved_card(folder).get("measured", {}).items()}
    for name, figure in figures.items():
        measured.setdefault(name, {})[collection] = figure
    write_card(folder, measured=measured)
