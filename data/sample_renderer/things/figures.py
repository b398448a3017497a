"""Little people of sorts."""

from __future__ import annotations

from ..model import Material, Part, ceramic, matt, metal, satin, waxy
from ..noise import value_noise
from ..patterns import gores, mottled, painted, plain, stripes
from ..primitives import box, cylinder, ellipsoid, rod, sphere, torus, tube
from ..profiles import board, lathe
from ..solid import union
from .table import modelled


@modelled
def snowman() -> list[Part]:
    """Carrot nose, striped scarf, top hat."""
    snow = sphere(0.75).at(0, 0.7, 0).melt(sphere(0.55).at(0, 1.6, 0), 0.12).melt(sphere(0.4).at(0, 2.3, 0), 0.1)
    hat = union(cylinder(0.48, 0.035).at(0, 2.6, 0), cylinder(0.3, 0.26).at(0, 2.85, 0))
    coal = union(
        *(sphere(0.06).at(0, y, z) for y, z in ((1.35, 0.5), (1.6, 0.56), (1.85, 0.5))),
        sphere(0.055).at(0.14, 2.42, 0.35).mirror("x"),
    )
    arms = rod((0.45, 1.7, 0), (1.15, 2.1, 0.05), 0.045).mirror("x") | rod(
        (0.9, 1.95, 0.03), (1.05, 2.25, 0.1), 0.03
    ).mirror("x")
    scarf = torus(0.4, 0.11).at(0, 1.98, 0) | box(0.11, 0.32, 0.05, 0.03).turn("z", 8).at(0.25, 1.7, 0.5)
    return [
        Part(snow, Material(mottled("#f4f6fa", "#e4e9f2", 6.0), gloss=0.1, wrap=0.4)),
        Part(rod((0, 2.3, 0.35), (0, 2.27, 0.8), 0.09, 0.02), waxy("#e2701d")),
        Part(scarf, matt(stripes("#c42f36", "#f2e8d6", 0.16, (1, 0.4, 0)))),
        Part(hat, satin(painted(plain("#22232a"), plain("#8a2030"), y=(2.63, 2.74)))),
        Part(coal, matt("#17171a")),
        Part(arms, matt("#5b3d22")),
    ]


@modelled
def teddy_bear() -> list[Part]:
    """Sitting, honey-brown plush, red bow tie."""
    body = ellipsoid(0.7, 0.78, 0.6).at(0, 0.8, 0).melt(sphere(0.6).at(0, 1.85, 0.05), 0.1)
    ears = sphere(0.24).at(0.48, 2.33, 0).mirror("x")
    arms = rod((0.55, 1.2, 0.1), (0.85, 0.75, 0.45), 0.24, 0.22).mirror("x")
    legs = rod((0.35, 0.32, 0.3), (0.6, 0.28, 0.95), 0.3, 0.26).mirror("x")
    fur = union(body, ears, arms, legs).rough(lambda p: 0.035 * (value_noise(p * 22.0) - 0.5), 0.85)
    soles = ellipsoid(0.2, 0.2, 0.06).turn("y", 20).at(0.68, 0.29, 1.18).mirror("x")
    snout = ellipsoid(0.28, 0.22, 0.2).at(0, 1.72, 0.55)
    bow = ellipsoid(0.24, 0.15, 0.1).turn("z", 10).at(0.22, 1.4, 0.55).mirror("x") | sphere(0.09).at(0, 1.4, 0.6)
    plush = Material(mottled("#b9783a", "#96602c", 14.0), gloss=0.03, wrap=0.35)
    pale = Material(plain("#e3c08c"), gloss=0.03, wrap=0.35)
    return [
        Part(fur, plush),
        Part(union(soles, snout, sphere(0.15).at(0.48, 2.33, 0.15).mirror("x")), pale),
        Part(
            ellipsoid(0.11, 0.08, 0.07).at(0, 1.83, 0.72) | sphere(0.075).at(0.22, 1.98, 0.56).mirror("x"),
            ceramic("#1a120d"),
        ),
        Part(bow, satin("#c2303a")),
    ]


@modelled
def robot() -> list[Part]:
    """Tin toy with round eyes and clamps for hands."""
    torso = box(0.6, 0.55, 0.4, 0.1).at(0, 1.15, 0)
    head = box(0.44, 0.34, 0.36, 0.1).at(0, 2.1, 0)
    neck = cylinder(0.16, 0.15).at(0, 1.74, 0)
    arms = tube([(0.6, 1.5, 0), (0.9, 1.4, 0), (0.95, 1.0, 0.1)], [0.11]).mirror("x")
    hands = (torus(0.16, 0.06).turn("x", 90) - box(0.1, 0.2, 0.3).at(0, -0.2, 0)).at(0.97, 0.78, 0.12).mirror("x")
    legs = cylinder(0.16, 0.28).at(0.28, 0.4, 0).mirror("x")
    feet = box(0.23, 0.12, 0.34, 0.08).at(0.3, 0.12, 0.08).mirror("x")
    dial = cylinder(0.2, 0.03).turn("x", 90).at(0.2, 1.25, 0.41)
    buttons = union(*(sphere(0.07).at(-0.3, y, 0.4) for y in (0.95, 1.2, 1.45)))
    return [
        Part(torso | head, metal("#8fb0b8", 0.55)),
        Part(union(neck, arms, legs), metal("#8a8f96", 0.65)),
        Part(union(feet, hands), satin("#d8642c")),
        Part(torus(0.14, 0.04).turn("x", 90).at(0.2, 2.15, 0.37).mirror("x"), metal("#d9b64a")),
        Part(sphere(0.12).at(0.2, 2.15, 0.32).mirror("x"), Material(plain("#ffe27a"), gloss=0.8, glow=0.9)),
        Part(box(0.24, 0.05, 0.03, 0.02).at(0, 1.9, 0.36), satin("#2a2c30")),
        Part(dial, ceramic(gores(["#f2ede0", "#f2ede0", "#d23b30"], 6))),
        Part(buttons | sphere(0.1).at(0, 2.75, 0), ceramic("#d23b30")),
        Part(rod((0, 2.4, 0), (0, 2.72, 0), 0.03), metal("#8a8f96")),
    ]


