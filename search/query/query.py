"""Number of hits, filter and other options of a query: the keywords that every search method takes, checked here."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from functools import lru_cache
from typing import TypedDict, TypeVar

from search.config import QueryConfig
from search.counts import check_count, check_range
from search.distance import FARTHEST
from search.errors import QueryError
from search.filters.conditions import Condition
from search.filters.language import Where, condition_of
from search.query.diversity import pool_size
from search.query.feedback import rated

__all__ = ["Query", "SearchOptions", "Where", "shows_options"]

Engine = TypeVar("Engine")

_KEPT = 64
"""Queries without options that are kept: most differ only in their picture, and checking takes longer than looking."""


class SearchOptions(TypedDict, total=False):
    """The keywords that every search method of a `SearchEngine` takes; the defaults are those of `QueryConfig`.

    Type checkers know them (PEP 692), and a caller can pass them on: `engine.search(picture, 5, **options)`.
    """

    where: Where | None
    """Return only pictures that match this filter (`search.filters.language`). Defaults to no filter."""
    same_only: bool
    """Return only pictures that show the same thing according to the calibration, perhaps none."""
    collapse: bool
    """Return near copies (`search.query.copy_threshold`) as one hit: k different hits, each with its `copies`."""
    radius: float | None
    """Return only pictures within this distance, in [0, 2]; `Answer.cut_off` says whether there are more than k."""
    diversity: float
    """From 0, the k nearest, to 1: choose hits that are unlike one another from the 10 k nearest, in the order of the
    choice (`search.query.diversity`)."""
    liked: Sequence[int]
    """Ids of pictures that the hits shall resemble more (`search.query.feedback`). They are left out of the hits."""
    disliked: Sequence[int]
    """Ids of pictures that the hits shall resemble less. They are left out of the hits."""


@dataclass(frozen=True, slots=True)
class Query:
    """A checked query; `condition` is `where`, parsed from any of its forms.

    A `blended` query is made of several examples or views, or moved by liked and disliked pictures; a `worded` one is
    made of a text, perhaps among pictures. The calibration and the cut-points, which were measured on pairs of
    pictures, do not apply to their distances.
    """

    k: int = QueryConfig.k
    where: Where | None = None
    same_only: bool = QueryConfig.same_only
    collapse: bool = QueryConfig.collapse
    radius: float | None = QueryConfig.radius
    diversity: float = QueryConfig.diversity
    liked: Sequence[int] = ()
    disliked: Sequence[int] = ()
    blended: bool = False
    worded: bool = False
    condition: Condition | None = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "k", check_count("k", self.k))
        liked, disliked = rated(self.liked, self.disliked)
        object.__setattr__(self, "liked", liked)
        object.__setattr__(self, "disliked", disliked)
        object.__setattr__(self, "blended", self.blended or bool(liked or disliked))
        if self.worded and self.same_only:
            raise QueryError("same-only compares single pictures, and this query has a text: leave one of them out")
        if self.blended and self.same_only:
            raise QueryError(
                "same-only compares single pictures, and this query is a blend of several pictures or"
                " views: leave one of them out"
            )
        if self.radius is not None:
            object.__setattr__(self, "radius", check_range("radius", self.radius, FARTHEST))
        object.__setattr__(self, "diversity", check_range("diversity", self.diversity, 1.0))
        object.__setattr__(self, "condition", condition_of(self.where))

    @property
    def wanted(self) -> int:
        """Number of nearest pictures that the hits are chosen from, and one more to know whether a radius has more."""
        return (pool_size(self.k) if self.diversity else self.k) + (self.radius is not None)

    @property
    def rated(self) -> tuple[int, ...]:
        """Ids of the pictures that were liked or disliked."""
        return (*self.liked, *self.disliked)

    @classmethod
    def of(cls, k: int, options: SearchOptions, *, blended: bool = False, worded: bool = False) -> Query:
        """Check the arguments of a search.

        Raises:
            QueryError: k < 1, the filter, radius or diversity is invalid, `same_only` is set for a query that is not
                one picture, or a picture is liked and disliked.
            TypeError: an unknown keyword.
        """
        if not options and type(k) is int:
            return _plain(k, blended, worded)
        if unknown := [name for name in options if name not in _NAMES]:
            only_hits(options)
            raise TypeError(
                f"unexpected keyword argument {unknown[0]!r}: every search takes {', '.join(_NAMES)};"
                " help(SearchEngine.search) names the rest"
            )
        return cls(k, **options, blended=blended, worded=worded)


_NAMES = tuple(SearchOptions.__annotations__)


@lru_cache(_KEPT)
def _plain(k: int, blended: bool, worded: bool) -> Query:
    return Query(k, blended=blended, worded=worded)


def only_hits(options: SearchOptions) -> SearchOptions:
    """Return the options of a search that has no place for an audit; raises TypeError if one was asked for."""
    if "audit" in options:
        raise TypeError("a search that returns only hits takes no 'audit': use ask, ask_together or ask_vectors")
    return options


def shows_options(engine: type[Engine]) -> type[Engine]:
    """Replace `**options: Unpack[SearchOptions]` by the keywords in the signatures that `help` and notebooks show."""
    keywords = [
        inspect.Parameter(each.name, inspect.Parameter.KEYWORD_ONLY, default=each.default, annotation=each.type)
        for each in fields(Query)
        if each.name in _NAMES
    ]
    for method in vars(engine).values():
        if inspect.isfunction(method) and "options" in method.__annotations__ and not method.__name__.startswith("_"):
            signature = inspect.signature(method)
            own = [each for name, each in signature.parameters.items() if name != "options"]
            method.__signature__ = signature.replace(parameters=[*own, *keywords])  # type: ignore[attr-defined]
    return engine
