"""What a change did to an index, for people and for programs."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING

import typer

from indexer.cli.base import SKIPPED_EXIT
from indexer.cli.metadata import report_text
from search.text import printable

if TYPE_CHECKING:
    from pathlib import Path

    from indexer.metadata.load import MetadataReport
    from indexer.pipeline.change_report import ChangeReport

_KINDS = 12
"""Kinds of files that are not read, each with its count."""
_SHOWN = 20
"""Paths of each sort listed in a summary; --json lists more of them, and all that were skipped."""


def tell(
    report: ChangeReport, index: Path, recall: float, *, as_json: bool, metadata: MetadataReport | None = None
) -> None:
    """Print a report."""
    if as_json:
        typer.echo(json.dumps(report.to_dict() | ({} if metadata is None else {"metadata": asdict(metadata)})))
        return
    typer.echo(_text(report, index, recall))
    if metadata is not None:
        typer.echo(printable(report_text(metadata, index)))


def exit_code(report: ChangeReport) -> None:
    """End with an exit code of its own where pictures were skipped, or stay though their folder is missing."""
    if report.skipped or report.missing:
        raise typer.Exit(SKIPPED_EXIT)


def _text(report: ChangeReport, index: Path, recall: float) -> str:
    """Counts, costs, then what changed by path, unless everything is new."""
    done = {
        "added": report.added,
        "changed": report.changed,
        "moved": report.moved,
        "removed": report.removed,
        "relabelled": report.relabelled,
        "unchanged": report.unchanged,
        "kept": report.kept,
        "skipped": len(report.skipped),
    }
    counts = ", ".join(f"{count} {word}" for word, count in done.items() if count) or "nothing to do"
    if report.dry_run:
        counts = f"would remove {report.removed}; this was a dry run, nothing was changed"
    lines = [f"{index}: {report.images} pictures ({counts})"]
    if report.seconds:
        lines.append(f"embedded {report.embedded} with {report.encoder}; {_structure_text(report, recall)}")
        lines.append("seconds: " + ", ".join(f"{stage} {seconds:.1f}" for stage, seconds in report.seconds.items()))
    lines += report.notes + _asides(report)
    for sort, paths in report.paths.items():
        if report.added < report.images:
            shown = "would remove" if report.dry_run else sort
            lines += [f"{shown} {path}" for path in paths[:_SHOWN]] + _rest(done[sort])
    lines += [f"read with a note {path}: {note}" for path, note in report.noted[:_SHOWN]] + _rest(len(report.noted))
    lines += [f"skipped {path}: {reason}" for path, reason in report.skipped[:_SHOWN]] + _rest(len(report.skipped))
    return "\n".join(printable(line).replace("\n", "\\n") for line in lines)


def _asides(report: ChangeReport) -> list[str]:
    """A line for each thing that a user may not have expected."""
    lines = []
    if report.read_again:
        lines.append(f"{report.read_again} files were read again and hold what they held")
    if report.returned:
        lines.append(f"{report.returned} pictures are back, with the metadata that they had")
    if report.excluded:
        lines.append(f"{report.excluded} of the removed pictures are left out by an --exclude pattern now")
    if report.not_read:
        kinds = [f"{count} {suffix or 'without a suffix'}" for suffix, count in report.not_read.items()]
        more = [f"{sum(list(report.not_read.values())[_KINDS:])} of other kinds"] if len(kinds) > _KINDS else []
        lines.append(f"not read: {', '.join(kinds[:_KINDS] + more)}")
    for each in report.missing[:_SHOWN]:
        lines.append(f"kept {each.pictures} pictures of {each.folder}, which {each.reason}")
    if report.missing:
        lines += _rest(len(report.missing))
        lines.append("Mount or restore the folder; or remove its pictures: twinlens remove, or --allow-missing")
    return lines


def _rest(count: int) -> list[str]:
    return [f"... and {count - _SHOWN} more: see --json"] if count > _SHOWN else []


def _structure_text(report: ChangeReport, recall: float) -> str:
    if report.kind is None:
        return "no new segment"
    if report.recall is None:
        return f"new segment: {report.kind}, exact"
    short = "" if report.recall >= recall else f", below the {recall} asked for: try another --kind"
    return f"new segment: {report.kind}, recall@10 measured {report.recall:.3f}{short}"