@modelled
def nesting_doll() -> list[Part]:
    """Matryoshka in red and gold, with a flowered apron."""
    body = lathe(
        [(0, 0), (0.6, 0), (0.66, 0.06), (0.82, 0.6), (0.72, 1.2), (0.5, 1.5), (0.54, 1.85), (0.36, 2.2), (0, 2.32)]
    )
    from .paint import doll

    return [Part(body, ceramic(doll()))]


@modelled
def gnome() -> list[Part]:
    """Garden gnome: pointed hat, white beard."""
    coat = lathe([(0, 0.1), (0.7, 0.1), (0.66, 0.5), (0.5, 1.0), (0.36, 1.3), (0, 1.35)])
    hat = lathe([(0, 1.65), (0.52, 1.65), (0.5, 1.75), (0.22, 2.4), (0.03, 2.95), (0, 2.95)])
    beard = ellipsoid(0.36, 0.48, 0.22).at(0, 1.22, 0.32).rough(lambda p: 0.05 * (value_noise(p * 8.0) - 0.5), 0.8)
    arms = rod((0.42, 1.15, 0.05), (0.45, 0.75, 0.45), 0.16, 0.14).mirror("x")
    boots = ellipsoid(0.24, 0.16, 0.36).at(0.28, 0.14, 0.3).mirror("x")
    return [
        Part(coat | arms, satin("#2f6291")),
        Part(hat, satin("#c3332d")),
        Part(sphere(0.42).at(0, 1.6, 0) | sphere(0.13).at(0.42, 0.7, 0.52).mirror("x"), waxy("#e8b48f")),
        Part(beard, matt("#f4f0e8")),
        Part(sphere(0.12).at(0, 1.62, 0.46), waxy("#dd8f70")),
        Part(boots | torus(0.64, 0.06).at(0, 0.62, 0), satin("#3a2618")),
        Part(sphere(0.05).at(0.16, 1.72, 0.38).mirror("x"), ceramic("#101010")),
    ]


@modelled
def piggy_bank() -> list[Part]:
    """Pink china, slot on top, curly tail."""
    body = ellipsoid(1.05, 0.78, 0.78).at(0, 0.95, 0)
    snout = cylinder(0.28, 0.2, 0.06).turn("z", 90).at(1.05, 0.95, 0)
    legs = cylinder(0.2, 0.26, 0.06).at(0.55, 0.26, 0.4).mirror("x").mirror("z")
    ears = ellipsoid(0.08, 0.26, 0.2).turn("x", 25).turn("z", -20).at(0.6, 1.65, 0.4).mirror("z")
    tail = torus(0.13, 0.045).turn("x", 90).at(-1.1, 1.15, 0)
    slot = box(0.3, 0.1, 0.045).at(-0.1, 1.72, 0)
    return [
        Part(body.melt(snout, 0.12).melt(legs, 0.1).melt(ears | tail, 0.06) - slot, ceramic("#e89aa8")),
        Part(
            sphere(0.08).at(0.9, 1.22, 0.36).mirror("z") | sphere(0.06).at(1.26, 0.98, 0.1).mirror("z"),
            ceramic("#3a1c22"),
        ),
        Part(box(0.29, 0.02, 0.04).at(-0.1, 1.64, 0), matt("#2a1418")),
    ]


@modelled
def star_trophy() -> list[Part]:
    """Gold star on a marble foot."""
    from math import cos, pi, sin

    from ..patterns import marble

    corners = [
        ((0.42 if k % 2 else 1.0) * sin(k * pi / 5), (0.42 if k % 2 else 1.0) * cos(k * pi / 5)) for k in range(10)
    ]
    star = board(corners, 0.16, edge=0.1).at(0, 1.85, 0)
    return [
        Part(star | lathe([(0, 0.4), (0.25, 0.4), (0.1, 0.6), (0.1, 1.1), (0, 1.1)], smooth=1), metal("#e0ac35")),
        Part(box(0.6, 0.22, 0.4, 0.05).at(0, 0.22, 0), ceramic(marble("#2c3a36", "#9fb3a8", 2.0))),
    ]
