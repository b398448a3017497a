"""Training runs on disk, written as training does."""

from __future__ import annotations

import json

from PIL import Image

from indexer.training.history import HistoryRow, write_history


def write_run(folder, name, *, steps=(10, 20, 30), finished=True, score=0.5, report=True):
    """Write a run; return its rows."""
    out = folder / name
    out.mkdir(parents=True)
    rows = [HistoryRow(step, step / 10, 0.001, 1 / step, 0.2, score, score / 2, 0.1, None) for step in steps]
    write_history(out, rows)
    (out / "run.json").write_text(json.dumps({"finished": finished, "data": "x", "config": {"loss": "triplet"}}))
    if report:
        (out / "report").mkdir()
        Image.new("RGB", (40, 30), "teal").save(out / "report" / "gallery.png")
    return rows
