"""The command `remove`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from indexer.commands.change_options import tell
from search.cli import IndexOption, JsonOption
from search.config import BuildConfig


def remove(
    index: IndexOption,
    paths: Annotated[
        list[Path] | None, typer.Argument(help="Pictures, and folders: all pictures below them.", show_default=False)
    ] = None,
    ids: Annotated[list[int] | None, typer.Option("--id", help="Ids, as query and info tell them.")] = None,
    globs: Annotated[
        list[str] | None,
        typer.Option("--glob", help="Patterns: '*.gif' for names, 'old/*' and '*/old/*' for whole paths."),
    ] = None,
    where: Annotated[
        list[str] | None, typer.Option(help="A filter as of query, for example label=shoe; several must all hold.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be removed.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Remove pictures from an index, never from the disk: by path, id, pattern or filter.

    Where one of the names fits no picture, nothing is removed. What comes back before a rebuild is not embedded again.
    """
    from indexer.console import ConsoleProgress
    from indexer.remove import remove as remove_pictures

    with ConsoleProgress() as progress:
        report = remove_pictures(index, paths=paths or (), ids=ids or (), globs=globs or (), where=where or None,
                                 dry_run=dry_run, progress=progress)  # fmt: skip
    tell(report, index, BuildConfig.recall, as_json=as_json)
