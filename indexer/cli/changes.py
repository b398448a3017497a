"""The commands `add`, `remove` and `sync`."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from indexer.cli.change_text import exit_code, tell
from indexer.cli.metadata import MetadataOption
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
    RecallOption,
    RehashOption,
    WhereOption,
    WorkersOption,
    patterns,
)
from search.config import BuildConfig, WatchConfig
from search.text import printable

if TYPE_CHECKING:
    from indexer.pipeline.change_report import ChangeReport


def add(
    pictures: Annotated[list[Path], typer.Argument(help="Pictures, and folders with all pictures below.")],
    index: IndexOption,
    encoder: EncoderOption = BuildConfig.encoder,
    kind: KindOption = BuildConfig.kind,
    device: DeviceOption = BuildConfig.device,
    recall: RecallOption = BuildConfig.recall,
    labels: LabelsOption = BuildConfig.labels,
    batch_size: BatchSizeOption = BuildConfig.batch_size,
    workers: WorkersOption = BuildConfig.workers,
    exclude: ExcludeOption = None,
    rehash: RehashOption = BuildConfig.rehash,
    metadata: MetadataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Add pictures to an index: they are searched at once, and nothing is removed or embedded twice.

    Many small additions make many segments, and searches slower: rebuild merges them. Exit code 3 when pictures were
    skipped.
    """
    from indexer.cli.console import ConsoleProgress
    from indexer.collection.add import add as add_pictures
    from indexer.metadata.file import open_metadata
    from indexer.metadata.load import load_metadata

    config = BuildConfig(
        encoder=encoder,
        kind=kind,
        device=device,
        recall=recall,
        labels=labels,
        batch_size=batch_size,
        workers=workers,
        exclude=patterns(exclude),
        rehash=rehash,
    )
    opened = None if metadata is None else open_metadata(metadata)
    with ConsoleProgress() as progress:
        report = add_pictures(index, pictures, config, progress=progress)
        loaded = None if opened is None else load_metadata(index, opened, progress=progress)
    tell(report, index, recall, as_json=as_json, metadata=loaded)
    exit_code(report)


def remove(
    index: IndexOption,
    paths: Annotated[list[Path] | None, typer.Argument(help="Pictures, or folders with all pictures below.")] = None,
    ids: Annotated[list[int] | None, typer.Option("--id", help="The id of a picture.")] = None,
    globs: Annotated[list[str] | None, typer.Option("--glob", help="A pattern of paths, such as 'cats/*.jpg'.")] = None,
    where: WhereOption = None,
    purge: Annotated[
        bool, typer.Option("--purge", help="Keep nothing of them: else their metadata and labels return with them.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be removed, and remove nothing.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Remove pictures from an index, all that is named or, where one thing is not there, nothing. No file is deleted.

    A picture that comes back is not embedded again until rebuild drops its vector, and has its metadata and label again
    for 90 days (twinlens rebuild --retain-days), unless --purge is given.
    """
    from indexer.collection.remove import remove as remove_pictures

    if not (paths or ids or globs or where):
        raise typer.BadParameter("name a picture or folder, or use --id, --glob or --where", param_hint="PATHS")
    report = remove_pictures(
        index,
        paths=paths or (),
        ids=ids or (),
        globs=globs or (),
        where=where or None,
        dry_run=dry_run,
        purge=purge,
    )
    tell(report, index, BuildConfig.recall, as_json=as_json)


def sync(
    pictures: Annotated[Path, typer.Argument(help="The folder of pictures, searched with all its subfolders.")],
    index: IndexOption,
    watch: Annotated[bool, typer.Option("--watch", help="Go on following the folder until interrupted.")] = False,
    interval: Annotated[
        float,
        typer.Option(
            help="With --watch: seconds until the folder is scanned though nothing told of a change.",
            min=1,
            max=MOST_SECONDS,
        ),
    ] = WatchConfig.interval,
    settle: Annotated[
        float,
        typer.Option(
            help="With --watch: seconds that a file must have been left alone to be taken.", min=0, max=MOST_SECONDS
        ),
    ] = WatchConfig.settle,
    allow_empty: Annotated[
        bool, typer.Option("--allow-empty", help="Take a folder without any picture as it is, instead of refusing it.")
    ] = WatchConfig.allow_empty,
    allow_missing: AllowMissingOption = BuildConfig.allow_missing,
    kind: KindOption = BuildConfig.kind,
    device: DeviceOption = BuildConfig.device,
    recall: RecallOption = BuildConfig.recall,
    labels: LabelsOption = BuildConfig.labels,
    batch_size: BatchSizeOption = BuildConfig.batch_size,
    workers: WorkersOption = BuildConfig.workers,
    exclude: ExcludeOption = None,
    rehash: RehashOption = BuildConfig.rehash,
    metadata: MetadataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make an index follow a folder: what was added, changed, moved or removed there.

    A folder without any picture is an error: an unmounted disk must not empty an index. Pictures of a subfolder that is
    missing, or holds none of them any more, stay and are reported, unless --allow-missing is given. Exit code 3 then,
    and when pictures were skipped.

    With --watch it goes on until it is interrupted (Ctrl-C, or SIGTERM), and then ends with 0; a round that
    fails is told, and the watch goes on; --json prints a line a round that changed something.
    """
    from indexer.cli.console import ConsoleProgress
    from indexer.collection.sync import sync as sync_index
    from indexer.metadata.file import open_metadata
    from indexer.metadata.load import load_metadata

    if watch and metadata is not None:
        raise typer.BadParameter(
            "is read once, and --watch goes on: run twinlens metadata when the file changes", param_hint="'--metadata'"
        )
    opened = None if metadata is None else open_metadata(metadata)
    config = BuildConfig(
        kind=kind,
        device=device,
        recall=recall,
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
    with ConsoleProgress() as progress:
        report = sync_index(pictures, index, config, progress=progress, allow_empty=allow_empty)
        loaded = None if opened is None else load_metadata(index, opened, root=pictures, progress=progress)
    tell(report, index, recall, as_json=as_json, metadata=loaded)
    exit_code(report)


def _watch(pictures: Path, index: Path, config: BuildConfig, watching: WatchConfig, *, as_json: bool) -> None:
    from indexer.cli.console import ConsoleProgress
    from indexer.collection.watch import watch

    def report_round(what: ChangeReport | Exception) -> None:
        if isinstance(what, Exception):
            typer.secho(f"error: {printable(str(what))}", fg="red", err=True)
        else:
            tell(what, index, config.recall, as_json=as_json)

    before = signal.signal(signal.SIGTERM, _interrupt)
    try:
        typer.echo(printable(f"watching {pictures}"), err=True)
        watch(pictures, index, config, watching, report=report_round, progress=ConsoleProgress)
    except KeyboardInterrupt:
        typer.echo("stopped", err=True)
    finally:
        signal.signal(signal.SIGTERM, before)


def _interrupt(number: int, frame: object) -> None:
    raise KeyboardInterrupt
