"""The command `add`."""

from __future__ import annotations

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
from search.cli import DeviceOption, IndexOption, JsonOption
from search.config import BuildConfig


def add(
    pictures: Annotated[list[Path], typer.Argument(help="Pictures, and folders with all their subfolders.")],
    index: IndexOption,
    kind: KindOption = BuildConfig.kind,
    device: DeviceOption = BuildConfig.device,
    recall: RecallOption = BuildConfig.recall,
    labels: LabelsOption = BuildConfig.labels,
    batch_size: BatchSizeOption = BuildConfig.batch_size,
    workers: WorkersOption = BuildConfig.workers,
    as_json: JsonOption = False,
) -> None:
    """Add pictures to an index and leave all others in it alone; one that it ever had is not embedded again.

    What was added is found at once. Exit code 3 when pictures were skipped.
    """
    from indexer.add import add as add_pictures
    from indexer.console import ConsoleProgress

    config = BuildConfig(kind=kind, device=device, recall=recall, labels=labels, batch_size=batch_size, workers=workers)
    with ConsoleProgress() as progress:
        report = add_pictures(index, pictures, config, progress=progress)
    tell(report, index, recall, as_json=as_json)
    exit_for(report)
