"""What `query` was called with, and its hits as a table or as JSON lines."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from indexer.cli.base import OptionError
from indexer.cli.no_match import why_no_match
from search.text import one_line, short

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.table import Table

    from search.config import Device
    from search.engine import SearchEngine
    from search.query.query import SearchOptions
    from search.types import Hit

Query = str | list[str] | dict[str, int | str]
"""What was searched for: a picture, several pictures together, or the id or vector of one."""

_UNFOLDED = 100_000
"""Width of a table that goes to a file or another program: no path is folded there."""


@dataclass(frozen=True, slots=True)
class SearchRequest:
    """The options of `query` that hold for every form of its queries."""

    index: Path
    k: int
    options: SearchOptions
    where: list[str] | None
    """The filter as it was given."""
    show: list[str] | None
    device: Device
    as_json: bool

    def printer(self, engine: SearchEngine) -> Callable[[Query, list[Hit]], None]:
        """A function that prints the hits of one query; raises OptionError if `--show` names no column."""
        columns = shown_columns(self.show, list(engine.columns()))

        def print_answer(query: Query, hits: list[Hit]) -> None:
            nothing = None if hits else why_no_match(engine, self.where, same_only=self.options["same_only"])
            print_hits(query, hits, columns, nothing, as_json=self.as_json)

        return print_answer


def shown_columns(show: list[str] | None, known: list[str]) -> list[str] | None:
    """The columns of metadata that `--show` names; None for all that the hits have.

    Raises:
        OptionError: the index has no such column.
    """
    if show is not None and "*" in show:
        return None
    for name in show or []:
        if name not in known:
            raise OptionError(f"--show {name}: there is no such column (columns: {', '.join(known) or 'none'})")
    return list(dict.fromkeys(show or []))


def print_hits(query: Query, hits: list[Hit], columns: list[str] | None, nothing: str | None, *, as_json: bool) -> None:
    """Print the answer to one query.

    Args:
        query: what was searched for.
        hits: the answer.
        columns: metadata to show in a table; None for all that the hits have. JSON has all of it anyway.
        nothing: why there are no hits, if that is known.
        as_json: print one JSON line.
    """
    title = _title(query)
    if as_json:
        plain = {"query": query, "hits": [hit.to_dict() for hit in hits]}
        typer.echo(json.dumps(plain if nothing is None else {**plain, "nothing": nothing}))
        return
    if nothing is not None:
        typer.echo(one_line(f"{title}: {nothing}"))
        return
    from rich.console import Console

    from indexer.cli.rich_text import literal

    console = Console()
    if not console.is_terminal:
        console.width = _UNFOLDED
    console.print(literal(title, style="italic"), soft_wrap=True)
    console.print(_table(hits, columns))


def _table(hits: list[Hit], columns: list[str] | None) -> Table:
    from indexer.cli.rich_text import literal, literal_table

    if columns is None:
        columns = list(dict.fromkeys(name for hit in hits for name in hit.metadata))
    calibrated = any(hit.probability is not None for hit in hits)
    collapsed = any(hit.copies is not None for hit in hits)
    optional = [*["probability"] * calibrated, *["copies"] * collapsed]
    table = literal_table("rank", "distance", "similarity", *optional, "label", *columns, "path")
    for rank, hit in enumerate(hits, 1):
        path = literal(_relative_to_here(hit.path), overflow="fold")
        probability = [] if hit.probability is None else [f"{hit.probability:.4f}"]
        copies = [] if hit.copies is None else [f"+{len(hit.copies)}" if hit.copies else ""]
        numbers = (f"{hit.distance:.4f}", f"{hit.similarity:.4f}", *probability, *copies)
        values = [literal(short(hit.metadata[name]) if name in hit.metadata else "") for name in columns]
        table.add_row(f"{rank}", *numbers, literal(hit.label or ""), *values, path)
    return table


def _title(query: Query) -> str:
    if isinstance(query, dict):
        return ", ".join(f"{name} {value}" for name, value in query.items())
    return query if isinstance(query, str) else " + ".join(query)


def _relative_to_here(path: Path) -> Path:
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path
