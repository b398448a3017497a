"""One-shot trials: a probe and one reference picture of each candidate class; the nearest reference is the answer.

The answer depends only on the probe and the references of its trial, not on other probes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from search.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from search.types import Floats

RUNS = 20
LABELS_FILE = "class_labels.txt"


@dataclass(frozen=True, slots=True)
class Trials:
    """T trials of W classes each; pictures are rows of a matrix of embeddings."""

    references: NDArray[np.int64]
    """`(T, W)` rows of the references."""
    probes: NDArray[np.int64]
    """`(T,)` rows of the probes."""
    answers: NDArray[np.int64]
    """`(T,)`, the column of the reference with the probe's class."""
    groups: NDArray[np.int64]
    """`(T,)`, the group of each trial; intervals resample groups, because trials of one group are correlated."""


@dataclass(frozen=True, slots=True)
class Drawing:
    """One picture of Omniglot, with the facts from its path."""

    path: Path
    alphabet: str
    character: str
    drawer: str


def answered(vectors: Floats, trials: Trials) -> NDArray[np.int64]:
    """The column `(T,)` of the reference with the largest cosine to each probe, among unit rows `(N, D)`."""
    cosines = np.einsum("twd,td->tw", vectors[trials.references], vectors[trials.probes])
    columns: NDArray[np.int64] = cosines.argmax(axis=1)
    return columns


def wrong(vectors: Floats, trials: Trials) -> NDArray[np.bool_]:
    """Which trials `(T,)` are answered wrongly."""
    missed: NDArray[np.bool_] = answered(vectors, trials) != trials.answers
    return missed


def ensemble_wrong(vectors: Sequence[Floats], trials: Trials) -> NDArray[np.bool_]:
    """Which trials `(T,)` the mean cosine of several encoders, each with its unit rows, answers wrongly."""
    # The cosine of concatenated rows is the mean of the cosines.
    joined: Floats = np.concatenate(vectors, axis=1) / np.float32(len(vectors) ** 0.5)
    return wrong(joined, trials)


def lake_trials(folder: Path) -> tuple[list[Path], Trials]:
    """Read the 20 runs of Lake et al. from `folder/runNN`: the pictures, and 20 trials per run, one for each test item.

    Raises:
        DataError: a run or a picture is missing, or a line of `class_labels.txt` is invalid.

    Source: Lake, Salakhutdinov, Tenenbaum, "Human-level concept learning through probabilistic program induction",
    Science 350, 2015; the protocol of the `omniglot` repository's one-shot demonstration.
    """
    paths: list[Path] = []
    references: list[list[int]] = []
    probes: list[int] = []
    answers: list[int] = []
    groups: list[int] = []
    for run in range(RUNS):
        place = folder / f"run{run + 1:02}"
        classes = sorted((place / "training").glob("*.png"))
        if not classes or not (place / LABELS_FILE).is_file():
            raise DataError(f"{place}: holds no run of the one-shot test. Unpack omniglot-runs again")
        first = len(paths)
        paths.extend(classes)
        column = {path.relative_to(folder).as_posix(): number for number, path in enumerate(classes)}
        for line in (place / LABELS_FILE).read_text(encoding="utf-8").splitlines():
            item, _, truth = line.strip().partition(" ")
            if truth not in column or not (folder / item).is_file():
                raise DataError(f"{place / LABELS_FILE}: {line!r} names no test item and training picture of this run")
            references.append(list(range(first, first + len(classes))))
            probes.append(len(paths))
            answers.append(column[truth])
            groups.append(run)
            paths.append(folder / item)
    return paths, Trials(*(np.array(each, dtype=np.int64) for each in (references, probes, answers, groups)))


def read_drawings(omniglot: Path, alphabets: Sequence[str]) -> list[Drawing]:
    """List every picture of the alphabets, `ALPHABET/characterNN/NNNN_DRAWER.png`, sorted by path."""
    return [
        Drawing(path, alphabet, f"{alphabet}/{path.parent.name}", path.stem.rpartition("_")[2])
        for alphabet in sorted(alphabets)
        for path in sorted((omniglot / alphabet).glob("*/*.png"))
    ]


def random_trials(
    drawings: Sequence[Drawing], *, count: int, ways: int, within_alphabet: bool, by: str, seed: int
) -> Trials:
    """Random trials in the form of Lake et al.: all references by one drawer, the probe by another.

    The characters of a trial are from one random alphabet with enough characters, or, which is easier, from any
    alphabet. `groups` are numbered by the `alphabet` or the `character` of the probe, according to `by`.

    Raises:
        DataError: no alphabet has enough characters.
    """
    table = _table(drawings)
    pools = _pools(table, within_alphabet=within_alphabet)
    pools = [pool for pool in pools if len(pool) >= ways]
    if not pools:
        raise DataError(f"no alphabet has {ways} characters for a {ways}-way trial")
    random = np.random.default_rng(seed)
    references = np.empty((count, ways), dtype=np.int64)
    probes, answers = np.empty(count, dtype=np.int64), np.empty(count, dtype=np.int64)
    for trial in range(count):
        pool = pools[random.integers(len(pools))]
        characters = [pool[place] for place in random.permutation(len(pool))[:ways]]
        drawers = sorted(set.intersection(*(set(table[character]) for character in characters)))
        one, other = random.permutation(len(drawers))[:2]
        answers[trial] = random.integers(ways)
        references[trial] = [table[character][drawers[one]] for character in characters]
        probes[trial] = table[characters[answers[trial]]][drawers[other]]
    names = [getattr(drawings[row], by) for row in probes.tolist()]
    _, groups = np.unique(np.array(names), return_inverse=True)
    return Trials(references, probes, answers, groups.astype(np.int64))


def _table(drawings: Sequence[Drawing]) -> dict[str, dict[str, int]]:
    """Row of each drawing, by character and drawer."""
    table: dict[str, dict[str, int]] = {}
    for row, drawing in enumerate(drawings):
        table.setdefault(drawing.character, {})[drawing.drawer] = row
    return table


def _pools(table: dict[str, dict[str, int]], *, within_alphabet: bool) -> list[list[str]]:
    """Groups of characters that can be in one trial: those of each alphabet, or all of them."""
    if not within_alphabet:
        return [sorted(table)]
    pools: dict[str, list[str]] = {}
    for character in sorted(table):
        pools.setdefault(character.rpartition("/")[0], []).append(character)
    return list(pools.values())
