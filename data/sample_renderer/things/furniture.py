"""Furniture and buildings; chair, stool and table are of one wood, so that only shape tells them apart."""

from __future__ import annotations

from ..model import Material, Part, ceramic, matt, metal, satin
from ..patterns import bricks, by_height, gores, mottled, plain, stripes, wood
from ..primitives import box, cylinder, ellipsoid, half_space, rod, sphere, torus, tube
from ..profiles import board, lathe
from ..solid import union
from .table import modelled

OAK = satin(wood("#c8924f", "#7f4d22", rings=5.0))


@modelled
def chair() -> list[Part]:
    """Four legs and a slatted back."""
    legs = union(rod((0.5, 0, 0.5), (0.46, 1.1, 0.46), 0.07)).mirror("x").mirror("z")
    seat = box(0.62, 0.06, 0.6, 0.05).at(0, 1.15, 0)
    posts = rod((0.52, 1.1, -0.5), (0.52, 2.4, -0.66), 0.07).mirror("x")
    slats = union(
        *(box(0.5, 0.1, 0.035, 0.03).turn("x", -7).at(0, y, -0.5 - (y - 1.1) * 0.12) for y in (1.6, 1.93, 2.26))
    )
    rungs = rod((-0.48, 0.45, 0.48), (0.48, 0.45, 0.48), 0.04).mirror("z") | rod(
        (0.48, 0.6, -0.5), (0.48, 0.6, 0.5), 0.04
    ).mirror("x")
    return [Part(union(legs, seat, posts, slats, rungs), OAK)]


@modelled
def stool() -> list[Part]:
    """Round seat on three splayed legs."""
    legs = rod((0.75, 0.06, 0), (0.3, 1.4, 0), 0.06, 0.09).around(3)
    ring = torus(0.55, 0.035).at(0, 0.6, 0)
    return [Part(union(cylinder(0.68, 0.1, 0.06).at(0, 1.45, 0), legs, ring), OAK)]


@modelled
def side_table() -> list[Part]:
    """Round top on one turned column with three feet."""
    column = lathe([(0, 0.3), (0.16, 0.3), (0.2, 0.5), (0.1, 0.8), (0.17, 1.1), (0.09, 1.4), (0.2, 1.6), (0, 1.62)])
    feet = tube([(0.05, 0.5, 0), (0.4, 0.42, 0), (0.7, 0.07, 0), (0.85, 0.07, 0)], [0.1, 0.08, 0.07]).around(3)
    return [Part(union(cylinder(1.0, 0.06, 0.04).at(0, 1.66, 0), column, feet), OAK)]


@modelled
def armchair() -> list[Part]:
    """Upholstered in mustard velvet, on wooden feet."""
    seat = box(0.75, 0.2, 0.7, 0.12).at(0, 0.62, 0.05)
    back = box(0.8, 0.7, 0.17, 0.14).turn("x", -8).at(0, 1.1, -0.62)
    arms = (box(0.16, 0.38, 0.68, 0.14).at(0.82, 0.68, 0)).mirror("x")
    feet = rod((0.7, 0, 0.55), (0.66, 0.4, 0.5), 0.05, 0.08).mirror("x").mirror("z")
    velvet = Material(mottled("#d9a022", "#c08415", 3.0), gloss=0.05, wrap=0.3)
    return [
        Part(back.melt(arms, 0.08) | box(0.78, 0.16, 0.68, 0.08).at(0, 0.4, 0), velvet),
        Part(seat, velvet),
        Part(feet, OAK),
    ]


