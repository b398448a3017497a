"""The commands `build` and `rebuild`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from indexer.cli.change_text import exit_code, tell
from indexer.cli.metadata import MetadataOption
from indexer.cli.options import (
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
    WorkersOption,
    patterns,
)
from search.config import BuildConfig, RetainConfig
from search.store.json_values import MOST_DAYS


def build(
    pictures: Annotated[Path, typer.Argument(help="The folder of pictures, searched with all its subfolders.")],
    index: IndexOption,
    encoder: EncoderOption = BuildConfig.encoder,
    kind: KindOption = BuildConfig.kind,
    device: DeviceOption = BuildConfig.device,
    recall: RecallOption = BuildConfig.recall,
    labels: LabelsOption = BuildConfig.labels,
    batch_size: BatchSizeOption = BuildConfig.batch_size,
    workers: WorkersOption = BuildConfig.workers,
    exclude: ExcludeOption = None,
    allow_missing: AllowMissingOption = BuildConfig.allow_missing,
    rehash: RehashOption = BuildConfig.rehash,
    metadata: MetadataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make an index of a folder of pictures, or bring it up to date with the folder.

    A build that was stopped goes on where it was when it is run again. Exit code 3 when pictures were skipped, or
    stay although their whole folder is missing or empty.
    """
    from indexer.cli.console import ConsoleProgress
    from indexer.collection.build import build as build_index
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
        allow_missing=allow_missing,
        rehash=rehash,
    )
    opened = None if metadata is None else open_metadata(metadata)  # what cannot be used is said before the work
    with ConsoleProgress() as progress:
        report = build_index(pictures, index, config, progress=progress)
        loaded = None if opened is None else load_metadata(index, opened, root=pictures, progress=progress)
    tell(report, index, recall, as_json=as_json, metadata=loaded)
    exit_code(report)


def rebuild(
    index: IndexOption,
    encoder: Annotated[
        str | None,
        typer.Option(
            help="Embed every picture again with this encoder, beside the index, which answers until then.",
            show_default=False,
        ),
    ] = None,
    kind: KindOption = BuildConfig.kind,
    recall: RecallOption = BuildConfig.recall,
    drop_missing: Annotated[
        bool, typer.Option("--drop-missing", help="With --encoder: leave out pictures whose files cannot be read.")
    ] = False,
    purge: Annotated[
        bool, typer.Option("--purge", help="Forget the metadata, labels and enrolments of pictures that were removed.")
    ] = False,
    retain_days: Annotated[
        int | None,
        typer.Option(
            metavar="DAYS",
            help="How long such things are kept from now on, in case the pictures return; 0: "
            f"not at all.  [default: as before; {RetainConfig.days} in a new index]",
            show_default=False,
            min=0,
            max=MOST_DAYS,
        ),
    ] = None,
    device: DeviceOption = BuildConfig.device,
    batch_size: BatchSizeOption = BuildConfig.batch_size,
    workers: WorkersOption = BuildConfig.workers,
    as_json: JsonOption = False,
) -> None:
    """Merge the segments of an index into one and choose its structure anew; nothing is embedded twice.

    Vectors of pictures that were removed are dropped. Exit code 3 when pictures were left out.
    """
    from indexer.cli.console import ConsoleProgress
    from indexer.collection.rebuild import rebuild as rebuild_index

    config = BuildConfig(
        encoder=encoder, kind=kind, device=device, recall=recall, batch_size=batch_size, workers=workers
    )
    with ConsoleProgress() as progress:
        report = rebuild_index(
            index, config, drop_missing=drop_missing, purge=purge, retain_days=retain_days, progress=progress
        )
    tell(report, index, recall, as_json=as_json)
    exit_code(report)
