"""Why a filter, or a query, leaves no picture."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from search.text import one_line

if TYPE_CHECKING:
    from pathlib import Path

    from search.engine import SearchEngine


def explain_no_match(index: Path, where: list[str] | None) -> None:
    """Print on standard error why a command has nothing to work on, if its filter is the reason."""
    from search.engine import open_index

    with open_index(index, device="cpu") as engine:
        reason = why_no_match(engine, where)
    if reason is not None:
        typer.echo(f"{one_line(str(index))}: {reason}", err=True)


def why_no_match(
    engine: SearchEngine, where: list[str] | None, *, same_only: bool = False, radius: float | None = None
) -> str | None:
    """Why no picture is left, in one line; None if neither the filter, `same_only` nor the radius explains it."""
    from search.filters.language import condition_of
    from search.query.nearest_values import NOTHING_SAME, nothing_matches

    shown = one_line(" and ".join(where or []))
    if (unmatched := nothing_matches(engine, condition_of(where), shown)) is not None:
        return unmatched
    if same_only:
        return NOTHING_SAME
    return None if radius is None else f"no picture lies within {radius:g}"
