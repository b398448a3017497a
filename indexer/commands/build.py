"""The command `build`."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from indexer.commands.change_options import (
    BatchSizeOption,
    KindOption,
    LabelsOption,
    RecallOption,
    WorkersOption,
    exit_for,
    tell,
)
from indexer.commands.metadata import MetadataOption, report_text
from search.cli import DeviceOption, IndexOption, JsonOption, printable
from search.config import BuildConfig


def build(
    pictures: Annotated[Path, typer.Argument(help="The folder of pictures, searched with all its subfolders.")],
    index: IndexOption,
    encoder: Annotated[
        str | None,
        typer.Option(help="builtin, color-layout, torchvision:NAME, timm:NAME, or a folder that train wrote."
                     "  [default: that of the index; builtin for a new one]", show_default=False),
    ] = BuildConfig.encoder,
    kind: KindOption = BuildConfig.kind,
    device: DeviceOption = BuildConfig.device,
    recall: RecallOption = BuildConfig.recall,
    labels: LabelsOption = BuildConfig.labels,
    batch_size: BatchSizeOption = BuildConfig.batch_size,
    workers: WorkersOption = BuildConfig.workers,
    metadata: MetadataOption = None,
    as_json: JsonOption = False,
) -> None:  # fmt: skip
    """Make an index of a folder of pictures, or bring it up to date with the folder.

    A build that was stopped goes on where it was when it is run again. Exit code 3 when pictures were skipped.
    """
    from indexer.build import build as build_index
    from indexer.console import ConsoleProgress
    from indexer.metadata import load_metadata
    from indexer.metadata_file import open_metadata

    config = BuildConfig(encoder=encoder, kind=kind, device=device, recall=recall, labels=labels,
                         batch_size=batch_size, workers=workers)  # fmt: skip
    opened = None if metadata is None else open_metadata(metadata)  # what cannot be used is said before the work
    with ConsoleProgress() as progress:
        report = build_index(pictures, index, config, progress=progress)
        loaded = None if opened is None else load_metadata(index, opened, root=pictures, progress=progress)
    tell(report, index, recall, as_json=as_json, more=None if loaded is None else {"metadata": asdict(loaded)})
    if loaded is not None and not as_json:
        typer.echo(printable(report_text(loaded, index)))
    exit_for(report)
