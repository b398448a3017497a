"""Map: the collection in two dimensions, to see what it holds and to take parts of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app_parts.arguments import arguments
from app_parts.frame import framed
from app_parts.map.view import show_map

if TYPE_CHECKING:
    from app_parts.address import Address
    from app_parts.shared_index import SharedIndex


def show(opened: SharedIndex, address: Address) -> None:
    """Show the map, and the pictures that are selected on it."""
    show_map(opened, address, manage=arguments().manage)


if __name__ == "__main__":
    framed("map", show)
