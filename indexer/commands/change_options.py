"""What build, add, remove, sync and rebuild share: options, and how their report is told."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from search.cli import SKIPPED_EXIT, printable

if TYPE_CHECKING:
    from indexer.change_report import ChangeReport

KindOption = Annotated[str, typer.Option(help="auto, flat, hnsw, ivf, ivfpq or hnswlib.")]
RecallOption = Annotated[
    float, typer.Option(help="Recall@10 that an approximate kind is tuned for.", min=0.0, max=1.0)
]  # fmt: skip
LabelsOption = Annotated[str, typer.Option(help="folder, none, or a CSV with the columns path and label.")]
BatchSizeOption = Annotated[int, typer.Option(help="Pictures embedded at once.", min=1)]
WorkersOption = Annotated[int, typer.Option(help="Threads that read and decode.", min=1)]

_SHOWN = 20
"""Paths of each sort listed in a summary; --json lists more."""


def tell(report: ChangeReport, index: Path, recall: float, *, as_json: bool,
         more: dict[str, object] | None = None) -> None:  # fmt: skip
    """Print what changed, as JSON with `more` in it, or for people."""
    if as_json:
        typer.echo(json.dumps(report.to_dict() | (more or {})))
    else:
        typer.echo(report_text(report, index, recall))


def exit_for(report: ChangeReport) -> None:
    """End with exit code 3 where something could not be read."""
    if report.skipped or report.unseen:
        raise typer.Exit(SKIPPED_EXIT)


def report_text(report: ChangeReport, index: Path, recall: float) -> str:
    """What changed, in lines: counts, then the paths of what changed in an index that was there."""
    counts = {"added": report.added, "changed": report.changed, "moved": report.moved, "removed": report.removed,
              "unchanged": report.unchanged, "skipped": len(report.skipped)}  # fmt: skip
    done = ", ".join(f"{count} {word}" for word, count in counts.items() if count)
    nothing = "nothing was changed; this would be " if report.dry_run else ""
    lines = [f"{index}: {report.images} pictures ({nothing}{done or 'nothing to do'})"]
    if not report.dry_run:
        lines.append(f"embedded {report.embedded} with {report.encoder}; {_structure_text(report, recall)}")
    if report.seconds:
        lines.append("seconds: " + ", ".join(f"{stage} {taken:.1f}" for stage, taken in report.seconds.items()))
    for sort, paths in report.paths.items():
        if not (sort == "added" and report.added == report.images):  # of a new index everything is new
            lines += [f"{sort} {path}" for path in paths[:_SHOWN]]
            lines += _rest(getattr(report, sort))
    for sort, failed in (("skipped", report.skipped), ("not looked into:", report.unseen)):
        lines += [f"{sort} {path}: {reason}" for path, reason in failed[:_SHOWN]] + _rest(len(failed))
    lines += [f"note: {note}" for note in report.notes]
    return "\n".join(printable(line).replace("\n", "\\n") for line in lines)


def _rest(count: int) -> list[str]:
    return [f"... and {count - _SHOWN} more: see --json"] if count > _SHOWN else []


def _structure_text(report: ChangeReport, recall: float) -> str:
    if report.kind is None:
        return "no new segment"
    if report.recall is None:
        return f"new segment: {report.kind}, exact"
    short = "" if report.recall >= recall else f", below the {recall} asked for: try another --kind"
    return f"new segment: {report.kind}, recall@10 measured {report.recall:.3f}{short}"
