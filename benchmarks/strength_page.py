"""Write docs/results/strength.md: one section per encoder, each written by its own run."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import numpy as np

from benchmarks.strength_choice import COPIES_WITHIN, OTHERS_WITHIN, RANKS, SIMILAR, VERY_SIMILAR, by_set, shares
from benchmarks.strength_sets import LOOKS, MODELS, OTHER
from search.recognition.cut_points import STRENGTHS

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from benchmarks.strength_choice import Neighbours, Share
    from search.encoders.base import Encoder
    from search.recognition.cut_points import CutPoints

_TITLE = "# How sure a hit is"


@dataclass(frozen=True, slots=True)
class Measured:
    """What the words of an encoder are worth on the labels and pictures that did not choose its cut-points."""

    shares: dict[str, list[Share]]
    """By kind of collection, one for each word."""
    by_set: dict[str, dict[str, list[tuple[int, float | None]]]]
    """By kind and collection, for each word the number of first hits and the share of them that are right."""
    copies: dict[str, dict[str, list[float]]]
    """By collection and alteration, the share of altered copies that have each word."""
    too_near: dict[str, float]
    """By collection, the share of pictures that have a different picture as a near copy."""

    @classmethod
    def of(
        cls,
        sets: dict[str, dict[str, Neighbours]],
        altered: dict[str, dict[str, NDArray[np.float32]]],
        others: dict[str, NDArray[np.float32]],
        points: CutPoints,
    ) -> Self:
        """Count by the second half of the labels of each collection, and the second half of the pictures."""
        halves = {kind: {title: each.half(1) for title, each in of.items()} for kind, of in sets.items()}
        return cls(
            {kind: shares(list(of.values()), points.edges) for kind, of in halves.items()},
            {kind: by_set(of, points.edges) for kind, of in halves.items()},
            {
                title: {name: _by_word(distances, points) for name, distances in of.items()}
                for title, of in altered.items()
            },
            {title: float((distances <= points.near_copy).mean()) for title, distances in others.items()},
        )


def section(encoder: Encoder, points: CutPoints, measured: Measured, command: str, minutes: float) -> str:
    """The section of one encoder in Markdown."""
    parts = [
        f"## {encoder.name}\n",
        f"    {command}\n",
        f"Measured in {minutes:.1f} minutes on {os.cpu_count()} cores, perhaps shared with other work.\n",
        _meaning(points, measured),
        *(_sets(kind, of) for kind, of in measured.by_set.items()),
        _copies(measured),
    ]
    return "\n".join(parts)


def joined(page: Path, name: str, text: str) -> str:
    """The page with the section of an encoder replaced or added; the sections of others stay."""
    old = page.read_text(encoding="utf-8") if page.is_file() else ""
    found = {part.partition("\n")[0].removeprefix("## "): part for part in re.split(r"^(?=## )", old, flags=re.M)[1:]}
    sections = {**found, name: text}
    return "\n".join([_introduction(), *(part.rstrip("\n") + "\n" for part in sections.values())])


def _introduction() -> str:
    return f"""{_TITLE}

A hit of an index that is not calibrated has a word beside its distance ([how sure](../search.md#how-sure)). The
cut-points between the words belong to the encoder. They are chosen on pictures of things that the encoder was not
trained on:

- *near copy*: up to the least multiple of 0.05 within which {100 * COPIES_WITHIN:.0f} % of altered copies lie
  (recompressed, resized, cropped by up to a tenth, recoloured, blurred), or less if more than
  {100 * OTHERS_WITHIN:.1f} % of pictures have a different picture that near. It is also the default threshold of
  `twinlens duplicates`.
- *very similar*: up to the distance at which {100 * VERY_SIMILAR:.0f} % of first hits have the label of the query.
- *similar*: up to the distance at which {100 * SIMILAR:.0f} % of first hits have it.
- *weak*: beyond. A first hit is then more often of another label than of the query's.

Each picture is a query for all others of its collection. Half of the labels of each collection chose the cut-points;
the figures are those of the other half. Every collection has the same weight. Intervals are 95 %, by bootstrap over
labels. "Nothing like it": the first hits of the same queries, if the collection had no other picture of their label.

- {LOOKS.capitalize()}: kinds, places and single things. These alone chose the cut-points of *very similar* and
  *similar*.
- {MODELS.capitalize()}: the labels differ in a detail, such as the value of a playing card. The nearest picture
  with another label is rightly called similar, and counts as wrong here.
- {OTHER.capitalize()}: faces, characters and signatures. For these, calibrate the index, or use an encoder for them.
"""


def _meaning(points: CutPoints, measured: Measured) -> str:
    lines = []
    for kind, of in measured.shares.items():
        lines += [
            f"### {kind.capitalize()}\n",
            f"| | distance | first hits | right | right among hits 2 to {RANKS} | nothing like it |",
            "|---|---|---|---|---|---|",
        ]
        edges = [*(f"up to {edge:.2f}" for edge in points.edges), f"above {points.similar:.2f}"]
        lines += [
            f"| *{word}* | {edge} | {share.queries:.1%} | {share.right or ''} | {_shown(share.later)} "
            f"| {share.strange:.1%} |"
            for word, edge, share in zip(STRENGTHS, edges, of, strict=True)
        ]
        lines.append("")
    return "\n".join(lines)


def _sets(kind: str, of: dict[str, list[tuple[int, float | None]]]) -> str:
    head = f"| {kind} | queries | " + " | ".join(f"*{word}*" for word in STRENGTHS) + " |"
    lines = [f"The share of right first hits by collection, and their number: {kind}.\n", head, "|---" * 6 + "|"]
    for title, words in of.items():
        cells = [f"{right:.0%} of {count}" if right is not None else "" for count, right in words]
        lines.append(f"| {title} | {sum(count for count, _ in words)} | " + " | ".join(cells) + " |")
    return "\n".join([*lines, ""])


def _copies(measured: Measured) -> str:
    head = "| altered copies | " + " | ".join(f"*{word}*" for word in STRENGTHS) + " |"
    lines = ["### Copies\n"]
    for title, of in measured.copies.items():
        lines += [
            f"{title}: {measured.too_near[title]:.2%} of pictures have a different picture as a near copy.\n",
            head,
            "|---" * 5 + "|",
        ]
        mean = [float(column) for column in np.mean(list(of.values()), axis=0)]
        rows = {**of, "**mean**": mean}
        lines += [f"| {name} | " + " | ".join(f"{share:.0%}" for share in row) + " |" for name, row in rows.items()]
        lines.append("")
    return "\n".join(lines)


def _by_word(distances: NDArray[np.float32], points: CutPoints) -> list[float]:
    words = points.strengths(distances.tolist())
    return [words.count(word) / max(1, len(words)) for word in STRENGTHS]


def _shown(share: float | None) -> str:
    return "" if share is None else f"{share:.3f}"
