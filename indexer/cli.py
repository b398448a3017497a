"""Every command of `twinlens`. Thin: options come from the configuration's defaults, the work is one call away."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from indexer.commands.calibrate import calibrate
from indexer.commands.duplicates import duplicates
from indexer.commands.evaluate import evaluate
from indexer.commands.identities import attend, enroll, unenroll
from indexer.commands.map import draw_map
from indexer.commands.train import recipes, teach, train
from search.cli import SKIPPED_EXIT, DeviceOption, IndexOption, JsonOption, info, printable, query, run
from search.config import BuildConfig
from search.identify import identify, identities
from search.verify import verify

if TYPE_CHECKING:
    from indexer.build import BuildReport

app = typer.Typer(
    name="twinlens",
    help="Find the pictures of a collection that look like a given picture.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.command()(query)
app.command()(info)
app.command()(enroll)
app.command()(unenroll)
app.command()(identities)
app.command()(identify)
app.command()(attend)
app.command()(evaluate)
app.command()(calibrate)
app.command()(verify)
app.command("map")(draw_map)
app.command()(duplicates)
app.command()(train)
app.command()(teach)
app.command()(recipes)

_SHOWN = 20
"""Skipped pictures listed in a summary; --json lists them all."""


@app.command()
def build(
    pictures: Annotated[Path, typer.Argument(help="The folder of pictures, searched with all its subfolders.")],
    index: IndexOption,
    encoder: Annotated[
        str | None,
        typer.Option(help="builtin, color-layout, torchvision:NAME, timm:NAME, or a folder that train wrote."
                     "  [default: that of the index; builtin for a new one]", show_default=False),
    ] = BuildConfig.encoder,
    kind: Annotated[str, typer.Option(help="auto, flat, hnsw, ivf, ivfpq or hnswlib.")] = BuildConfig.kind,
    device: DeviceOption = BuildConfig.device,
    recall: Annotated[float, typer.Option(help="Recall@10 that an approximate kind is tuned for.", min=0.0, max=1.0)] =
    BuildConfig.recall,
    labels: Annotated[str, typer.Option(help="folder, none, or a CSV with the columns path and label.")] =
    BuildConfig.labels,
    batch_size: Annotated[int, typer.Option(help="Pictures embedded at once.", min=1)] = BuildConfig.batch_size,
    workers: Annotated[int, typer.Option(help="Threads that read and decode.", min=1)] = BuildConfig.workers,
    as_json: JsonOption = False,
) -> None:  # fmt: skip
    """Make an index of a folder of pictures, or bring it up to date with the folder.

    A build that was stopped goes on where it was when it is run again. Exit code 3 when pictures were skipped.
    """
    from indexer.build import build as build_index
    from indexer.console import ConsoleProgress

    config = BuildConfig(encoder=encoder, kind=kind, device=device, recall=recall, labels=labels,
                         batch_size=batch_size, workers=workers)  # fmt: skip
    with ConsoleProgress() as progress:
        report = build_index(pictures, index, config, progress=progress)
    typer.echo(json.dumps(_report_dict(report)) if as_json else _report_text(report, index, recall))
    if report.skipped:
        raise typer.Exit(SKIPPED_EXIT)


@app.command()
def check(index: Annotated[Path, typer.Argument(help="The index folder.")]) -> None:
    """Verify an index: every file by its checksum, every picture by its row. Exit code 0 when it is whole."""
    from indexer.check import check as check_index

    findings = check_index(index)
    for finding in findings:
        typer.echo(printable(finding))
    if findings:
        raise typer.Exit(1)
    typer.echo(printable(f"{index}: whole"))


@app.command()
def demo(
    port: Annotated[int, typer.Option(help="Port of 127.0.0.1 for the app.", min=1, max=65535)] = 8501,
    open_app: Annotated[bool, typer.Option("--app/--no-app", help="Serve the app at the end.")] = True,
) -> None:
    """Index the sample collection, answer one query here, and open the app on it."""
    from indexer import demo as demonstration

    picture = demonstration.demo_query()
    build(demonstration.SAMPLE, demonstration.DEMO_INDEX)
    query([str(picture)], demonstration.DEMO_INDEX, k=5)
    if open_app:
        typer.echo(f"The app: http://127.0.0.1:{port} (stop it with Ctrl-C)")
        demonstration.serve(demonstration.DEMO_INDEX, port)


def _report_dict(report: BuildReport) -> dict[str, object]:
    plain: dict[str, object] = {name: getattr(report, name) for name in report.__slots__}
    return {**plain, "skipped": [{"path": str(path), "reason": reason} for path, reason in report.skipped]}


def _report_text(report: BuildReport, index: Path, recall: float) -> str:
    done = {"added": report.added, "changed": report.changed, "moved": report.moved, "removed": report.removed,
            "unchanged": report.unchanged, "skipped": len(report.skipped)}  # fmt: skip
    lines = [f"{index}: {report.images} pictures ({', '.join(f'{n} {word}' for word, n in done.items() if n)})"]
    lines.append(f"embedded {report.embedded} with {report.encoder}; {_structure_text(report, recall)}")
    lines.append("seconds: " + ", ".join(f"{stage} {seconds:.1f}" for stage, seconds in report.seconds.items()))
    lines += [f"skipped {path}: {reason}" for path, reason in report.skipped[:_SHOWN]]
    if len(report.skipped) > _SHOWN:
        lines.append(f"... and {len(report.skipped) - _SHOWN} more: --json lists them all")
    return "\n".join(printable(line).replace("\n", "\\n") for line in lines)


def _structure_text(report: BuildReport, recall: float) -> str:
    if report.kind is None:
        return "no new segment"
    if report.recall is None:
        return f"new segment: {report.kind}, exact"
    short = "" if report.recall >= recall else f", below the {recall} asked for: try another --kind"
    return f"new segment: {report.kind}, recall@10 measured {report.recall:.3f}{short}"


def main() -> None:
    """Entry point of the console script."""
    run(app)
