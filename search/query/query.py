"""The options of a query, checked once for CLI, API and app."""

from __future__ import annotations

from dataclasses import dataclass, field

from search.config import QueryConfig
from search.counts import check_count
from search.errors import QueryError
from search.filters.conditions import Condition
from search.filters.language import Where, condition_of

__all__ = ["Query", "Where"]


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
