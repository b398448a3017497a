"""Toys that go."""

from __future__ import annotations

from ..model import Part, ceramic, metal, satin
from ..patterns import by_height, painted, plain, stripes, wood
from ..primitives import box, cylinder, ellipsoid, half_space, rod, sphere, torus, tube
from ..profiles import board, lathe
from ..solid import Solid, union
from .table import modelled

CHROME = metal("#d8dade")
TYRE = satin("#1d1e21")


def wheel(radius: float, half: float) -> Solid:
    """Rolls along x."""
    return cylinder(radius, half, 0.04).turn("x", 90)


def four(solid: Solid, x: float, y: float, z: float) -> Solid:
    """At four corners."""
    return solid.at(x, y, z).mirror("x").mirror("z")


@modelled
def toy_car() -> list[Part]:
    """Small round-roofed car in red enamel."""
    body = box(1.2, 0.26, 0.55, 0.2).at(0, 0.55, 0)
    cabin = (ellipsoid(0.75, 0.55, 0.48).at(-0.1, 0.8, 0)) & half_space(0, -1, 0, -0.5)
    arches = four(wheel(0.36, 0.3), 0.7, 0.3, 0.55)
    glazing = ellipsoid(0.7, 0.5, 0.5).at(-0.1, 0.8, 0) & box(0.55, 0.14, 0.6, 0.06).at(-0.1, 1.03, 0)
    front = ellipsoid(0.78, 0.52, 0.44).at(-0.1, 0.8, 0) & box(0.9, 0.13, 0.34, 0.05).at(-0.1, 1.02, 0)
    lamps = sphere(0.11).at(1.14, 0.62, 0.36).mirror("z")
    return [
        Part(body.melt(cabin, 0.15).carve(arches, 0.04), ceramic("#c8262c")),
        Part(glazing | front, ceramic("#27323d")),
        Part(four(wheel(0.3, 0.11), 0.7, 0.3, 0.5), TYRE),
        Part(four(wheel(0.16, 0.125), 0.7, 0.3, 0.5) | box(0.06, 0.07, 0.5, 0.04).at(1.2, 0.42, 0).mirror("x"), CHROME),
        Part(lamps, ceramic("#fff3c9")),
    ]


@modelled
def toy_bus() -> list[Part]:
    """Yellow school bus."""
    body = box(1.25, 0.5, 0.48, 0.1).at(-0.1, 0.85, 0).melt(box(0.3, 0.26, 0.42, 0.1).at(1.3, 0.62, 0), 0.08)
    panes = union(
        *(box(0.17, 0.17, 0.5, 0.04).at(x, 1.05, 0) for x in (-1.05, -0.6, -0.15, 0.3, 0.75)),
        box(1.29, 0.17, 0.36, 0.04).at(-0.1, 1.05, 0),
    )
    stripe = box(1.27, 0.03, 0.495, 0.01).at(-0.1, 0.66, 0)
    return [
        Part(body, ceramic("#eeb11c")),
        Part(panes, ceramic("#26323c")),
        Part(stripe, satin("#1d1d1f")),
        Part(four(wheel(0.26, 0.1), 0.85, 0.26, 0.42), TYRE),
        Part(four(wheel(0.12, 0.115), 0.85, 0.26, 0.42) | box(0.05, 0.06, 0.44, 0.03).at(1.6, 0.38, 0), CHROME),
        Part(sphere(0.08).at(1.58, 0.66, 0.28).mirror("z"), ceramic("#fff6d8")),
    ]


@modelled
def toy_train() -> list[Part]:
    """Wooden locomotive in green, red and brass."""
    boiler = cylinder(0.36, 0.7, 0.04).turn("z", 90).at(0.35, 0.85, 0)
    cab = box(0.34, 0.55, 0.46, 0.04).at(-0.7, 0.95, 0) - box(0.2, 0.18, 0.6, 0.03).at(-0.7, 1.15, 0)
    roof = box(0.44, 0.05, 0.54, 0.04).at(-0.7, 1.54, 0)
    funnel = lathe([(0, 1.1), (0.12, 1.1), (0.12, 1.45), (0.22, 1.72), (0.14, 1.72), (0, 1.6)], smooth=1).at(0.8, 0, 0)
    dome = ellipsoid(0.15, 0.2, 0.15).at(0.3, 1.2, 0)
    bands = union(*(cylinder(0.375, 0.03).turn("z", 90).at(x, 0.85, 0) for x in (-0.1, 0.45, 1.0)))
    wheels = union(*(wheel(r, 0.08).at(x, r, 0.4).mirror("z") for x, r in ((-0.7, 0.34), (0.1, 0.26), (0.75, 0.26))))
    return [
        Part(boiler | cab, satin("#2f6b45")),
        Part(box(1.15, 0.09, 0.4, 0.03).at(0, 0.42, 0) | roof | wheels, satin("#b8322b")),
        Part(bands | dome, metal("#d4a640")),
        Part(funnel, satin("#22252a")),
    ]


@modelled
def toy_boat() -> list[Part]:
    """Sailing boat, a striped sail."""
    outline = lathe([(0, -0.5), (0.5, -0.42), (0.95, 0.0), (0, 0.0)], smooth=4).stretch(1.35, 1.0, 0.55).at(0, 0.5, 0)
    deck = box(0.9, 0.03, 0.32, 0.02).at(0, 0.5, 0) & ellipsoid(1.2, 0.5, 0.46).at(0, 0.5, 0)
    main = board([(-0.1, 0.0), (-1.0, 0.05), (-0.1, 1.75)], 0.025).turn("y", 12).at(0.05, 0.72, 0)
    jib = board([(0.08, 0.1), (0.95, 0.0), (0.08, 1.45)], 0.025).turn("y", -10).at(0.1, 0.68, 0)
    cloth = satin(stripes("#d8443a", "#f5efdf", 0.36))
    return [
        Part(outline, satin(painted(plain("#f2ede0"), plain("#275a8c"), y=(-1.0, 0.3)))),
        Part(deck, satin(wood("#c8924f", "#8a5a2c", axis="x"))),
        Part(rod((0.08, 0.4, 0), (0.08, 2.6, 0), 0.035), satin("#8a5a2c")),
        Part(main, cloth),
        Part(jib, satin("#f5efdf")),
        Part(board([(0, 0), (0.3, 0.08), (0, 0.16)], 0.015).at(0.08, 2.45, 0), satin("#275a8c")),
    ]


