"""Tools, locks and gadgets, many of metal."""

from __future__ import annotations

import numpy as np

from ..arrays import Colours, Points, mix, smoothstep
from ..model import Material, Part, ceramic, glass, matt, metal, satin, waxy
from ..patterns import mottled, painted, plain, rgb, stripes, wood
from ..primitives import box, cylinder, ellipsoid, half_space, rod, sphere, torus, tube
from ..profiles import board, lathe
from ..solid import union
from .table import modelled

STEEL = metal("#b8bcc2", 0.75)
BRASS = metal("#d0a23c", 0.78)


@modelled
def dumbbell() -> list[Part]:
    """Hexagonal heads, knurled chrome grip."""
    hexagon = board([(0.5 * np.cos(k * np.pi / 3), 0.5 * np.sin(k * np.pi / 3)) for k in range(6)], 0.3, edge=0.06)
    heads = hexagon.turn("y", 90).at(0.85, 0.43, 0).mirror("x")
    grip = ellipsoid(0.7, 0.17, 0.17).at(0, 0.43, 0) | rod((-0.8, 0.43, 0), (0.8, 0.43, 0), 0.12)
    return [Part(heads, satin("#24262b")), Part(grip, STEEL)]


@modelled
def hammer() -> list[Part]:
    """Claw hammer with an ash handle, lying on its head and handle."""
    handle = tube([(-1.5, 0.2, 0), (-0.6, 0.2, 0), (0.9, 0.2, 0)], [0.13, 0.15, 0.1, 0.11])
    face = cylinder(0.22, 0.13, 0.04).turn("x", 90).at(1.0, 0.22, 0.62) | rod((1.0, 0.2, 0), (1.0, 0.21, 0.55), 0.15)
    claw = tube([(1.0, 0.2, 0), (1.0, 0.22, -0.4), (0.88, 0.22, -0.8)], [0.16, 0.13, 0.04]) - box(0.4, 0.035, 0.3).at(
        0.9, 0.2, -0.75
    )
    return [
        Part(handle, satin(painted(wood("#d8b074", "#a8743a", axis="x"), plain("#b8302c"), x=(-2.0, -0.75)))),
        Part(face.melt(claw, 0.1), STEEL),
    ]


@modelled
def key() -> list[Part]:
    """Old brass door key, flat."""
    bow = torus(0.42, 0.1).stretch(1.0, 1.0, 1.15).at(-1.1, 0.12, 0) | torus(0.16, 0.06).at(-1.1, 0.12, 0)
    shank = rod((-0.7, 0.12, 0), (1.3, 0.12, 0), 0.1)
    rings = union(*(torus(0.11, 0.05).turn("z", 90).at(x, 0.12, 0) for x in (-0.58, -0.45)))
    bit = (
        box(0.26, 0.06, 0.26, 0.02).at(1.0, 0.12, 0.35)
        - box(0.06, 0.2, 0.12).at(0.95, 0.12, 0.55)
        - box(0.05, 0.2, 0.1).at(1.13, 0.12, 0.2)
    )
    return [Part(union(bow.melt(shank, 0.06), rings, bit), BRASS)]


@modelled
def padlock() -> list[Part]:
    """Brass body, steel shackle."""
    body = box(0.75, 0.6, 0.28, 0.12).at(0, 0.6, 0)
    shackle = tube(
        [
            (-0.48, 1.1, 0),
            (-0.48, 1.6, 0),
            (-0.3, 1.98, 0),
            (0, 2.1, 0),
            (0.3, 1.98, 0),
            (0.48, 1.6, 0),
            (0.48, 1.1, 0),
        ],
        [0.12],
    )
    hole = cylinder(0.12, 0.03).turn("x", 90).at(0, 0.68, 0.28) | box(0.045, 0.16, 0.03).at(0, 0.5, 0.28)
    return [
        Part(body, metal(stripes("#cf9f3a", "#bb8c2c", 0.24), 0.7)),
        Part(shackle, STEEL),
        Part(hole, matt("#17130c")),
    ]


