"""The table of things that the modules beside it fill."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

from ..model import Part, Thing

Maker = Callable[[], list[Part]]

THINGS: dict[str, Maker] = {}
"""Name, as the folder is called, to the function that models it."""


def modelled(maker: Maker) -> Maker:
    """Enter a function into the table: `toy_car` as `toy-car`."""
    THINGS[maker.__name__.replace("_", "-")] = maker
    return maker


@cache
def thing(name: str) -> Thing:
    """Model it once a process."""
    return Thing.of(THINGS[name]())