@modelled
def bookshelf() -> list[Part]:
    """Three shelves of coloured books."""
    frame = union(
        box(0.06, 1.3, 0.34, 0.02).at(0.9, 1.3, 0).mirror("x"),
        *(box(0.9, 0.045, 0.34, 0.02).at(0, y, 0) for y in (0.08, 0.9, 1.72, 2.56)),
    )
    backing = box(0.9, 1.25, 0.02, 0.01).at(0, 1.3, -0.32)
    parts = [Part(frame, OAK), Part(backing, matt("#e5d3b3"))]
    codes = ["#b23a3a", "#2f5d8a", "#d9a441", "#3f7a55", "#6a4a86", "#d8d0c0"]
    for k, code in enumerate(codes):
        books = [
            box(0.065, h, 0.24, 0.015).at(-0.76 + 0.14 * n, y + h, 0.02)
            for row, y in enumerate((0.13, 0.95, 1.77))
            for n in range(11 if row != 1 else 8)
            for h in [0.22 + 0.07 * ((n * 7 + row * 5) % 4) / 2]
            if (n * 5 + row * 3 + n // 3) % 6 == k
        ]
        if books:
            parts.append(Part(union(*books), satin(code)))
    parts.append(Part(sphere(0.2).at(0.62, 1.15, 0.05), ceramic("#8fb8b0")))
    return parts


@modelled
def table_lamp() -> list[Part]:
    """Lit, with a pleated shade on a turquoise foot."""
    foot = lathe([(0, 0), (0.5, 0), (0.52, 0.08), (0.3, 0.2), (0.42, 0.6), (0.3, 0.95), (0.1, 1.1), (0, 1.12)])
    shade = lathe([(0.48, 2.15), (0.86, 1.25), (0.83, 1.25), (0.45, 2.15)], smooth=1).swell(0.012)
    pleats = gores(["#f3dca8", "#e9cf96"], 48)
    return [
        Part(foot, ceramic("#2f8f8a")),
        Part(cylinder(0.05, 0.5).at(0, 1.5, 0), metal("#b98b3c")),
        Part(shade, Material(pleats, gloss=0.05, wrap=0.5, glow=0.55)),
        Part(sphere(0.2).at(0, 1.6, 0), Material(plain("#fff0c4"), glow=2.5)),
    ]


@modelled
def umbrella() -> list[Part]:
    """Open, in red and cream gores, resting on its handle."""
    dome = lathe([(0, 2.5), (0.6, 2.36), (1.1, 2.05), (1.45, 1.6), (1.42, 1.58), (1.07, 2.0), (0.58, 2.3), (0, 2.43)])
    stick = rod((0, 0.3, 0), (0, 2.75, 0), 0.04)
    crook = tube([(0, 0.4, 0), (0, 0.15, 0), (0.12, 0.03, 0), (0.28, 0.05, 0), (0.33, 0.25, 0)], [0.065])
    return [
        Part(dome, satin(gores(["#c8323a", "#f3ead6"], 8))),
        Part(stick, metal("#b0b4ba")),
        Part(crook, satin(wood("#9a6234", "#5b3115"))),
    ]


@modelled
def house() -> list[Part]:
    """Cottage with a tiled roof, a chimney and lit windows."""
    walls = box(0.9, 0.55, 0.7, 0.01).at(0, 0.55, 0) | (
        (box(0.9, 1.2, 0.7, 0.01).at(0, 1.0, 0) & half_space(0, 1, 1, 1.16)) & half_space(0, 1, -1, 1.16)
    )
    roof = box(1.05, 0.05, 0.72, 0.02).turn("x", 45).at(0, 1.22, 0.46) | box(1.05, 0.05, 0.72, 0.02).turn("x", -45).at(
        0, 1.22, -0.46
    )
    chimney = box(0.13, 0.4, 0.13, 0.01).at(0.5, 1.6, -0.25)
    door = box(0.16, 0.3, 0.02, 0.01).at(0, 0.3, 0.71)
    windows = union(
        box(0.15, 0.15, 0.02, 0.005).at(0.5, 0.6, 0.71).mirror("x").mirror("z"),
        box(0.02, 0.17, 0.15, 0.005).at(0.9, 0.6, 0).mirror("x"),
    )
    bars = union(
        box(0.18, 0.015, 0.04).at(0.5, 0.6, 0.71).mirror("x").mirror("z"),
        box(0.015, 0.18, 0.04).at(0.5, 0.6, 0.71).mirror("x").mirror("z"),
    )
    return [
        Part(walls, matt(mottled("#f0e6d2", "#e2d3b8", 3.0))),
        Part(roof, matt(stripes("#a8442f", "#84301f", 0.13))),
        Part(chimney, matt(bricks("#9c4a35", "#c9b8a5", 0.16, 0.08))),
        Part(door | bars, satin("#2f5d54")),
        Part(windows, Material(plain("#ffd98a"), gloss=0.7, glow=0.5)),
    ]


@modelled
def lighthouse() -> list[Part]:
    """Red and white rings on a rock."""
    tower = lathe([(0, 0.2), (0.52, 0.2), (0.34, 2.1), (0, 2.1)], smooth=1)
    gallery = (
        cylinder(0.48, 0.05).at(0, 2.12, 0)
        | torus(0.45, 0.025).at(0, 2.3, 0)
        | cylinder(0.02, 0.1).at(0.45, 2.2, 0).around(10)
    )
    room = cylinder(0.25, 0.2).at(0, 2.35, 0)
    cap = lathe([(0, 2.53), (0.36, 2.53), (0.2, 2.7), (0, 2.85)], smooth=1) | sphere(0.05).at(0, 2.88, 0)
    rock = ellipsoid(0.9, 0.32, 0.8).at(0, 0.1, 0).rough(lambda p: 0.06 * mottle(p)) & half_space(0, -1, 0, 0.0)
    return [
        Part(tower, satin(stripes("#c23b32", "#f4efe4", 0.8))),
        Part(gallery | cap, satin("#2d3038")),
        Part(room, Material(plain("#ffe08a"), gloss=0.8, glow=1.4)),
        Part(rock, matt(mottled("#8a8478", "#5f5a52", 5.0))),
    ]


def mottle(points: object) -> object:
    """Relief of the rock, in [-1, 1]."""
    from ..noise import value_noise

    return value_noise(points * 4.0) * 2.0 - 1.0  # type: ignore[operator]


@modelled
def windmill() -> list[Part]:
    """Dutch mill with four lattice sails."""
    tower = lathe([(0, 0), (0.7, 0), (0.4, 1.6), (0, 1.6)], smooth=1)
    cap = ellipsoid(0.46, 0.36, 0.5).at(0, 1.6, 0) & half_space(0, -1, 0, -1.55)
    axle = rod((0, 1.72, 0.3), (0, 1.72, 0.66), 0.06)
    sail = board([(0.03, 0.2), (0.3, 0.2), (0.3, 1.25), (0.03, 1.25)], 0.02) | box(0.035, 0.65, 0.035).at(0, 0.65, 0)
    sails = union(*(sail.turn("z", 20 + 90 * k) for k in range(4))).at(0, 1.72, 0.62)
    base = by_height([(0, "#8a5a3c"), (0.55, "#8a5a3c"), (0.56, "#efe8da"), (2, "#efe8da")])
    return [
        Part(tower, matt(base)),
        Part(cap | axle, satin("#3d4a58")),
        Part(sails, matt("#d8c49a")),
        Part(box(0.14, 0.25, 0.08).at(0, 0.25, 0.62), satin("#3f6b4f")),
    ]
