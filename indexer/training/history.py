"""The history of a run: one row per evaluation, in `history.csv`."""

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
RUN_FILE = "run.json"
"""The file beside it that identifies the run: see `indexer.training.run_folder`."""


@dataclass(frozen=True, slots=True)
class HistoryRow:
    """Measurements after `step` batches; `loss` is the mean since the previous row."""

    step: int
    minutes: float
    learning_rate: float
    loss: float
    spread: float
    """Standard deviation of the distances between the embeddings of the last batch; 0 means collapse."""
    recall_at_1: float | None
    """R@1 by class over the validation pictures; None without validation pictures or labels."""
    map_at_r: float | None
    """mAP@R, as `recall_at_1`."""
    active: float | None
    """Share of the last batch's triplets that violate the run's margin."""
    copies_found: float | None
    """Share of altered validation pictures whose nearest neighbour is their original."""


def write_history(folder: Path, rows: Sequence[HistoryRow]) -> None:
    """Rewrite the file atomically, so that it never holds rows later than the saved state."""
    text = io.StringIO()
    writer = csv.DictWriter(text, [field.name for field in fields(HistoryRow)], lineterminator="\n")
    writer.writeheader()
    for row in rows:
        values = asdict(row)
        writer.writerow({key: _formatted(value) for key, value in values.items()})
    write_file(folder / HISTORY_FILE, text.getvalue())


def _formatted(value: float | None) -> str:
    return "" if value is None else f"{value:.6g}"
