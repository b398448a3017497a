"""How every command runs: literal help, one line per error, the exit codes, and what all of them print alike."""

from __future__ import annotations

import gc
import json
from typing import TYPE_CHECKING, Any

import typer

from indexer.cli.streams import flush_output, prepare_streams, restart_in_utf8_mode
from search.errors import FilterError, MissingPictureError, PictureError, QueryError, TwinlensError
from search.text import one_line, printable

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from search.recognition.calibration import Calibration

SKIPPED_EXIT = 3
"""Exit code of a command that finished but left broken pictures out."""
ERROR_EXIT, USAGE_EXIT = 1, 2
"""Exit codes of an error, and of an invalid option or argument."""
SHOWN = 20
"""Pictures of each sort, or groups, that a command lists on the terminal."""


class OptionError(QueryError):
    """A value of an option that is invalid for this index."""


def plain_app(**options: Any) -> typer.Typer:
    """Commands whose help and errors are printed literally: brackets in them are not markup."""
    return typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None, **options)


def run(app: typer.Typer) -> None:
    """Run the command that this process was started for."""
    restart_in_utf8_mode()
    prepare_streams()
    try:
        reported(app)
    finally:
        gc.freeze()  # the process ends: collecting all that torch made once more took a third of a second


def reported(app: Callable[[], None]) -> None:
    """Run a command; an error of ours becomes one line on standard error and an exit code."""
    try:
        try:
            app()
        finally:
            flush_output()
    except TwinlensError as error:
        print_error(error)
        raise SystemExit(USAGE_EXIT if isinstance(error, FilterError | OptionError) else ERROR_EXIT) from None


def print_error(error: Exception) -> None:
    """Print an error on standard error."""
    typer.secho(f"error: {printable(str(error))}", fg="red", err=True)


def warn(text: str) -> None:
    """Print a warning on standard error, on one line."""
    typer.secho(one_line(f"warning: {text}"), fg="yellow", err=True)


def warn_weak(calibration: Calibration | None) -> None:
    """Warn that answers come from a weak calibration."""
    if calibration is not None and calibration.weak:
        warn(calibration.warning)


def weak_cautions(calibration: Calibration | None) -> dict[str, list[str]]:
    """What a JSON answer adds if it comes from a weak calibration: its cautions."""
    return {"cautions": list(calibration.cautions)} if calibration is not None and calibration.weak else {}


def print_failure(error: PictureError, query: dict[str, Any], *, as_json: bool) -> None:
    """Print why one of several pictures was not answered.

    Args:
        error: what is wrong with the picture.
        query: the start of the JSON line, such as `{"query": PATH}`.
        as_json: print that line on standard output instead of the error on standard error.
    """
    if as_json:
        named = error.source in query.values()
        typer.echo(json.dumps({**query, "error": error.reason if named else str(error)}))
    else:
        typer.secho(f"error: {one_line(str(error))}", fg="red", err=True)


def end_with(failed: Sequence[PictureError]) -> None:
    """Exit with the code of pictures that could not be read: an error if one does not exist."""
    if failed:
        missing = any(isinstance(error, MissingPictureError) for error in failed)
        raise typer.Exit(ERROR_EXIT if missing else SKIPPED_EXIT)


def end_with_skipped(
    skipped: Sequence[object], *, word: str = "skipped", rest: str = "", as_json: bool = False
) -> None:
    """List skipped pictures with their reasons on standard error, and exit with their code if there are any.

    Args:
        skipped: what to list, a line for each.
        word: what happened to them.
        rest: where those are listed that are not printed here.
        as_json: print nothing, because the JSON lists them.
    """
    if not as_json:
        for each in skipped[:SHOWN]:
            typer.echo(one_line(f"{word} {each}"), err=True)
        if len(skipped) > SHOWN:
            typer.echo(f"... and {len(skipped) - SHOWN} more{rest and f': {rest}'}", err=True)
    if skipped:
        raise typer.Exit(SKIPPED_EXIT)
