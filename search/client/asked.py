"""What a query asks, as plain values for JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from search.client.filter_text import json_filter
from search.counts import picture_number

if TYPE_CHECKING:
    from collections.abc import Sequence

    from search.client.pictures import Sent
    from search.query.query import SearchOptions
    from search.types import Example


def blended(sent: Sent, without: Sequence[Example], *, views: bool, audit: bool) -> dict[str, Any]:
    """The members of a query that is embedded."""
    examples = [sent.example(each, f"without[{at}]") for at, each in enumerate(without)]
    return {"without": examples, "views": views, "audit": audit}


def plain_options(options: SearchOptions) -> dict[str, Any]:
    """The options of every search."""
    plain: dict[str, Any] = {**options}
    for name in ("liked", "disliked"):
        if name in plain:
            plain[name] = [picture_number(each) for each in plain[name]]
    if "where" in plain:
        plain["where"] = json_filter(plain["where"])
    return plain
