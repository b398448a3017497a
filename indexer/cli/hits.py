"""The options of a query, and its hits as a table or as a JSON line."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from indexer.cli.base import OptionError, weak_cautions
from indexer.cli.no_match import why_no_match
from search.config import QueryConfig
from search.filters.columns import BUILT_IN
from search.text import one_line, short
from search.types import STAGES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.table import Table

    from search.config import Device
    from search.engine import SearchEngine
    from search.filters.conditions import Condition
    from search.query.query import SearchOptions
    from search.types import Answer, Hit

One = str | dict[str, int | str]
"""A picture; or a text, or the id or vector of a picture, by what it is: `{"text": "red bicycle"}`."""
Query = One | list[One]
"""What was searched for: one, or several together."""

_ALL_RATED = "all pictures that could be shown are named by --like or --unlike"

_UNFOLDED = 100_000
"""Width of a table that goes to a file or another program: no path is folded there."""


@dataclass(frozen=True, slots=True)
class QueryOptions:
    """The options of `twinlens query` that all its queries share."""

    index: Path | str
    k: int
    condition: Condition | None
    where: list[str] | None
    """The filter as it was given."""
    same_only: bool
    collapse: bool
    show: list[str] | None
    device: Device
    as_json: bool
    audit: bool = False
    radius: float | None = QueryConfig.radius
    diversity: float = QueryConfig.diversity
    views: bool = QueryConfig.views
    liked: Sequence[int] = ()
    disliked: Sequence[int] = ()

    @property
    def search(self) -> SearchOptions:
        """What every search of an engine takes."""
        return {
            "where": self.condition,
            "same_only": self.same_only,
            "collapse": self.collapse,
            "radius": self.radius,
            "diversity": self.diversity,
            "liked": self.liked,
            "disliked": self.disliked,
        }


def shown_columns(show: list[str] | None, known: list[str]) -> list[str] | None:
    """The columns of metadata that `--show` names; None for all that the hits have.

    Raises:
        OptionError: the index has no such column.
    """
    if show is not None and "*" in show:
        return None
    for name in show or []:
        if name not in known:
            why = "a hit does not have it, only filters do" if name in BUILT_IN else "there is no such column"
            raise OptionError(f"--show {name}: {why} (columns: {', '.join(known) or 'none'})")
    return list(dict.fromkeys(show or []))


def print_answer(
    engine: SearchEngine, query: Query, answer: Answer, columns: list[str] | None, options: QueryOptions
) -> None:
    """Print the answer to one query: as a table with these columns of metadata, or with all of it as one JSON line."""
    title, hits = _title(query), answer.hits
    from search.query.hits import WEAK, only_weak

    nothing = None
    if not hits:
        nothing = why_no_match(engine, options.where, same_only=options.same_only, radius=options.radius)
        if nothing is None and (options.liked or options.disliked):
            nothing = _ALL_RATED
    weak = only_weak(hits, but=_own_id(query))
    if options.as_json:
        plain = {"query": query, "hits": [hit.to_dict() for hit in hits]}
        notes = {"nothing": nothing, "note": WEAK if weak else None}
        given: dict[str, object] = {name: note for name, note in notes.items() if note is not None}
        if options.radius is not None:
            given["cut_off"] = answer.cut_off
        if answer.audit is not None:
            given["audit"] = answer.audit.to_dict()
        typer.echo(json.dumps({**plain, **given, **weak_cautions(engine.calibration)}))
        return
    if nothing is not None:
        typer.echo(one_line(f"{title}: {nothing}"))
        _print_audit(answer)
        return
    from rich.console import Console

    from indexer.cli.rich_text import literal

    console = Console()
    if not console.is_terminal:
        console.width = _UNFOLDED
    console.print(literal(title, style="italic"), soft_wrap=True)
    console.print(_table(hits, columns))
    _print_audit(answer)
    if answer.cut_off:
        more = f"more than {options.k} pictures lie within {options.radius:g}: -k sets how many are shown"
        typer.echo(one_line(f"{title}: {more}"), err=True)
    if weak:
        typer.echo(one_line(f"{title}: {WEAK}"), err=True)


def _table(hits: list[Hit], columns: list[str] | None) -> Table:
    from indexer.cli.rich_text import literal, literal_table

    if columns is None:
        columns = list(dict.fromkeys(name for hit in hits for name in hit.metadata))
    calibrated = any(hit.probability is not None for hit in hits)
    rated = any(hit.strength is not None for hit in hits)
    collapsed = any(hit.copies is not None for hit in hits)
    optional = [*["probability"] * calibrated, *["copies"] * collapsed]
    table = literal_table("rank", "distance", *["strength"] * rated, "similarity", *optional, "label", *columns, "path")
    for rank, hit in enumerate(hits, 1):
        path = literal(_relative_to_here(hit.path), overflow="fold")
        strength = [] if hit.strength is None else [hit.strength]
        probability = [] if hit.probability is None else [f"{hit.probability:.4f}"]
        copies = [] if hit.copies is None else [f"+{len(hit.copies)}" if hit.copies else ""]
        numbers = (f"{hit.distance:.4f}", *strength, f"{hit.similarity:.4f}", *probability, *copies)
        values = [literal(short(hit.metadata[name]) if name in hit.metadata else "") for name in columns]
        table.add_row(f"{rank}", *numbers, literal(hit.label or ""), *values, path)
    return table


def _print_audit(answer: Answer) -> None:
    """Print the audit, if there is one, below the hits."""
    if (audit := answer.audit) is None:
        return
    recall = "no picture matches" if audit.recall is None else f"recall@{audit.k} {audit.recall:.4g}"
    stages = ", ".join(f"{stage} {getattr(audit, stage) * 1e3:.2f} ms" for stage in STAGES)
    typer.echo(f"audit: {recall}, {audit.candidates:,} candidates; {stages}")
    for each in audit.segments:
        how = "every row compared" if each.exact else f"structure {each.structure * 1e3:.2f} ms"
        seen = f"{each.candidates:,} candidates of {each.allowed:,} pictures"
        typer.echo(f"  segment {each.segment} ({each.kind}): {seen}, {how}, re-rank {each.rerank * 1e3:.2f} ms")


def _own_id(query: Query) -> int | None:
    """The id of the query, if it is a picture of the index."""
    own = query.get("id") if isinstance(query, dict) else None
    return own if isinstance(own, int) else None


def _title(query: Query) -> str:
    if isinstance(query, list):
        return " + ".join(map(_title, query))
    if isinstance(query, dict):
        return ", ".join(f"{name} {value}" for name, value in query.items())
    return query


def _relative_to_here(path: Path) -> Path:
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path
