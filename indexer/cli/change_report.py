"""Run a change of an index, and print its report: what build, add, sync, rebuild, remove and import share."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import typer

import indexer
from indexer.cli.base import SHOWN, SKIPPED_EXIT
from indexer.cli.metadata import metadata_text
from indexer.cli.tuning_table import explanation
from search.store.address import refuse_uri
from search.text import counted, one_line

if TYPE_CHECKING:
    from collections.abc import Callable

    from indexer import ChangeReport, MetadataReport, Progress

_SUFFIXES = 12
"""Kinds of files that are not read, each listed with its count."""


def run_change(
    change: Callable[[Progress], ChangeReport],
    index: Path | str,
    *,
    recall: float,
    metadata: Path | None = None,
    root: Path | None = None,
    explain: bool = False,
    as_json: bool,
) -> None:
    """Change an index, store a file of metadata in it, print the report, and exit with its code.

    Args:
        change: makes the change, and reports its progress.
        index: the index folder, or the URI of a store.
        recall: what `change` tunes an approximate structure for.
        metadata: the file of metadata; an invalid one is rejected before the change.
        root: the folder that relative paths in it start from.
        explain: print the candidates that were compared; JSON always has them.
        as_json: print JSON.
    """
    from indexer.cli.console import ConsoleProgress
    from indexer.metadata.file import open_metadata

    if metadata is not None:
        refuse_uri(Path(index))
    opened = None if metadata is None else open_metadata(metadata)
    with ConsoleProgress() as progress:
        report = change(progress)
        loaded = None if opened is None else indexer.load_metadata(index, opened, root=root, progress=progress)
    print_report(report, index, recall, as_json=as_json, metadata=loaded)
    if explain and not as_json:
        typer.echo("\n".join(explanation(report)))
    if report.skipped or report.missing:
        raise typer.Exit(SKIPPED_EXIT)


def print_report(
    report: ChangeReport, index: Path | str, recall: float, *, as_json: bool, metadata: MetadataReport | None = None
) -> None:
    """Print what changed."""
    if as_json:
        typer.echo(json.dumps(report.to_dict() | ({} if metadata is None else {"metadata": asdict(metadata)})))
        return
    typer.echo("\n".join(map(one_line, _report_lines(report, index, recall))))
    if metadata is not None:
        typer.echo(metadata_text(metadata, Path(index)))


def _report_lines(report: ChangeReport, index: Path | str, recall: float) -> list[str]:
    """Counts and costs, then what changed by path, unless everything is new."""
    counts = {
        "added": report.added,
        "changed": report.changed,
        "moved": report.moved,
        "removed": report.removed,
        "relabelled": report.relabelled,
        "unchanged": report.unchanged,
        "kept": report.kept,
        "skipped": len(report.skipped),
    }
    summary = ", ".join(f"{count} {word}" for word, count in counts.items() if count) or "nothing to do"
    if report.dry_run:
        summary = f"would remove {report.removed}; this was a dry run, nothing was changed"
    lines = [f"{index}: {counted(report.images, 'picture')} ({summary})"]
    if report.seconds:
        lines.append(f"embedded {report.embedded} with {report.encoder}; {_structure_text(report, recall)}")
        lines.append("seconds: " + ", ".join(f"{stage} {seconds:.1f}" for stage, seconds in report.seconds.items()))
    lines += report.notes + _unexpected_lines(report)
    for sort, paths in report.paths.items():
        if report.added < report.images:
            shown = "would remove" if report.dry_run else sort
            lines += [f"{shown} {path}" for path in paths[:SHOWN]] + _rest(counts[sort])
    lines += [f"read with a note {path}: {note}" for path, note in report.noted[:SHOWN]] + _rest(len(report.noted))
    return lines + [f"skipped {path}: {reason}" for path, reason in report.skipped[:SHOWN]] + _rest(len(report.skipped))


def _unexpected_lines(report: ChangeReport) -> list[str]:
    """What a user may not have expected, a line for each thing."""
    lines = []
    if report.read_again:
        lines.append(f"{counted(report.read_again, 'file')} read again, with the same content")
    if report.returned:
        lines.append(f"{counted(report.returned, 'picture')} came back, with metadata")
    if report.excluded:
        lines.append(f"{report.excluded} of the removed pictures match an --exclude pattern now")
    if report.not_read:
        kinds = [f"{count} {suffix or 'without a suffix'}" for suffix, count in report.not_read.items()]
        more = [f"{sum(list(report.not_read.values())[_SUFFIXES:])} of other kinds"] if len(kinds) > _SUFFIXES else []
        lines.append(f"not read: {', '.join(kinds[:_SUFFIXES] + more)}")
    for each in report.missing[:SHOWN]:
        lines.append(f"kept {counted(each.pictures, 'picture')} of {each.folder}, which {each.reason}")
    if report.missing:
        lines += _rest(len(report.missing))
        lines.append("Mount or restore the folder; or remove its pictures with twinlens remove, or --allow-missing")
    return lines


def _rest(count: int) -> list[str]:
    return [f"... and {count - SHOWN} more: see --json"] if count > SHOWN else []


def _structure_text(report: ChangeReport, recall: float) -> str:
    if report.kind is None:
        return "no new segment"
    if report.recall is None:
        return f"new segment: {report.kind}, exact"
    measured = None if report.tuning is None else report.tuning.recall
    missed = measured is not None and measured.probes > 0 and not measured.reaches(recall)
    below = f"; below the target of {recall}: try another --kind" if missed else ""
    return f"new segment: {report.kind}, recall@10 {measured}{below}"
