"""The commands `export` and `import`."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from indexer.cli.change_text import tell
from indexer.cli.inside_collection import warn_inside_index_collection
from indexer.cli.metadata import MetadataOption
from indexer.cli.options import DeviceOption, IndexOption, JsonOption, KindOption, RecallOption, WhereOption
from indexer.cli.query import say_nothing_matches
from indexer.exchange.config import ExportConfig, Format, ImportConfig
from search.text import megabytes, printable


def export(
    index: Annotated[Path, typer.Argument(help="The index folder.")],
    out: Annotated[Path, typer.Option(help="The folder to write; it must not be there, or be empty.")],
    form: Annotated[Format, typer.Option("--format", help="parquet or npy.")] = ExportConfig.format,
    where: WhereOption = None,
    force: Annotated[bool, typer.Option("--force", help="Take the place of an earlier export.")] = ExportConfig.force,
    as_json: JsonOption = False,
) -> None:
    """Write the pictures of an index with their vectors and metadata, for other programs or for import.

    The folder appears whole or not at all. docs/export_import.md says what each file holds.
    """
    warn_inside_index_collection(index, [out])
    from indexer.cli.console import ConsoleProgress
    from indexer.exchange.export import export as export_index

    config = ExportConfig(form, where, force)
    with ConsoleProgress() as progress:
        report = export_index(index, out, config, progress=progress)
    if report.pictures == 0:
        say_nothing_matches(index, where)
    if as_json:
        typer.echo(json.dumps(asdict(report) | {"out": str(report.out)}))
        return
    what = f"{report.pictures} pictures, vectors of {report.dim} by {report.encoder}, {megabytes(report.size)}"
    typer.echo(printable(f"{out}: {what}").replace("\n", "\\n"))


def import_vectors(
    vectors: Annotated[Path, typer.Argument(help="A .npy or Parquet file, or a folder that export wrote.")],
    index: IndexOption,
    encoder: Annotated[
        str | None,
        typer.Option(
            help="Who made them: as of build, or any name with --foreign.  [default: as an export says]",
            show_default=False,
        ),
    ] = ImportConfig.encoder,
    foreign: Annotated[
        bool, typer.Option("--foreign", help="Twinlens does not have this encoder: no picture can be queried.")
    ] = ImportConfig.foreign,
    paths: Annotated[
        Path | None, typer.Option(help="The picture of each row of a .npy file: text, CSV or JSON lines.")
    ] = None,
    root: Annotated[
        Path | None,
        typer.Option(
            help="The folder that relative paths start from.  [default: that of the file with the paths]",
            show_default=False,
        ),
    ] = None,
    metadata: MetadataOption = None,
    path_column: Annotated[str, typer.Option(help="Of a Parquet file.")] = ImportConfig.path_column,
    vector_column: Annotated[str, typer.Option(help="Of a Parquet file.")] = ImportConfig.vector_column,
    normalize: Annotated[
        bool, typer.Option("--normalize", help="Divide vectors that are not of unit length by theirs.")
    ] = ImportConfig.normalize,
    hash_files: Annotated[
        bool, typer.Option("--hash-files", help="Read the pictures that exist, so that sync embeds none of them again.")
    ] = ImportConfig.hash_files,
    replace: Annotated[
        bool, typer.Option("--replace", help="Give pictures that the index has with another vector the new one.")
    ] = ImportConfig.replace,
    kind: KindOption = ImportConfig.kind,
    device: DeviceOption = ImportConfig.device,
    recall: RecallOption = ImportConfig.recall,
    as_json: JsonOption = False,
) -> None:
    """Make an index of vectors that were made elsewhere, or add them to one of the same encoder.

    All is checked before anything is written, and an import that was stopped leaves the index as it was.
    """
    from indexer.cli.console import ConsoleProgress
    from indexer.exchange.import_vectors import import_vectors as run_import
    from indexer.metadata.file import open_metadata
    from indexer.metadata.load import load_metadata

    config = ImportConfig(
        encoder, foreign, paths, root, path_column, vector_column, normalize, hash_files, replace, kind, device, recall
    )
    opened = None if metadata is None else open_metadata(metadata)
    with ConsoleProgress() as progress:
        report = run_import(vectors, index, config, progress=progress)
        loaded = None if opened is None else load_metadata(index, opened, root=root, progress=progress)
    tell(report, index, recall, as_json=as_json, metadata=loaded)