@modelled
def rocket() -> list[Part]:
    """Standing on three fins."""
    hull = lathe([(0, 0.45), (0.32, 0.45), (0.52, 1.1), (0.5, 1.8), (0.28, 2.5), (0.05, 2.9), (0, 2.9)])
    fins = board(
        [(0.3, 0.7), (0.45, 1.15), (0.95, 0.5), (0.98, 0.0), (0.85, 0.0), (0.6, 0.45)], 0.05, edge=0.03
    ).around(3)
    nozzle = lathe([(0, 0.5), (0.2, 0.5), (0.3, 0.25), (0.24, 0.25), (0, 0.4)], smooth=1)
    port = torus(0.17, 0.05).turn("x", 90).at(0, 1.75, 0.49)
    nose = by_height([(0, "#e9e6df"), (2.14, "#e9e6df"), (2.16, "#d23b30"), (3, "#d23b30")])
    return [
        Part(hull, ceramic(nose)),
        Part(fins, ceramic("#d23b30")),
        Part(nozzle | port, metal("#9aa0a8")),
        Part(sphere(0.16).stretch(1, 1, 0.5).at(0, 1.75, 0.47), ceramic("#3b7fb5")),
    ]


@modelled
def aeroplane() -> list[Part]:
    """Biplane on its wheels."""
    hull = (
        lathe([(0, -1.3), (0.12, -1.3), (0.3, -0.2), (0.36, 0.5), (0.3, 0.95), (0, 1.0)], smooth=4)
        .turn("z", -90)
        .at(0, 0.9, 0)
    )
    wings = box(0.32, 0.035, 1.35, 0.03).at(0.4, 0.68, 0) | box(0.32, 0.035, 1.45, 0.03).at(0.5, 1.42, 0)
    struts = rod((0.3, 0.7, 0.95), (0.4, 1.4, 0.95), 0.03).mirror("z") | rod(
        (0.6, 0.7, 0.95), (0.7, 1.4, 0.95), 0.03
    ).mirror("z")
    inner = rod((0.45, 1.0, 0.22), (0.5, 1.42, 0.3), 0.03).mirror("z")
    tail = board([(-1.3, 0.9), (-0.85, 0.95), (-1.15, 1.45), (-1.4, 1.4)], 0.03) | box(0.2, 0.03, 0.5, 0.025).at(
        -1.15, 0.95, 0
    )
    legs = rod((0.5, 0.7, 0.15), (0.55, 0.22, 0.4), 0.04).mirror("z") | wheel(0.07, 0.35).at(0.55, 0.2, 0)
    blades = (ellipsoid(0.03, 0.62, 0.08)).turn("x", 35).at(1.08, 0.9, 0)
    return [
        Part(hull | tail, satin("#e0a125")),
        Part(wings, satin("#2f6f9f")),
        Part(struts | inner | legs, satin("#5b3b22")),
        Part(wheel(0.2, 0.06).at(0.55, 0.2, 0.4).mirror("z"), TYRE),
        Part(blades | sphere(0.12).at(1.05, 0.9, 0), satin("#6b3f20")),
        Part(torus(0.14, 0.03).stretch(1.2, 1, 1).at(-0.05, 1.19, 0), satin("#3a2416")),
    ]


@modelled
def hot_air_balloon() -> list[Part]:
    """Rainbow envelope over a wicker basket."""
    from ..patterns import gores

    envelope = lathe([(0, 1.1), (0.3, 1.1), (0.75, 1.6), (1.0, 2.2), (0.75, 2.8), (0, 3.0)])
    ropes = rod((0.17, 0.45, 0), (0.33, 1.15, 0), 0.018).around(4, 45)
    colours = ["#d8433a", "#ec8b2f", "#f2c83d", "#57a05a", "#3f7fc0", "#8257a8"]
    basket = box(0.22, 0.22, 0.22, 0.04).at(0, 0.22, 0) - box(0.17, 0.2, 0.17).at(0, 0.35, 0)
    return [
        Part(envelope, satin(gores(colours, 12))),
        Part(ropes, satin("#4a3a2a")),
        Part(basket, satin(stripes("#a8743c", "#7c5126", 0.09))),
    ]


@modelled
def anchor() -> list[Part]:
    """Of dark iron, upright."""
    shank = rod((0, 0.2, 0), (0, 2.2, 0), 0.11, 0.09)
    stock = rod((-0.55, 1.85, 0), (0.55, 1.85, 0), 0.075)
    arms = tube([(0, 0.15, 0), (0.55, 0.25, 0), (0.95, 0.6, 0), (1.08, 0.95, 0)], [0.13, 0.1, 0.08]).mirror("x")
    flukes = board([(0.8, 0.7), (1.15, 1.28), (1.3, 0.62)], 0.08, edge=0.03).mirror("x")
    ring = torus(0.2, 0.055).turn("x", 90).at(0, 2.42, 0)
    return [Part(union(shank, stock, ring).melt(arms, 0.1) | flukes, metal("#59636f", 0.5))]
