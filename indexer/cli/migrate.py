"""The command `migrate`."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Annotated

import typer

import indexer
from indexer.cli.options import DeviceOption, JsonOption, KindOption, ParamOption, RecallOption, read_params
from search.config import BuildConfig
from search.store.address import FORMS
from search.text import one_line

IndexTypeOption = Annotated[
    str | None,
    typer.Option(
        "--index-type",
        metavar="TYPE",
        help="Type of the index in Milvus: HNSW, FLAT, IVF_FLAT, IVF_SQ8, DISKANN, GPU_CAGRA or GPU_IVF_FLAT. Milvus"
        " Lite has the first four.  [default: HNSW]",
        show_default=False,
    ),
]


def migrate(
    source: Annotated[str, typer.Argument(help=f"An index folder, or {FORMS}.")],
    target: Annotated[str, typer.Argument(help="The other of the two, where there is no index yet.")],
    index_type: IndexTypeOption = None,
    param: ParamOption = None,
    force: Annotated[bool, typer.Option("--force", help="Replace the index that is there in Milvus.")] = False,
    kind: KindOption = BuildConfig.kind,
    recall: RecallOption = BuildConfig.recall,
    device: DeviceOption = BuildConfig.device,
    as_json: JsonOption = False,
) -> None:
    """Copy an index from a folder into Milvus, or back, without embedding a picture again.

    The copy becomes visible when it is complete, and an interrupted migration continues when it is run again. --param
    belongs to the index type of Milvus, or to the --kind of the folder. A password is read from MILVUS_TOKEN.
    """
    from indexer.cli.console import ConsoleProgress
    from search.store.address import is_uri

    params, to_milvus = read_params(param), is_uri(target)
    config = indexer.MigrateConfig(
        index_type=index_type,
        params=params if to_milvus else None,
        force=force,
        build=BuildConfig(kind=kind, recall=recall, device=device, params=None if to_milvus else params),
    )
    with ConsoleProgress() as progress:
        report = indexer.migrate(source, target, config, progress=progress)
    if as_json:
        typer.echo(json.dumps(asdict(report)))
        return
    before = report.pictures - report.copied
    earlier = f", {before:,} of them by an earlier run" if before else ""
    typer.echo(one_line(f"{report.target}: {report.pictures:,} pictures copied{earlier}; {report.kind}"))
