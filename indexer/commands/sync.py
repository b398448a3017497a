"""The command `sync`."""

from __future__ import annotations

import signal
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

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
from search.cli import DeviceOption, IndexOption, JsonOption, printable
from search.config import BuildConfig, WatchConfig

if TYPE_CHECKING:
    from indexer.change_report import ChangeReport


def sync(
    pictures: Annotated[Path, typer.Argument(help="The folder of pictures, searched with all its subfolders.")],
    index: IndexOption,
    watch: Annotated[bool, typer.Option("--watch", help="Keep going: follow every change until stopped.")] = False,
    interval: Annotated[
        float, typer.Option(help="With --watch, seconds after which the folder is scanned even if nothing told.", min=1)
    ] = WatchConfig.interval,
    settle: Annotated[
        float, typer.Option(help="With --watch, seconds that a file must have been left alone to be taken.", min=0)
    ] = WatchConfig.settle,
    allow_empty: Annotated[
        bool, typer.Option("--allow-empty", help="Take a folder without pictures as it is, instead of refusing it.")
    ] = False,
    kind: KindOption = BuildConfig.kind,
    device: DeviceOption = BuildConfig.device,
    recall: RecallOption = BuildConfig.recall,
    labels: LabelsOption = BuildConfig.labels,
    batch_size: BatchSizeOption = BuildConfig.batch_size,
    workers: WorkersOption = BuildConfig.workers,
    as_json: JsonOption = False,
) -> None:
    """Bring an index up to date with a folder: what was added, changed, moved and removed there.

    Pictures from other folders stay. A folder without pictures is refused: it may be a disk that is not mounted. Exit
    code 3 when pictures were skipped. With --watch, runs until it is stopped (Ctrl-C, or SIGTERM), a line of JSON a
    change with --json; an error of one round is told, and the watch goes on.
    """
    from indexer.console import ConsoleProgress

    config = BuildConfig(kind=kind, device=device, recall=recall, labels=labels, batch_size=batch_size, workers=workers)
    if watch:
        _watch(pictures, index, config, WatchConfig(interval, settle, allow_empty), as_json=as_json)
        return
    from indexer.sync import sync as sync_folder

    with ConsoleProgress() as progress:
        report = sync_folder(pictures, index, config, progress=progress, allow_empty=allow_empty)
    tell(report, index, recall, as_json=as_json)
    exit_for(report)


def _watch(pictures: Path, index: Path, config: BuildConfig, watch: WatchConfig, *, as_json: bool) -> None:
    from indexer.console import ConsoleProgress
    from indexer.watch import watch as watch_folder

    def told(said: ChangeReport | Exception) -> None:
        moment = datetime.now().astimezone().isoformat(timespec="seconds")
        if isinstance(said, Exception):
            typer.secho(printable(f"{moment} error: {said}"), fg="red", err=True)
        else:
            if not as_json:
                typer.echo(moment)
            tell(said, index, config.recall, as_json=as_json)

    before = signal.signal(signal.SIGTERM, _interrupt)
    try:
        typer.echo(printable(f"watching {pictures}"), err=True)
        watch_folder(pictures, index, config, watch, tell=told, progress=ConsoleProgress)
    except KeyboardInterrupt:
        typer.echo("stopped", err=True)
    finally:
        signal.signal(signal.SIGTERM, before)


def _interrupt(number: int, frame: object) -> None:
    raise KeyboardInterrupt
