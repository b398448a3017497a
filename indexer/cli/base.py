"""How every command runs: literal help, one line for an error, and the exit codes."""

from __future__ import annotations

import gc
from typing import Any

import typer

from indexer.cli.streams import flush_output, prepare_streams
from indexer.cli.utf8_mode import restart_in_utf8_mode
from search.errors import FilterError, MissingPictureError, PictureError, QueryError, TwinlensError
from search.text import printable

SKIPPED_EXIT = 3
"""Exit code of a command that ran through but left broken pictures out."""


ERROR_EXIT, USAGE_EXIT = 1, 2
"""Exit codes of an error, and of an option or argument that makes no sense."""


class OptionError(QueryError):
    """A value of an option that makes no sense for this index."""


def plain_app(**options: Any) -> typer.Typer:
    """Commands whose help and errors are printed as they are: what is in them is no markup."""
    return typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None, **options)


def run(app: typer.Typer) -> None:
    """Run the commands; an error of ours becomes one line on standard error and an exit code."""
    restart_in_utf8_mode()
    prepare_streams()
    try:
        try:
            app()
        finally:
            flush_output()
    except TwinlensError as error:
        typer.secho(f"error: {printable(str(error))}", fg="red", err=True)
        raise SystemExit(USAGE_EXIT if isinstance(error, FilterError | OptionError) else ERROR_EXIT) from None
    finally:
        gc.freeze()  # the process ends: walking all that torch made once more took a third of a second


def end_with(failed: list[PictureError]) -> None:
    """End with the exit code of pictures that could not be read: an error where one is not there at all."""
    if failed:
        missing = any(isinstance(error, MissingPictureError) for error in failed)
        raise typer.Exit(ERROR_EXIT if missing else SKIPPED_EXIT)
