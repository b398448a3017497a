"""The commands `build` and `rebuild`."""

from __future__ import annotations

from typing import Annotated

import typer

import indexer
from indexer.cli.change_report import run_change
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
    MemoryOption,
    MetadataOption,
    ParamOption,
    PicturesArgument,
    PrecisionOption,
    RecallOption,
    RehashOption,
    WorkersOption,
    patterns,
    read_params,
)
from search.config import BuildConfig, Engine, RetainConfig
from search.store.json_values import MOST_DAYS


def build(
    pictures: PicturesArgument,
    index: IndexOption,
    encoder: EncoderOption = BuildConfig.encoder,
    precision: PrecisionOption = BuildConfig.precision,
    kind: KindOption = BuildConfig.kind,
    device: DeviceOption = BuildConfig.device,
    recall: RecallOption = BuildConfig.recall,
    memory: MemoryOption = BuildConfig.memory,
    param: ParamOption = None,
    labels: LabelsOption = BuildConfig.labels,
    batch_size: BatchSizeOption = BuildConfig.batch_size,
    workers: WorkersOption = BuildConfig.workers,
    exclude: ExcludeOption = None,
    allow_missing: AllowMissingOption = BuildConfig.allow_missing,
    rehash: RehashOption = BuildConfig.rehash,
    engine: Annotated[
        Engine, typer.Option(help="Where pictures are read and embedded: on this machine, or on a Ray cluster.")
    ] = BuildConfig.engine,
    address: Annotated[
        str | None,
        typer.Option(
            help="With --engine ray: a running cluster, such as 10.0.0.1:6379.  [default: RAY_ADDRESS; otherwise a "
            "cluster on this machine for this build]",
            show_default=False,
        ),
    ] = BuildConfig.address,
    metadata: MetadataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Build an index of a folder of pictures, or bring it up to date with the folder.

    An interrupted build continues where it stopped when it is run again. Exit code 3 if pictures were skipped, or were
    kept although their whole folder is missing or empty.
    """
    config = BuildConfig(
        encoder=encoder,
        precision=precision,
        kind=kind,
        device=device,
        recall=recall,
        memory=memory,
        params=read_params(param),
        labels=labels,
        batch_size=batch_size,
        workers=workers,
        exclude=patterns(exclude),
        allow_missing=allow_missing,
        rehash=rehash,
        engine=engine,
        address=address,
    )
    run_change(
        lambda progress: indexer.build(pictures, index, config, progress=progress),
        index,
        recall=recall,
        metadata=metadata,
        root=pictures,
        as_json=as_json,
    )


def rebuild(
    index: IndexOption,
    encoder: Annotated[
        str | None,
        typer.Option(
            help="Embed every picture again with this encoder. The old index answers queries until that is done.",
            show_default=False,
        ),
    ] = None,
    precision: PrecisionOption = BuildConfig.precision,
    kind: KindOption = BuildConfig.kind,
    recall: RecallOption = BuildConfig.recall,
    memory: MemoryOption = BuildConfig.memory,
    explain: Annotated[
        bool, typer.Option("--explain", help="Print the candidates that auto compared, and what was measured.")
    ] = False,
    param: ParamOption = None,
    drop_missing: Annotated[
        bool, typer.Option("--drop-missing", help="With --encoder: leave out pictures whose files cannot be read.")
    ] = False,
    purge: Annotated[
        bool,
        typer.Option("--purge", help="Delete the metadata, labels and enrolments that are kept of removed pictures."),
    ] = False,
    retain_days: Annotated[
        int | None,
        typer.Option(
            metavar="DAYS",
            help="How long the metadata, labels and enrolments of removed pictures are kept from now on; 0: not at all."
            f"  [default: unchanged; {RetainConfig.days} for a new index]",
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
    """Merge the segments of an index into one and choose its structure again, without embedding anything twice.

    The vectors of removed pictures are dropped. With --encoder, every picture is embedded again. Exit code 3 if
    pictures were left out.
    """
    config = BuildConfig(
        encoder=encoder,
        precision=precision,
        kind=kind,
        device=device,
        recall=recall,
        memory=memory,
        params=read_params(param),
        batch_size=batch_size,
        workers=workers,
    )
    run_change(
        lambda progress: indexer.rebuild(
            index, config, drop_missing=drop_missing, purge=purge, retain_days=retain_days, progress=progress
        ),
        index,
        recall=recall,
        explain=explain,
        as_json=as_json,
    )
