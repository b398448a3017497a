"""Write the page of the encoder `small`, in Markdown."""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from benchmarks.held_out import PHOTOS
from indexer.alterations import COPIES
from search.text import utc_today

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from indexer.evaluation.figures import Evaluation
    from indexer.evaluation.robustness import Robustness
    from search.encoders.checkpoint import CheckpointEncoder


@dataclass(frozen=True, slots=True)
class Column:
    """The figures of one encoder."""

    by_label: dict[str, Evaluation]
    copies: dict[str, Robustness]
    """The six everyday copies, by collection."""
    pictures_per_second: float

    @property
    def mean_recall(self) -> float:
        """Mean R@1 over the collections."""
        return float(np.mean([each.recall_at[1].value for each in self.by_label.values()]))

    @property
    def mean_copies(self) -> float:
        """Mean share of everyday copies found first, over kinds and collections."""
        return float(np.mean([each.copies_found for each in self.copies.values() if each.copies_found is not None]))


def page(
    encoder: CheckpointEncoder,
    columns: Mapping[str, Column],
    strengths: Robustness,
    contact: Mapping[str, str],
    remark: str,
) -> str:
    """Format the results as Markdown.

    Args:
        encoder: the encoder that the page is about.
        columns: the figures of each encoder, including this one.
        strengths: its robustness on the photos, by strength.
        contact: for each collection, how it was used in training.
        remark: a remark about a missing column, or empty.
    """
    parts = [
        ["# The encoder small"],
        ["Written by `python -m benchmarks.small_encoder`; the recipe is `indexer/training/recipes/small.py`."],
        provenance(encoder),
        [
            "`color-layout` describes colours and their positions, and was not trained. `random weights` is the "
            "network of "
            f"`{encoder.name}` before training. `teacher` is a MobileNetV2 at 224 pixels, trained on ImageNet, whose "
            f"1,000 classes include those of the photos here. {remark}".rstrip()
        ],
        ["## What the training used"],
        ["| collection | |", "|---|---|", *(f"| {title} | {use} |" for title, use in contact.items())],
        ["## The nearest other picture has the same label (R@1)"],
        [
            "In brackets: the 95 % interval by bootstrap over classes, the range in which the figure would probably "
            "lie for other classes of the same kind. All columns were measured on the same classes, so two of them "
            "may differ reliably although their intervals overlap."
        ],
        by_label(columns),
        [f"## More on {PHOTOS}"],
        photos(columns),
        *(part for title in columns[encoder.name].copies for part in copies(columns, title)),
        table(columns, {"mean over kinds and collections": [f"{each.mean_copies:.3f}" for each in columns.values()]}),
        [f"## `{encoder.name}` by kind and strength of alteration: {PHOTOS}"],
        by_strength(strengths),
        ["## Speed of `encode`: decoded pictures of 64 x 64 in batches of 128, the best of three rounds"],
        table(columns, {"pictures per second": [f"{each.pictures_per_second:.0f}" for each in columns.values()]}),
    ]
    return "\n\n".join("\n".join(part) for part in parts) + "\n"


def provenance(encoder: CheckpointEncoder) -> list[str]:
    """Describe when and where the figures were measured, and how the encoder was trained."""
    trained, last = encoder.card.get("trained_on", {}), encoder.card.get("last") or {}
    minutes = f" in {last['minutes']:.0f} minutes" if "minutes" in last else ""
    distilled = (encoder.card.get("config") or {}).get("teacher")
    teacher = " It was trained on its labels, and to agree with a teacher's embeddings." if distilled else ""
    return [
        f"Measured on {utc_today()}: {os.cpu_count()} cores, perhaps shared with other work, "
        f"{platform.machine()}, torch {torch.__version__} on the CPU. Fingerprint `{encoder.fingerprint}`, "
        f"{encoder.dim} dimensions, input {encoder.input_size} x {encoder.input_size}. Trained on "
        f"{trained.get('pictures', '?')} pictures of {trained.get('classes', '?')} classes{minutes} "
        f"({last.get('step', '?')} batches).{teacher}"
    ]


def by_label(columns: Mapping[str, Column]) -> list[str]:
    """Table of R@1 for every collection, and the mean."""
    first = next(iter(columns.values()))
    rows = {
        f"{title} ({of.pictures} pictures, {of.classes} labels)": [
            str(each.by_label[title].recall_at[1]) for each in columns.values()
        ]
        for title, of in first.by_label.items()
    }
    rows["mean over collections"] = [f"{each.mean_recall:.3f}" for each in columns.values()]
    return table(columns, rows)


def photos(columns: Mapping[str, Column]) -> list[str]:
    """Table of the other figures for the photos."""
    figures = [each.by_label[PHOTOS] for each in columns.values()]
    rows = {f"R@{k}": [str(each.recall_at[k]) for each in figures] for k in (5, 10)}
    rows["mAP@R"] = [str(each.map_at_r) for each in figures]
    rows["NMI of k-means with as many clusters as labels"] = [str(each.nmi) for each in figures]
    return table(columns, rows)


def copies(columns: Mapping[str, Column], title: str) -> list[list[str]]:
    """Heading and table of the everyday copies found first in one collection."""
    figures = [each.copies[title] for each in columns.values()]
    shares = [{(row.kind, row.strength): row.copies_found for row in each.rows} for each in figures]
    rows = {each.name: [f"{of[each.kind, each.strength]:.3f}" for of in shares] for each in COPIES}
    rows["mean"] = [f"{each.copies_found:.3f}" for each in figures]
    heading = f"## An altered copy finds its original first: {title} ({figures[0].queries} copies of each kind)"
    return [[heading], table(columns, rows)]


def by_strength(found: Robustness) -> list[str]:
    """Table of R@1 and copies found, one row per strength."""
    plain = found.recall_at_1 or 0.0
    lines = [
        f"{found.queries} pictures were altered and used as queries; all others were searched. R@1 of the same "
        f"pictures unaltered: {plain:.3f}.",
        "",
        "| altered | strength | R@1 by label | fall | copies found first |",
        "|---|---|---:|---:|---:|",
    ]
    return lines + [
        f"| {row.kind} | {row.strength} | {row.recall_at_1 or 0.0:.3f} | {plain - (row.recall_at_1 or 0.0):.3f} "
        f"| {row.copies_found:.3f} |"
        for row in found.rows
    ]


def table(columns: Mapping[str, Column], rows: Mapping[str, Sequence[str]]) -> list[str]:
    """Table with one column per encoder and one row per figure."""
    head = ["|  | " + " | ".join(columns) + " |", "|---|" + "---:|" * len(columns)]
    return head + [f"| {name} | " + " | ".join(row) + " |" for name, row in rows.items()]