@modelled
def ring() -> list[Part]:
    """Gold, set with a blue stone, upright in a velvet cushion."""
    band = torus(0.8, 0.12).turn("x", 90).at(0, 1.05, 0)
    cup = lathe([(0, -0.1), (0.12, -0.1), (0.3, 0.14), (0, 0.14)], smooth=1).at(0, 1.9, 0)
    stone = lathe([(0, 0), (0.36, 0.26), (0.22, 0.42), (0, 0.42)], smooth=1)
    facets = (
        stone
        & board([(0.33 * np.cos(k * np.pi / 4), 0.33 * np.sin(k * np.pi / 4)) for k in range(8)], 1.0).turn("x", 90)
    ).at(0, 1.98, 0)
    velvet = Material(mottled("#7a1f35", "#601628", 4.0), gloss=0.03, wrap=0.35)
    return [
        Part(band | cup, metal("#e6b445", 0.9)),
        Part(facets, Material(mottled("#2a5fd0", "#6fb0f4", 7.0, 2.0), gloss=0.95)),
        Part(box(0.8, 0.22, 0.5, 0.18).at(0, 0.22, 0), velvet),
    ]


@modelled
def alarm_clock() -> list[Part]:
    """Twin bells, ten past ten."""
    case = cylinder(0.85, 0.3, 0.08).turn("x", 90).at(0, 1.05, 0)
    rim = torus(0.8, 0.07).turn("x", 90).at(0, 1.05, 0.28)
    bells = (ellipsoid(0.36, 0.26, 0.36) & half_space(0, -1, 0, 0.02)).turn("z", -30).at(0.48, 1.92, 0).mirror("x")
    legs = rod((0.45, 0.4, 0), (0.65, 0.05, 0), 0.08).mirror("x")
    handle = tube([(-0.4, 2.1, 0), (-0.25, 2.35, 0), (0.25, 2.35, 0), (0.4, 2.1, 0)], [0.05])
    hands = (
        rod((0, 1.05, 0.32), (-0.3, 1.25, 0.32), 0.035)
        | rod((0, 1.05, 0.32), (0.42, 1.35, 0.32), 0.028)
        | sphere(0.06).at(0, 1.05, 0.32)
    )

    def dial(p: Points) -> Colours:
        x, y = p[0], p[1] - 1.05
        hour = np.abs(((np.arctan2(y, x) / (2 * np.pi) * 12 + 0.5) % 1.0) - 0.5)
        radius = np.hypot(x, y)
        tick = (
            (1 - smoothstep(0.05, 0.08, hour * radius))
            * smoothstep(0.56, 0.58, radius)
            * (1 - smoothstep(0.68, 0.7, radius))
        )
        return mix(rgb("#f5f0e2") + 0.0 * p, rgb("#1d1d20"), tick)

    return [
        Part(case, ceramic("#3f9a98")),
        Part(cylinder(0.76, 0.02).turn("x", 90).at(0, 1.05, 0.29), matt(dial)),
        Part(union(rim, bells, legs, handle, sphere(0.09).at(0, 2.1, 0)), metal("#d8b45a")),
        Part(hands, satin("#16161a")),
    ]


