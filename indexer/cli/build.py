"""The commands `build` and `rebuild`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

import indexer
from indexer.cli.change_report import run_change
from indexer.cli.migrate import IndexTypeOption
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
    refused_uri,
)
from search.config import BuildConfig, Engine, RetainConfig
from search.store.address import FORMS
from search.store.json_values import MOST_DAYS


def build(
    pictures: PicturesArgument,
    index: Annotated[
        Path | None,
        typer.Option("--index", "-i", help="The index folder.", callback=refused_uri, show_default=False),
    ] = None,
    store: Annotated[
        Literal["folder", "milvus"], typer.Option(help="Where the index is kept; milvus needs --uri.")
    ] = "folder",
    uri: Annotated[
        str | None, typer.Option(metavar="URI", help=f"Instead of --index, with --store milvus: {FORMS}.")
    ] = None,
    index_type: IndexTypeOption = None,
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

    With --store milvus the index is made in the cache and copied into Milvus; --param then belongs to --index-type. See
    docs/milvus.md.
    """
    place = _place(index, store, uri)
    in_milvus, own = place == uri, read_params(param)
    if in_milvus and (kind != BuildConfig.kind or metadata is not None):
        option = "--kind" if metadata is None else "--metadata"
        raise typer.BadParameter("works on index folders only", param_hint=option)
    if index_type is not None and not in_milvus:
        raise typer.BadParameter("needs --store milvus", param_hint="--index-type")
    config = BuildConfig(
        encoder=encoder,
        precision=precision,
        kind="flat" if in_milvus else kind,
        device=device,
        recall=recall,
        memory=memory,
        params=None if in_milvus else own,
        labels=labels,
        batch_size=batch_size,
        workers=workers,
        exclude=patterns(exclude),
        allow_missing=allow_missing,
        rehash=rehash,
        engine=engine,
        address=address,
    )
    migration = indexer.MigrateConfig(index_type=index_type, params=own)
    run_change(
        lambda progress: (
            indexer.build_in_store(pictures, str(place), config, migration, progress=progress)
            if in_milvus
            else indexer.build(pictures, place, config, progress=progress)
        ),
        place,
        recall=recall,
        metadata=metadata,
        root=pictures,
        as_json=as_json,
    )


def _place(index: Path | None, store: str, uri: str | None) -> Path | str:
    """The folder of --index, or the URI of --uri, whichever the store needs."""
    if store == "milvus":
        if uri is None or index is not None:
            raise typer.BadParameter("takes --uri URI in place of --index", param_hint="--store milvus")
        return uri
    if index is None or uri is not None:
        raise typer.BadParameter("name the index folder; --uri needs --store milvus", param_hint="--index")
    return index


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
