"""The commands `add`, `remove` and `sync`."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

import indexer
from indexer.cli.base import print_error
from indexer.cli.change_report import print_report, run_change
from indexer.cli.options import (
    MOST_SECONDS,
    AllowMissingOption,
    BatchSizeOption,
    DeviceOption,
    EncoderOption,
    ExcludeOption,
    IndexOption,
    JsonOption,
    KindOption,
    LabelsOption,
    MetadataOption,
    ParamOption,
    RecallOption,
    RehashOption,
    StoreOption,
    WorkersOption,
    patterns,
    read_params,
)
from search.config import BuildConfig, WatchConfig
from search.text import printable

if TYPE_CHECKING:
    from indexer import ChangeReport


def add(
    pictures: Annotated[list[Path], typer.Argument(help="Pictures, and folders with all pictures below them.")],
    index: StoreOption,
    encoder: EncoderOption = BuildConfig.encoder,
    kind: KindOption = BuildConfig.kind,
    device: DeviceOption = BuildConfig.device,
    recall: RecallOption = BuildConfig.recall,
    param: ParamOption = None,
    labels: LabelsOption = BuildConfig.labels,
    batch_size: BatchSizeOption = BuildConfig.batch_size,
    workers: WorkersOption = BuildConfig.workers,
    exclude: ExcludeOption = None,
    rehash: RehashOption = BuildConfig.rehash,
    metadata: MetadataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Add pictures to an index, where searches find them at once. Nothing is removed or embedded twice.

    Many small additions make many segments, which slow down searches; rebuild merges them. Exit code 3 if pictures
    were skipped.
    """
    config = BuildConfig(
        encoder=encoder,
        kind=kind,
        device=device,
        recall=recall,
        params=read_params(param),
        labels=labels,
        batch_size=batch_size,
        workers=workers,
        exclude=patterns(exclude),
        rehash=rehash,
    )
    run_change(
        lambda progress: indexer.add(index, pictures, config, progress=progress),
        index,
        recall=recall,
        metadata=metadata,
        as_json=as_json,
    )


def remove(
    index: StoreOption,
    paths: Annotated[
        list[Path] | None, typer.Argument(help="Pictures, or folders with all pictures below them.")
    ] = None,
    ids: Annotated[list[int] | None, typer.Option("--id", help="The id of a picture. May be repeated.")] = None,
    globs: Annotated[
        list[str] | None, typer.Option("--glob", help="A pattern of paths, such as 'cats/*.jpg'. May be repeated.")
    ] = None,
    where: Annotated[
        list[str] | None,
        typer.Option(
            help="Pictures that match this filter, such as label=shoe. If it is given several times, all filters must "
            "match."
        ),
    ] = None,
    purge: Annotated[
        bool,
        typer.Option(
            "--purge", help="Erase their metadata and labels at once; they do not come back with the pictures."
        ),
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="List what would be removed, and remove nothing.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Remove pictures from an index: all that are named, or none if one of them is not in it. No file is deleted.

    PATHS, --id, --glob and --where add up: each names pictures to remove, in addition to those of the others.

    A removed picture that comes back is not embedded again, unless rebuild has dropped its vector. For 90 days (see
    rebuild --retain-days) it also gets back its metadata and label, unless --purge was given.
    """
    if not (paths or ids or globs or where):
        raise typer.BadParameter("name a picture or folder, or use --id, --glob or --where", param_hint="PATHS")
    report = indexer.remove(
        index,
        paths=paths or (),
        ids=ids or (),
        globs=globs or (),
        where=where or None,
        dry_run=dry_run,
        purge=purge,
    )
    print_report(report, index, BuildConfig.recall, as_json=as_json)


def sync(
    pictures: Annotated[Path, typer.Argument(help="The folder of pictures, searched with all its subfolders.")],
    index: IndexOption,
    watch: Annotated[bool, typer.Option("--watch", help="Keep following the folder until interrupted.")] = False,
    interval: Annotated[
        float,
        typer.Option(
            help="With --watch: seconds between scans of the folder, for changes that the system does not report.",
            min=1,
            max=MOST_SECONDS,
        ),
    ] = WatchConfig.interval,
    settle: Annotated[
        float,
        typer.Option(
            help="With --watch: seconds that a file must stay unchanged before it is indexed.", min=0, max=MOST_SECONDS
        ),
    ] = WatchConfig.settle,
    allow_empty: Annotated[
        bool, typer.Option("--allow-empty", help="Accept a folder without any picture, instead of reporting an error.")
    ] = WatchConfig.allow_empty,
    allow_missing: AllowMissingOption = BuildConfig.allow_missing,
    kind: KindOption = BuildConfig.kind,
    device: DeviceOption = BuildConfig.device,
    recall: RecallOption = BuildConfig.recall,
    param: ParamOption = None,
    labels: LabelsOption = BuildConfig.labels,
    batch_size: BatchSizeOption = BuildConfig.batch_size,
    workers: WorkersOption = BuildConfig.workers,
    exclude: ExcludeOption = None,
    rehash: RehashOption = BuildConfig.rehash,
    metadata: MetadataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Bring an index up to date with a folder: pictures added, changed, moved or removed there.

    A folder without any picture is an error, so that an unmounted disk does not empty the index. Pictures of a
    subfolder that is missing, or that holds none of them any more, are kept and reported, unless --allow-missing is
    given. Exit code 3 in that case, and if pictures were skipped.

    With --watch it runs until it is interrupted (Ctrl-C, or SIGTERM), and exits with 0. A round that fails is reported,
    and watching continues. --json prints one line for each round that changed something.
    """
    if watch and metadata is not None:
        raise typer.BadParameter(
            "is read once, but --watch keeps running: run twinlens metadata when the file changes",
            param_hint="'--metadata'",
        )
    config = BuildConfig(
        kind=kind,
        device=device,
        recall=recall,
        params=read_params(param),
        labels=labels,
        batch_size=batch_size,
        workers=workers,
        exclude=patterns(exclude),
        allow_missing=allow_missing,
        rehash=rehash,
    )
    if watch:
        _watch(pictures, index, config, WatchConfig(interval, settle, allow_empty), as_json=as_json)
        return
    run_change(
        lambda progress: indexer.sync(pictures, index, config, progress=progress, allow_empty=allow_empty),
        index,
        recall=recall,
        metadata=metadata,
        root=pictures,
        as_json=as_json,
    )


def _watch(pictures: Path, index: Path, config: BuildConfig, watching: WatchConfig, *, as_json: bool) -> None:
    from indexer.cli.console import ConsoleProgress

    def print_round(outcome: ChangeReport | Exception) -> None:
        if isinstance(outcome, Exception):
            print_error(outcome)
        else:
            print_report(outcome, index, config.recall, as_json=as_json)

    before = signal.signal(signal.SIGTERM, _interrupt)
    try:
        typer.echo(printable(f"watching {pictures}"), err=True)
        indexer.watch(pictures, index, config, watching, report=print_round, progress=ConsoleProgress)
    except KeyboardInterrupt:
        typer.echo("stopped", err=True)
    finally:
        signal.signal(signal.SIGTERM, before)


def _interrupt(number: int, frame: object) -> None:
    raise KeyboardInterrupt