@modelled
def camera() -> list[Part]:
    """Rangefinder in leather and chrome."""
    body = box(1.1, 0.4, 0.32, 0.12).at(0, 0.55, 0)
    top = box(1.1, 0.2, 0.3, 0.1).at(0, 1.0, 0) | box(0.35, 0.14, 0.26, 0.06).at(0, 1.22, 0)
    base = box(1.1, 0.09, 0.32, 0.05).at(0, 0.12, 0)
    barrel = (
        lathe(
            [(0, 0), (0.42, 0), (0.42, 0.25), (0.36, 0.27), (0.36, 0.5), (0.3, 0.5), (0.28, 0.4), (0, 0.36)], smooth=1
        )
        .turn("x", 90)
        .at(0, 0.58, 0.3)
    )
    lens = ellipsoid(0.28, 0.28, 0.1).at(0, 0.58, 0.66)
    knobs = (
        cylinder(0.18, 0.08).at(0.75, 1.26, 0)
        | cylinder(0.15, 0.07).at(-0.75, 1.24, 0)
        | cylinder(0.07, 0.06).at(0.45, 1.24, 0.05)
    )
    finder = box(0.16, 0.08, 0.03, 0.01).at(0, 1.2, 0.26) | box(0.1, 0.06, 0.03, 0.01).at(-0.7, 1.02, 0.3)
    return [
        Part(body, matt(mottled("#2a2624", "#161413", 30.0, 1.5))),
        Part(union(top, base, knobs), metal("#c8cacd", 0.65)),
        Part(barrel, satin("#191a1d")),
        Part(lens, Material(plain("#1c2f4f"), gloss=1.0)),
        Part(finder, ceramic("#22303c")),
        Part(sphere(0.05).at(0.85, 0.98, 0.3), ceramic("#c8281f")),
    ]


@modelled
def headphones() -> list[Part]:
    """Standing on their ear cups."""
    band = tube(
        [
            (-0.85, 0.75, 0),
            (-0.88, 1.4, 0),
            (-0.5, 2.0, 0),
            (0, 2.18, 0),
            (0.5, 2.0, 0),
            (0.88, 1.4, 0),
            (0.85, 0.75, 0),
        ],
        [0.07, 0.1, 0.12, 0.1, 0.07],
        4,
    )
    shells = cylinder(0.5, 0.14, 0.1).turn("z", 90).at(0.9, 0.55, 0).mirror("x")
    pads = torus(0.34, 0.16).turn("z", 90).at(0.68, 0.55, 0).mirror("x")
    caps = cylinder(0.3, 0.03).turn("z", 90).at(1.04, 0.55, 0).mirror("x")
    return [Part(band | pads, matt("#2b2a2e")), Part(shells, satin("#e8e2d6")), Part(caps, metal("#c87f4a"))]


@modelled
def light_bulb() -> list[Part]:
    """Clear glass, glowing filament, screwed into a wooden block."""
    bulb = lathe([(0, 0.9), (0.28, 0.9), (0.32, 1.1), (0.72, 1.75), (0.6, 2.3), (0, 2.55)])
    screw = cylinder(0.3, 0.26).at(0, 0.7, 0).rough(lambda p: 0.03 * np.sin(p[1] * 50.0), 0.7)
    filament = tube(
        [(-0.2, 1.5, 0), (-0.25, 1.85, 0), (-0.08, 1.65, 0), (0.08, 1.9, 0), (0.25, 1.65, 0), (0.2, 1.5, 0)], [0.03]
    )
    wires = rod((-0.08, 0.9, 0), (-0.2, 1.5, 0), 0.025).mirror("x")
    return [
        Part(bulb, glass("#f0ead8")),
        Part(screw | wires, BRASS),
        Part(filament, Material(plain("#ffc45a"), glow=4.0)),
        Part(box(0.55, 0.24, 0.55, 0.05).at(0, 0.24, 0), satin(wood("#a8703f", "#5c3218"))),
    ]


@modelled
def magnifier() -> list[Part]:
    """Brass rim, dark handle, propped upright in a holder."""
    rim = torus(0.75, 0.09).turn("x", 90).at(0, 2.0, 0)
    lens = ellipsoid(0.74, 0.74, 0.1).at(0, 2.0, 0)
    handle = lathe([(0, 0.15), (0.15, 0.15), (0.18, 0.4), (0.11, 0.9), (0.09, 1.15), (0, 1.2)])
    foot = cylinder(0.55, 0.1, 0.05).at(0, 0.1, 0)
    return [
        Part(rim | cylinder(0.12, 0.05).at(0, 1.2, 0), BRASS),
        Part(lens, glass("#e6f0f2")),
        Part(handle, satin("#3a1c14")),
        Part(foot, BRASS),
    ]


