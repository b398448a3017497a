"""The command `rebuild`."""

from __future__ import annotations

from typing import Annotated

import typer

from indexer.commands.change_options import BatchSizeOption, KindOption, RecallOption, WorkersOption, tell
from search.cli import DeviceOption, IndexOption, JsonOption
from search.config import BuildConfig


def rebuild(
    index: IndexOption,
    encoder: Annotated[
        str | None,
        typer.Option(help="Another encoder: every picture is embedded anew.  [default: that of the index]",
                     show_default=False),
    ] = BuildConfig.encoder,
    kind: KindOption = BuildConfig.kind,
    device: DeviceOption = BuildConfig.device,
    recall: RecallOption = BuildConfig.recall,
    batch_size: BatchSizeOption = BuildConfig.batch_size,
    workers: WorkersOption = BuildConfig.workers,
    drop_missing: Annotated[
        bool,
        typer.Option("--drop-missing", help="With another encoder, let go of pictures whose files are gone."),
    ] = False,
    as_json: JsonOption = False,
) -> None:  # fmt: skip
    """Make one segment of all, with a structure chosen and tuned anew; nothing is embedded unless the encoder changes.

    The index answers as before until the rebuild is done. One that was stopped is repeated or, with another encoder,
    goes on where it was.
    """
    from indexer.console import ConsoleProgress
    from indexer.rebuild import rebuild as rebuild_index

    config = BuildConfig(encoder=encoder, kind=kind, device=device, recall=recall, batch_size=batch_size,
                         workers=workers)  # fmt: skip
    with ConsoleProgress() as progress:
        report = rebuild_index(index, config, drop_missing=drop_missing, progress=progress)
    tell(report, index, recall, as_json=as_json)
