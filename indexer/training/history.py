"""The course of a run: one row an evaluation, in `history.csv`."""

from __future__ import annotations

import csv
import io
from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING

from search.files.writing import write_file

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

HISTORY_FILE = "history.csv"


@dataclass(frozen=True, slots=True)
class HistoryRow:
    """Where the run stood after `step` batches; `loss` is the mean since the row before."""

    step: int
    minutes: float
    learning_rate: float
    loss: float
    spread: float
    """Standard deviation of the distances between the embeddings of the last batch; 0 is collapse."""
    recall_at_1: float | None
    """By class, over the validation pictures; None where there are none."""
    map_at_r: float | None
    """The same of mAP@R."""
    active: float | None
    """Share of the last batch's triplets that still cost, at the run's margin."""
    copies_found: float | None
    """Share of altered validation pictures whose nearest neighbour is their original."""


def write_history(folder: Path, rows: Sequence[HistoryRow]) -> None:
    """Write the whole file anew, aside first: a resumed run never leaves rows that its state knows nothing of."""
    text = io.StringIO()
    writer = csv.DictWriter(text, [field.name for field in fields(HistoryRow)], lineterminator="\n")
    writer.writeheader()
    for row in rows:
        values = asdict(row)
        writer.writerow({key: _shown(value) for key, value in values.items()})
    write_file(folder / HISTORY_FILE, text.getvalue())


def _shown(value: float | None) -> str:
    return "" if value is None else f"{value:.6g}"
