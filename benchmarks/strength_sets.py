"""The collections by which cut-points are chosen and measured."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.held_out import COLLECTIONS, PHOTOS, Collection, pictures_of

if TYPE_CHECKING:
    from pathlib import Path

    from indexer.training.data import Split

LOOKS, MODELS, OTHER = "photos", "models of one object", "other pictures"
"""Kinds of collections. Cut-points are chosen on `LOOKS` alone: kinds, places and single things, whose pictures look
different if their labels differ. The labels of `MODELS` differ in a detail, such as the value of a playing card, so
that the nearest picture with another label is rightly called similar. `OTHER` are faces, characters and signatures."""
VARIED = "varied"
_MODELS = ("cards53", "cars196", "eth80", "lego_figures", "smvs_dvd", "sneakers50")
_PER_LABEL = 20
_HELD_OUT = {
    PHOTOS: LOOKS,
    "clothes, test split": LOOKS,
    "faces of 20 people": OTHER,
    "characters of alphabets K to Z, 5 drawers": OTHER,
    "signatures, by 60 writers": OTHER,
}


@dataclass(frozen=True, slots=True)
class LabelledSet:
    """A collection and its kind."""

    kind: str
    collection: Collection

    @property
    def title(self) -> str:
        """The name of the collection."""
        return self.collection.title

    def pictures(self, datasets: Path, most: int) -> Split:
        """About `most` pictures, up to 20 of a label, of labels evenly spread over all; empty if not unpacked.

        Labels are left out rather than pictures, so that queries keep several right answers.
        """
        split = pictures_of(self.collection, datasets)
        rows = [np.flatnonzero(split.classes == number)[:_PER_LABEL] for number in range(len(split.names))]
        total = sum(map(len, rows))
        if total <= most:
            kept = range(len(rows))
        else:
            kept = np.unique(np.linspace(0, len(rows) - 1, max(4, len(rows) * most // total)).astype(int)).tolist()
        return split.take(np.concatenate([rows[number] for number in kept])) if rows else split


def sets_of(datasets: Path) -> list[LabelledSet]:
    """The collections of `benchmarks.held_out`, and the sets of the varied photos that are unpacked, by kind."""
    held_out = [LabelledSet(_HELD_OUT[each.title], each) for each in COLLECTIONS if each.title in _HELD_OUT]
    names = sorted(folder.name for folder in (datasets / VARIED).glob("*") if folder.is_dir())
    varied = [
        LabelledSet(MODELS if name in _MODELS else LOOKS, Collection(name, (f"{VARIED}/{name}/*/*",))) for name in names
    ]
    return sorted([*held_out, *varied], key=lambda each: (LOOKS, MODELS, OTHER).index(each.kind))
