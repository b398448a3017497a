"""What a query asks, as plain values for JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from search.client.filter_text import json_filter
from search.counts import check_count, check_range, picture_number
from search.distance import FARTHEST

if TYPE_CHECKING:
    from collections.abc import Sequence

    from search.client.pictures import Sent
    from search.query.query import SearchOptions
    from search.types import Example


def blended(sent: Sent, without: Sequence[Example], *, views: bool, audit: bool) -> dict[str, Any]:
    """The members of a query that is embedded."""
    examples = [sent.example(each, f"without[{at}]") for at, each in enumerate(without)]
    return {"without": examples, "views": views, "audit": audit}


def plain_options(k: int, options: SearchOptions) -> dict[str, Any]:
    """The number of hits and the options of every search; raises QueryError for numbers that are none."""
    plain: dict[str, Any] = {**options, "k": check_count("k", k)}
    if plain.get("radius") is not None:
        plain["radius"] = check_range("radius", plain["radius"], FARTHEST)
    if "diversity" in plain:
        plain["diversity"] = check_range("diversity", plain["diversity"], 1.0)
    for name in ("liked", "disliked"):
        if name in plain:
            plain[name] = [picture_number(each) for each in plain[name]]
    if "where" in plain:
        plain["where"] = json_filter(plain["where"])
    return plain
