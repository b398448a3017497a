"""Read handwritten names by many writers, and make the pairs for verification."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from indexer.calibration.pairs import Pairs
from search.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Sequence

NAMES = 10
FORGERIES = ("random", "same-name")


@dataclass(frozen=True, slots=True)
class Signature:
    """One picture: the writer, which of the ten names, and the medium."""

    path: Path
    writer: str
    name: int
    medium: int


def read_signatures(folder: Path) -> list[Signature]:
    """List `folder/writerNNN/I.png`; picture I (from 1) shows name (I - 1) mod 10 in medium (I - 1) div 10.

    Raises:
        DataError: no pictures.
    """
    signatures = []
    for path in sorted(folder.glob("writer*/*.png")):
        medium, name = divmod(int(path.stem) - 1, NAMES)
        signatures.append(Signature(path, path.parent.name, name, medium))
    if not signatures:
        raise DataError(f"{folder}: holds no writerNNN/I.png. Unpack signatures first")
    return sorted(signatures, key=lambda each: (each.writer, each.name, each.medium))


def split_writers(writers: Sequence[str], shares: Sequence[float] = (4 / 7, 1 / 7, 2 / 7)) -> tuple[list[str], ...]:
    """Writers for training, validation and test, shuffled by a fixed seed; 40, 10 and 20 of 70 writers."""
    shuffled = [sorted(writers)[place] for place in np.random.default_rng(2026).permutation(len(writers))]
    bounds = np.round(np.cumsum([0.0, *shares]) * len(shuffled)).astype(int)
    return tuple(sorted(shuffled[start:end]) for start, end in pairwise(bounds))


def write_labels(signatures: Sequence[Signature], train: Sequence[str], validation: Sequence[str], file: Path) -> Path:
    """Write the CSV for training, with the pictures of the training and validation writers only."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("w", newline="", encoding="utf-8") as stream:
        rows = csv.writer(stream)
        rows.writerow(("path", "label", "subject", "split"))
        for each in signatures:
            if each.writer in train or each.writer in validation:
                split = "train" if each.writer in train else "validation"
                label = f"name{each.name}/{each.writer}"
                rows.writerow((f"{each.writer}/{each.path.name}", label, each.writer, split))
    return file


def pairs_against(signatures: Sequence[Signature], forgeries: str, most: int = 20_000, seed: int = 0) -> Pairs:
    """Every pair of pictures of one name by one writer, and pairs with forgeries; the subjects are the writers.

    Args:
        signatures: the pictures; pairs hold their positions.
        forgeries: `random`: another name by another writer, as in the literature. `same-name`: the same name by another
            writer, a forger who knows the name but not the handwriting.
        most: largest number of pairs with forgeries; above it, a random sample.
        seed: random seed of the sample.

    Raises:
        DataError: an unknown kind of forgery.
    """
    if forgeries not in FORGERIES:
        raise DataError(f"forgeries {forgeries!r}: must be one of {', '.join(FORGERIES)}")
    _, writers = np.unique(np.array([each.writer for each in signatures]), return_inverse=True)
    names = np.array([each.name for each in signatures])
    first, second = np.triu_indices(len(signatures), k=1)
    same_writer, same_name = writers[first] == writers[second], names[first] == names[second]
    genuine = np.flatnonzero(same_writer & same_name)
    forged = np.flatnonzero(~same_writer & (same_name if forgeries == "same-name" else ~same_name))
    if len(forged) > most:
        forged = np.sort(np.random.default_rng(seed).choice(forged, most, replace=False))
    chosen = np.concatenate([genuine, forged])
    a, b = first[chosen].astype(np.int64), second[chosen].astype(np.int64)
    of = writers.astype(np.int64)
    return Pairs(a, b, np.repeat([True, False], [len(genuine), len(forged)]), of[a], of[b])
