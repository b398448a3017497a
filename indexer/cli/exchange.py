"""The commands `export` and `import`."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

import indexer
from indexer.cli.change_report import run_change
from indexer.cli.inside_collection import warn_inside_index_collection
from indexer.cli.no_match import explain_no_match
from indexer.cli.options import (
    DeviceOption,
    IndexArgument,
    IndexOption,
    JsonOption,
    KindOption,
    MetadataOption,
    ParamOption,
    RecallOption,
    WhereOption,
    read_params,
)
from indexer.exchange.config import ExportConfig, Format, ImportConfig
from indexer.shards.config import PartsConfig
from search.errors import DataError
from search.text import megabytes, one_line


def export(
    index: IndexArgument,
    out: Annotated[Path, typer.Option(help="The folder to write: a new or an empty one.")],
    form: Annotated[
        Format, typer.Option("--format", help="File format of the vectors and metadata.")
    ] = ExportConfig.format,
    where: WhereOption = None,
    force: Annotated[bool, typer.Option("--force", help="Replace an earlier export.")] = ExportConfig.force,
    as_json: JsonOption = False,
) -> None:
    """Export the pictures of an index with their vectors and metadata, for other programs or for import.

    The folder is written completely or not at all. docs/export_import.md describes its files.
    """
    warn_inside_index_collection(index, [out])
    from indexer.cli.console import ConsoleProgress

    config = ExportConfig(form, where, force)
    with ConsoleProgress() as progress:
        report = indexer.export(index, out, config, progress=progress)
    if report.pictures == 0:
        explain_no_match(index, where)
    if as_json:
        typer.echo(json.dumps(asdict(report) | {"out": str(report.out)}))
        return
    written = f"{report.pictures} pictures, vectors of {report.dim} by {report.encoder}, {megabytes(report.size)}"
    typer.echo(one_line(f"{out}: {written}"))


def import_vectors(
    vectors: Annotated[
        list[Path],
        typer.Argument(help="A .npy or Parquet file, or a folder that export wrote; or all parts that embed wrote."),
    ],
    index: IndexOption,
    encoder: Annotated[
        str | None,
        typer.Option(
            help="The encoder that made the vectors: as for build, or any name with --foreign."
            "  [default: the one that an export names]",
            show_default=False,
        ),
    ] = ImportConfig.encoder,
    foreign: Annotated[
        bool, typer.Option("--foreign", help="Twinlens does not have this encoder, so pictures cannot be queries.")
    ] = ImportConfig.foreign,
    paths: Annotated[
        Path | None,
        typer.Option(help="The path of the picture of each row of a .npy file, as text, CSV or JSON lines."),
    ] = None,
    root: Annotated[
        Path | None,
        typer.Option(
            help="The folder that relative paths start from.  [default: the folder of the file with the paths]",
            show_default=False,
        ),
    ] = None,
    metadata: MetadataOption = None,
    path_column: Annotated[
        str, typer.Option(help="Column of a Parquet file with the paths.")
    ] = ImportConfig.path_column,
    vector_column: Annotated[
        str, typer.Option(help="Column of a Parquet file with the vectors.")
    ] = ImportConfig.vector_column,
    normalize: Annotated[
        bool, typer.Option("--normalize", help="Scale vectors to unit length.")
    ] = ImportConfig.normalize,
    hash_files: Annotated[
        bool,
        typer.Option(
            "--hash-files", help="Read the pictures that exist, so that a later sync embeds none of them again."
        ),
    ] = ImportConfig.hash_files,
    replace: Annotated[
        bool, typer.Option("--replace", help="Replace the vectors of pictures that the index already has.")
    ] = ImportConfig.replace,
    partial: Annotated[
        bool, typer.Option("--partial", help="Import parts although other shards of their collection are missing.")
    ] = PartsConfig.partial,
    kind: KindOption = ImportConfig.kind,
    device: DeviceOption = ImportConfig.device,
    recall: RecallOption = ImportConfig.recall,
    param: ParamOption = None,
    as_json: JsonOption = False,
) -> None:
    """Import vectors that were made elsewhere, into a new index or into one with the same encoder.

    Everything is checked before anything is written. An interrupted import leaves the index as it was. The parts of
    twinlens embed become one index, equal to that of one build; with --root, of pictures that are in another folder
    here.
    """
    from indexer.shards.part import is_part

    if any(map(is_part, vectors)):
        given = {
            "--encoder": encoder,
            "--foreign": foreign,
            "--paths": paths,
            "--path-column": path_column != ImportConfig.path_column,
            "--vector-column": vector_column != ImportConfig.vector_column,
            "--normalize": normalize,
            "--hash-files": hash_files,
            "--replace": replace,
        }
        for option in (name for name, value in given.items() if value):
            raise typer.BadParameter("parts of twinlens embed do not take this option", param_hint=f"'{option}'")
        settings = PartsConfig(root, partial, kind, device, recall, params=read_params(param))
        run_change(
            lambda progress: indexer.import_parts(vectors, index, settings, progress=progress),
            index,
            recall=recall,
            metadata=metadata,
            root=root,
            as_json=as_json,
        )
        return
    if partial:
        raise typer.BadParameter("is for the parts of twinlens embed", param_hint="'--partial'")
    if len(vectors) > 1:
        raise DataError(f"{vectors[1]}: one file or export is imported at a time. Run the command for each")
    config = ImportConfig(
        encoder,
        foreign,
        paths,
        root,
        path_column,
        vector_column,
        normalize,
        hash_files,
        replace,
        kind,
        device,
        recall,
        read_params(param),
    )
    run_change(
        lambda progress: indexer.import_vectors(vectors[0], index, config, progress=progress),
        index,
        recall=recall,
        metadata=metadata,
        root=root,
        as_json=as_json,
    )
