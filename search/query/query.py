"""What a query is, and the keywords that every search takes, checked once for every door."""

from __future__ import annotations

import inspect
from dataclasses import dataclass, field, fields
from typing import TypedDict, TypeVar

from search.config import QueryConfig
from search.counts import check_count
from search.errors import QueryError
from search.filters.conditions import Condition
from search.filters.language import Where, condition_of

__all__ = ["Query", "SearchOptions", "Where", "shows_options"]

Engine = TypeVar("Engine")


class SearchOptions(TypedDict, total=False):
    """The keywords that every search of a `SearchEngine` takes; what is left out is as in `QueryConfig`.

    A type checker knows them (PEP 692), and a caller may keep them: `engine.search(picture, 5, **options)`.
    """

    where: Where | None
    """Only pictures that match this filter (`search.filters.language`) may answer; None: all."""
    same_only: bool
    """Return only pictures that the calibration takes for the same thing."""
    collapse: bool
    """Return near copies (`search.query.copy_threshold`) once: k hits that differ, each with its `copies`."""


@dataclass(frozen=True, slots=True)
class Query:
    """Number of neighbours and the filter; `condition` is `where`, parsed from any of its forms.

    A `blended` query is not a picture, so the calibration does not apply to its distances.
    """

    k: int = QueryConfig.k
    where: Where | None = None
    same_only: bool = QueryConfig.same_only
    collapse: bool = QueryConfig.collapse
    blended: bool = False
    condition: Condition | None = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "k", check_count("k", self.k))
        if self.blended and self.same_only:
            raise QueryError("same-only compares a picture with a picture, not with a blend: leave one of them out")
        object.__setattr__(self, "condition", condition_of(self.where))

    @classmethod
    def of(cls, k: int, options: SearchOptions, *, blended: bool = False) -> Query:
        """Check what a search was called with.

        Raises:
            QueryError: k < 1, an invalid filter, or `same_only` for a blended query.
            TypeError: an unknown keyword.
        """
        if unknown := [name for name in options if name not in _NAMES]:
            raise TypeError(
                f"unexpected keyword argument {unknown[0]!r}: every search takes {', '.join(_NAMES)};"
                " help(SearchEngine.search) names the rest"
            )
        return cls(k, **options, blended=blended)


_NAMES = tuple(SearchOptions.__annotations__)


def shows_options(engine: type[Engine]) -> type[Engine]:
    """Spell out `**options: Unpack[SearchOptions]` in the signatures that `help` and notebooks read."""
    keywords = [
        inspect.Parameter(each.name, inspect.Parameter.KEYWORD_ONLY, default=each.default, annotation=each.type)
        for each in fields(Query)
        if each.name in _NAMES
    ]
    for door in vars(engine).values():
        if inspect.isfunction(door) and "options" in door.__annotations__ and not door.__name__.startswith("_"):
            signature = inspect.signature(door)
            own = [each for name, each in signature.parameters.items() if name != "options"]
            door.__signature__ = signature.replace(parameters=[*own, *keywords])  # type: ignore[attr-defined]
    return engine