@modelled
def book_stack() -> list[Part]:
    """Three cloth-bound books, askew."""
    parts = []
    for k, (code, turn, half) in enumerate((("#2f5a6b", 6, 0.2), ("#a8472f", -12, 0.16), ("#5b6b3a", 20, 0.18))):
        y = 0.2 + sum((0.4, 0.32)[:k]) - (0.04 if k == 1 else 0.0) + (0.02 if k == 2 else 0.0)
        cover = box(0.95, half, 0.7, 0.03).at(0, 0, 0) - box(0.95, half - 0.05, 0.66, 0.01).at(0.05, 0, 0)
        pages = box(0.9, half - 0.04, 0.65, 0.01)
        parts.append(Part(cover.turn("y", turn).at(0, y, 0), satin(code)))
        parts.append(Part(pages.turn("y", turn).at(0, y, 0), matt(stripes("#f2e8d0", "#d8c8a4", 0.045))))
    parts.append(
        Part(
            torus(0.17, 0.02).turn("x", 90).at(0.26, 1.26, 0.1).mirror("x")
            | rod((-0.1, 1.3, 0.1), (0.1, 1.3, 0.1), 0.02),
            metal("#b58b3c"),
        )
    )
    return parts


@modelled
def pencil_cup() -> list[Part]:
    """Five pencils in a tin."""
    tin = cylinder(0.6, 0.6, 0.03).at(0, 0.6, 0) - cylinder(0.54, 0.6).at(0, 0.75, 0)
    parts = [Part(tin, metal(stripes("#8fa8b5", "#7a94a2", 0.3), 0.5))]
    places = (
        ("#e0b52f", 0.3, 0.1, 0.22),
        ("#c8342f", -0.25, 0.25, 0.1),
        ("#2f6fb5", -0.1, -0.3, 0.3),
        ("#3f8a4c", 0.2, -0.25, 0.05),
        ("#7a4a9a", 0.02, 0.1, 0.0),
    )
    for code, x, z, drop in places:
        bottom, top = (-x * 0.5, 0.15, -z * 0.5), (x * 1.5, 2.1 - drop, z * 1.5)
        tip = (x * 1.75, 2.35 - drop, z * 1.75)
        parts.append(Part(rod(bottom, top, 0.085), satin(code)))
        parts.append(Part(rod(top, tip, 0.085, 0.015), matt("#e3bf8f")))
        parts.append(
            Part(rod(tuple(0.3 * a + 0.7 * b for a, b in zip(top, tip, strict=True)), tip, 0.034, 0.012), satin(code))
        )  # type: ignore[arg-type]
    return parts


@modelled
def gift_box() -> list[Part]:
    """Wrapped, with ribbon and bow."""
    wrap = painted(stripes("#3f8a7c", "#5aa595", 0.2, (1, 1, 0)), plain("#3f8a7c"), y=(1.15, 2.0))
    ribbon = (
        box(0.82, 0.66, 0.13, 0.02).at(0, 0.66, 0)
        | box(0.13, 0.66, 0.82, 0.02).at(0, 0.66, 0)
        | (box(0.87, 0.14, 0.13, 0.02).at(0, 1.2, 0) | box(0.13, 0.14, 0.87, 0.02).at(0, 1.2, 0))
    )
    loops = torus(0.22, 0.07).turn("x", 90).stretch(1.3, 0.9, 1.6).at(0.3, 1.52, 0).mirror("x") | sphere(0.13).at(
        0, 1.42, 0
    )
    return [
        Part(box(0.8, 0.6, 0.8, 0.02).at(0, 0.6, 0) | box(0.85, 0.12, 0.85, 0.02).at(0, 1.2, 0), satin(wrap)),
        Part(ribbon | loops, waxy("#e3c15a")),
    ]
