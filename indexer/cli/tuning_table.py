"""The table that `rebuild --explain` prints: the candidates of `auto`, and what was measured of each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from search.text import megabytes

if TYPE_CHECKING:
    from indexer import ChangeReport
    from search.tuned import Trial

_HEAD = ("kind", "recall@10", "ms per query", "memory", "build, s", "")


def explanation(report: ChangeReport) -> list[str]:
    """Lines that say how the structure of a new segment was chosen."""
    tuning = report.tuning
    if tuning is None or not tuning.reason:
        return ["no candidates were compared" if report.kind else "no new segment"]
    lines = [f"{report.kind}: {tuning.reason}"]
    if not tuning.trials:
        return lines
    limit = "no memory limit" if tuning.memory_limit is None else f"at most {megabytes(tuning.memory_limit)}"
    lines.append(
        f"target: recall@10 of {tuning.target:g}, {limit}. Tried on a sample; costs are estimated for all rows"
    )
    rows = [_HEAD, *map(_cells, tuning.trials)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEAD))]
    lines += ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    if tuning.recall is not None:
        lines.append(f"measured on all rows: recall@10 {tuning.recall}")
    return lines


def _cells(trial: Trial) -> tuple[str, ...]:
    settings = " ".join(f"{name}={value}" for name, value in trial.parameters.items())
    if trial.query_ms is None:
        return (f"{trial.kind} {settings}".strip(), "", "", "", "", trial.note)
    recall = "exact" if trial.recall is None else f"{trial.recall.value:.3f} (from {trial.recall.low:.3f})"
    memory = "" if trial.memory is None else megabytes(trial.memory)
    seconds = "" if trial.build_seconds is None else f"{trial.build_seconds:.1f}"
    return (f"{trial.kind} {settings}".strip(), recall, f"{trial.query_ms:.2f}", memory, seconds, trial.note)
