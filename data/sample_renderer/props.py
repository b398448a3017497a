"""Plain bodies that stand in front of a thing or behind it; none of them is a thing of the collection."""

from __future__ import annotations

from functools import cache

from .model import Part, Thing, ceramic, matt, satin, waxy
from .patterns import mottled, stripes, wood
from .primitives import box, cylinder, ellipsoid, half_space, sphere
from .profiles import lathe
from .solid import Solid

SHAPES: dict[str, Solid] = {
    "ball": sphere(0.6).at(0, 0.6, 0),
    "block": box(0.5, 0.5, 0.5, 0.05).at(0, 0.5, 0).turn("y", 25),
    "tall-block": box(0.35, 0.9, 0.35, 0.04).at(0, 0.9, 0).turn("y", 40),
    "tin": cylinder(0.45, 0.65, 0.05).at(0, 0.65, 0),
    "cone": lathe([(0, 0), (0.6, 0), (0.03, 1.5), (0, 1.5)], smooth=1),
    "pebble": ellipsoid(0.8, 0.42, 0.55).at(0, 0.4, 0),
    "arch": (box(0.8, 0.65, 0.3, 0.03).at(0, 0.65, 0) - cylinder(0.4, 1.0).turn("x", 90)) & half_space(0, -1, 0, 0.0),
}

PAINTS = {
    "ochre": satin("#c99a3c"),
    "brick": satin("#a8553e"),
    "sage": satin("#7f9a80"),
    "slate": matt(mottled("#67727c", "#4f5962", 4.0)),
    "cream": ceramic("#eadfc8"),
    "navy": ceramic("#2c3f66"),
    "beech": satin(wood("#d2a56c", "#96683a")),
    "candy": waxy(stripes("#d85a6a", "#f3e6d8", 0.3, (1, 1, 0))),
    "plum": waxy("#7a4468"),
}


@cache
def prop(shape: str, paint: str) -> Thing:
    """Model it once a process."""
    return Thing.of([Part(SHAPES[shape], PAINTS[paint])])
