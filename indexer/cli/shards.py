"""The command `embed`."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

import indexer
from indexer.cli.base import SHOWN, SKIPPED_EXIT
from indexer.cli.options import (
    BatchSizeOption,
    DeviceOption,
    ExcludeOption,
    JsonOption,
    PicturesArgument,
    PrecisionOption,
    WorkersOption,
    patterns,
)
from indexer.shards.assignment import Shard
from indexer.shards.config import EmbedConfig
from search.errors import DataError
from search.text import one_line, printable

if TYPE_CHECKING:
    from indexer import PartReport


def embed(
    pictures: PicturesArgument,
    out: Annotated[Path, typer.Option(help="The folder of the part: new, empty, or of a run to continue.")],
    shard: Annotated[
        str, typer.Option(metavar="NUMBER/COUNT", help="Which share of the files to embed, such as 3/8.")
    ] = "1/1",
    encoder: Annotated[
        str | None,
        typer.Option(help="As for build.  [default: photo]", show_default=False),
    ] = EmbedConfig.encoder,
    precision: PrecisionOption = EmbedConfig.precision,
    device: DeviceOption = EmbedConfig.device,
    labels: Annotated[
        str | None,
        typer.Option(
            help="Source of the labels: folder, none, or a CSV with the columns path and label.  [default: folder]",
            show_default=False,
        ),
    ] = EmbedConfig.labels,
    batch_size: BatchSizeOption = EmbedConfig.batch_size,
    workers: WorkersOption = EmbedConfig.workers,
    exclude: ExcludeOption = None,
    block_files: Annotated[
        int, typer.Option(help="Files per block: what a killed run embeds again at most.", min=1, max=1_000_000)
    ] = EmbedConfig.block_files,
    as_json: JsonOption = False,
) -> None:
    """Embed one shard of a collection on this machine, for twinlens import to merge into one index.

    An interrupted run continues when it is run again. Every shard needs a folder of its own. Exit code 3 if pictures
    were skipped. docs/scale.md has recipes.
    """
    from indexer.cli.console import ConsoleProgress

    try:
        own = Shard.read(shard)
    except DataError as error:
        raise typer.BadParameter(printable(str(error)), param_hint="'--shard'") from None
    config = EmbedConfig(
        shard=own,
        encoder=encoder,
        precision=precision,
        device=device,
        labels=labels,
        batch_size=batch_size,
        workers=workers,
        exclude=patterns(exclude),
        block_files=block_files,
    )
    with ConsoleProgress() as progress:
        report = indexer.embed_part(pictures, out, config, progress=progress)
    if as_json:
        skipped = [{"path": str(path), "reason": reason} for path, reason in report.skipped]
        typer.echo(json.dumps(asdict(report) | {"out": str(report.out), "skipped": skipped}))
    else:
        typer.echo("\n".join(map(one_line, _lines(report))))
    if report.skipped:
        raise typer.Exit(SKIPPED_EXIT)


def _lines(report: PartReport) -> list[str]:
    lines = [
        f"{report.out}: shard {report.shard}, {report.files:,} files, {report.embedded:,} embedded now by"
        f" {report.encoder}, {report.already:,} done before"
    ]
    lines += [f"skipped {path}: {reason}" for path, reason in report.skipped[:SHOWN]]
    if len(report.skipped) > SHOWN:
        lines.append(f"skipped {len(report.skipped) - SHOWN:,} more")
    return lines
