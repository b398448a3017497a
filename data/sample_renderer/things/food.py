"""Fruit, vegetables and sweets."""

from __future__ import annotations

import numpy as np

from ..arrays import Floats, Points
from ..model import Part, matt, satin, waxy
from ..noise import value_noise
from ..patterns import by_height, gores, mottled, painted, plain, shifted, speckled, stripes
from ..primitives import box, cylinder, ellipsoid, half_space, rod, sphere, torus, tube
from ..profiles import board, lathe
from ..solid import Solid, union
from .table import modelled

STALK = matt("#5b3d1e")


def leaf(length: float, width: float) -> Solid:
    """Flat, pointed, along +x."""
    outline = [(0.0, 0.0), (length * 0.4, width), (length, 0.0), (length * 0.4, -width)]
    return board(outline, 0.02, smooth=5, edge=0.012).turn("x", 90)


@modelled
def apple() -> list[Part]:
    """Red and yellow, with one leaf."""
    body = lathe(
        [(0, 0.2), (0.2, 0.06), (0.5, 0.04), (0.9, 0.5), (0.98, 1.05), (0.75, 1.5), (0.35, 1.6), (0.1, 1.45), (0, 1.35)]
    )
    skin = painted(mottled("#b8202a", "#d9622f", 2.0), mottled("#c22a2a", "#e0a23f", 3.0), x=(0.1, 1.5))
    return [
        Part(body, waxy(skin)),
        Part(tube([(0, 1.3, 0), (0.04, 1.6, 0), (0.14, 1.85, 0)], [0.035, 0.05]), STALK),
        Part(leaf(0.55, 0.16).turn("z", 25).at(0.06, 1.62, 0), waxy("#4f8a35")),
    ]


@modelled
def pear() -> list[Part]:
    """Yellow-green with brown freckles."""
    body = lathe([(0, 0.08), (0.3, 0.02), (0.75, 0.35), (0.85, 0.8), (0.6, 1.3), (0.4, 1.75), (0.28, 2.0), (0, 2.08)])
    return [
        Part(body, waxy(speckled("#b9b63c", "#93862c", 22.0, 0.15))),
        Part(tube([(0, 2.0, 0), (0.03, 2.2, 0), (0.14, 2.42, 0)], [0.035, 0.05]), STALK),
    ]


@modelled
def banana() -> list[Part]:
    """One, lying on its curve."""
    body = tube(
        [(-1.3, 0.75, 0), (-0.75, 0.34, 0), (0, 0.2, 0), (0.75, 0.34, 0), (1.25, 0.78, 0)],
        [0.12, 0.24, 0.28, 0.25, 0.1],
        5,
    )
    tip = rod((1.22, 0.74, 0), (1.42, 1.05, 0), 0.08, 0.07)
    skin = painted(
        painted(mottled("#e9c62f", "#dbb323", 2.0), plain("#7a7a2c"), x=(1.28, 2.0)), plain("#3d2c14"), x=(-2.0, -1.33)
    )
    return [Part(body.melt(tip, 0.08), waxy(skin))]


@modelled
def pumpkin() -> list[Part]:
    """Ten ribs and a crooked stalk."""
    ribs = ellipsoid(0.42, 0.68, 0.38).at(0.55, 0.7, 0).around(10)
    core = ellipsoid(0.7, 0.58, 0.7).at(0, 0.7, 0)
    stalk = tube([(0, 1.1, 0), (0.03, 1.4, 0), (0.2, 1.65, 0)], [0.16, 0.1, 0.1])
    return [Part(ribs.melt(core, 0.08), waxy(mottled("#d9711c", "#e8902f", 3.0))), Part(stalk, matt("#5f6b32"))]


@modelled
def carrot() -> list[Part]:
    """Lying, with its greens."""
    root = rod((-1.4, 0.12, 0), (0.6, 0.34, 0), 0.05, 0.34)
    rings = root.rough(lambda p: 0.012 * np.sin(p[0] * 26.0 + 3.0 * value_noise(p * 3.0)), 0.8)
    greens = union(
        *(
            tube(
                [(0.75, 0.36, 0), (1.2, 0.5 + 0.12 * y, 0.15 * z), (1.75, 0.45 + 0.3 * y, 0.42 * z)], [0.05, 0.07, 0.1]
            )
            for y, z in ((1, 0), (0, 1), (0, -1), (1.6, 0.7), (1.5, -0.8))
        )
    )
    return [Part(rings, waxy("#e2701d")), Part(greens, waxy(mottled("#4f8f3a", "#356b2a", 6.0)))]


@modelled
def doughnut() -> list[Part]:
    """Pink icing and sprinkles, leaning on nothing: flat on the floor."""
    ring = torus(0.75, 0.4).stretch(1, 0.85, 1).at(0, 0.35, 0)

    def wave(p: Points) -> Floats:
        return 0.3 + 0.07 * np.sin(np.arctan2(p[2], p[0]) * 7.0) + 0.04 * np.sin(np.arctan2(p[2], p[0]) * 11.0)

    icing = ring.swell(0.035) & Solid(lambda p: (wave(p) - p[1]) * 0.8)
    rng = np.random.default_rng(5)
    codes = ["#f4d03f", "#48b0d9", "#f7f3ea", "#7bbf5a"]
    parts = [Part(ring, matt("#c8894a")), Part(icing, waxy("#ea7fa6"))]
    for code in codes:
        sprinkles = []
        for _ in range(8):
            turn, lean, way = rng.uniform(0, 2 * np.pi), rng.uniform(-0.9, 0.9), rng.uniform(0, np.pi)
            radius = 0.75 + 0.42 * np.sin(lean)
            x, y, z = radius * np.cos(turn), 0.35 + 0.375 * np.cos(lean), radius * np.sin(turn)
            dx, dz = 0.07 * np.cos(way), 0.07 * np.sin(way)
            sprinkles.append(rod((x - dx, y, z - dz), (x + dx, y, z + dz), 0.03))
        parts.append(Part(union(*sprinkles), waxy(code)))
    return parts


@modelled
def cake_slice() -> list[Part]:
    """Sponge with two layers of cream, a cherry on top."""
    wedge = half_space(0.42, 0, 0.9, 0.0) & half_space(0.42, 0, -0.9, 0.0)
    whole = (cylinder(1.9, 0.55, 0.05).at(0, 0.55, 0) & wedge.at(0.1, 0, 0)).at(1.0, 0, 0)
    sponge, cream, jam, icing = "#d9a35c", "#fbf0dd", "#c8344a", "#fdf4e6"
    heights = (0.0, 0.3, 0.31, 0.42, 0.43, 0.68, 0.69, 0.78, 0.79, 0.98, 0.99, 1.3)
    bands = (sponge, sponge, cream, cream, sponge, sponge, jam, jam, sponge, sponge, icing, icing)
    layers = by_height(list(zip(heights, bands, strict=True)))
    swirl = sphere(0.24).at(-0.45, 1.14, 0).melt(sphere(0.15).at(-0.45, 1.32, 0), 0.1)
    return [
        Part(whole, matt(layers)),
        Part(swirl, waxy("#fdf4e6")),
        Part(sphere(0.17).at(-0.45, 1.5, 0), waxy("#b3122a")),
        Part(tube([(-0.45, 1.64, 0), (-0.4, 1.85, 0), (-0.25, 2.0, 0)], [0.018]), STALK),
    ]


@modelled
def cupcake() -> list[Part]:
    """Swirled mint frosting in a striped paper cup."""
    cup = lathe([(0, 0), (0.5, 0), (0.72, 0.75), (0, 0.75)], smooth=1).rough(
        lambda p: 0.02 * np.sin(np.arctan2(p[2], p[0]) * 30.0)
    )
    rings = union(*(torus(r, 0.2).at(0, y, 0) for r, y in ((0.52, 0.85), (0.36, 1.12), (0.2, 1.36))))
    top = rings.melt(ellipsoid(0.55, 0.75, 0.55).at(0, 0.9, 0), 0.12).melt(sphere(0.13).at(0, 1.62, 0), 0.15)
    return [
        Part(cup, matt(gores(["#e8e0d0", "#c77f56"], 30))),
        Part(top, waxy("#9fd8c0")),
        Part(sphere(0.14).at(0, 1.8, 0), waxy("#c21f3a")),
    ]


@modelled
def ice_cream() -> list[Part]:
    """Two scoops in a waffle cone, held up by a wire stand."""
    cone = lathe([(0, 0.12), (0.08, 0.12), (0.52, 1.5), (0, 1.5)], smooth=1)

    def waffle(p: Points) -> Floats:
        turn = np.arctan2(p[2], p[0]) * 16 / (2 * np.pi)
        return 0.02 * (np.abs(np.sin((turn + p[1] * 4.0) * np.pi)) + np.abs(np.sin((turn - p[1] * 4.0) * np.pi)) - 1.2)

    stand = union(
        torus(0.6, 0.04).at(0, 0.04, 0),
        torus(0.38, 0.04).at(0, 1.0, 0),
        rod((0.6, 0.04, 0), (0.38, 1.0, 0), 0.035).around(3),
    )
    scoops = sphere(0.56).at(0, 1.75, 0).melt(torus(0.46, 0.1).at(0, 1.56, 0), 0.1)
    lumpy = scoops.rough(lambda p: 0.025 * (value_noise(p * 6.0) - 0.5), 0.9)
    upper = (
        sphere(0.48)
        .at(0.05, 2.35, 0)
        .melt(torus(0.38, 0.09).at(0.05, 2.18, 0), 0.1)
        .rough(lambda p: 0.025 * (value_noise(p * 6.0) - 0.5), 0.9)
    )
    return [
        Part(cone.rough(waffle, 0.7), matt("#d49a4e")),
        Part(lumpy, waxy("#e98fa8")),
        Part(upper, waxy(speckled("#f3e7c8", "#6b3d20", 14.0, 0.12))),
        Part(stand, satin("#8a9096")),
    ]


@modelled
def burger() -> list[Part]:
    """Bun, lettuce, patty, cheese, tomato."""
    crown = (ellipsoid(1.0, 0.75, 1.0).at(0, 0.85, 0) & half_space(0, -1, 0, -0.88)).swell(0.03)
    heel = cylinder(0.98, 0.2, 0.15).at(0, 0.2, 0)
    patty = cylinder(1.02, 0.12, 0.1).at(0, 0.5, 0).rough(lambda p: 0.03 * (value_noise(p * 9.0) - 0.5), 0.85)
    cheese = box(0.85, 0.025, 0.85, 0.02).turn("y", 30).at(0, 0.635, 0)
    frill = cylinder(1.08, 0.05, 0.04).at(0, 0.8, 0).rough(lambda p: 0.06 * np.sin(np.arctan2(p[2], p[0]) * 15.0), 0.6)
    rng = np.random.default_rng(3)
    spots = rng.normal(size=(40, 3))
    spots[:, 1] = np.abs(spots[:, 1]) + 0.3
    spots /= np.linalg.norm(spots, axis=1, keepdims=True)
    seeds = union(
        *(
            ellipsoid(0.06, 0.035, 0.04).at(float(x * 1.01), float(0.87 + y * 0.76), float(z * 1.01))
            for x, y, z in spots[:26]
        )
    )
    return [
        Part(crown, satin(by_height([(0.85, "#e0ac62"), (1.1, "#c27a34"), (1.6, "#b0651f")]))),
        Part(heel, matt("#d9a25c")),
        Part(patty, matt(mottled("#5a3018", "#3a1d0e", 6.0))),
        Part(cheese, waxy("#f2b632")),
        Part(cylinder(0.95, 0.06, 0.05).at(0, 0.71, 0), waxy("#c8362a")),
        Part(frill, waxy(mottled("#7fb544", "#4f8f2e", 4.0))),
        Part(seeds, matt("#f5e6bd")),
    ]


@modelled
def watermelon() -> list[Part]:
    """A quarter, with seeds."""
    ball = sphere(1.2)
    cut = half_space(0, 1, 0.35, 0.0) & half_space(0, 0.35, 1, 0.0).turn("x", 25)
    flesh = ball.swell(-0.12) & cut
    rind = (ball & cut.swell(-0.004)) - sphere(1.1)
    rng = np.random.default_rng(8)
    inner = [tuple(map(float, row)) for row in rng.uniform(-0.85, 0.85, (90, 3))]
    from ..patterns import spheres

    seeds = spheres("#d8333f", "#21130d", inner, 0.06)
    skin = painted(gores(["#2c5a2a", "#5f9a45"], 26), plain("#e8efc8"))
    edge = shifted(skin)
    return [Part(flesh, waxy(seeds)), Part(rind, waxy(rind_paint(edge)))]


def rind_paint(_: object) -> object:
    """Stripes outside, pale inside."""
    from ..arrays import mix, smoothstep
    from ..patterns import rgb

    stripes_outside, pale = gores(["#2c5a2a", "#6aa34a"], 26), rgb("#e3ecc0")
    return lambda p: mix(pale, stripes_outside(p[[0, 2, 1]]), smoothstep(1.16, 1.18, np.sqrt((p * p).sum(axis=0))))


@modelled
def pineapple() -> list[Part]:
    """Diamond eyes and a crown of leaves."""

    def eyes(p: Points) -> Floats:
        turn = np.arctan2(p[2], p[0]) * 9 / (2 * np.pi)
        return 0.05 * (np.abs(np.sin((turn + p[1] * 2.6) * np.pi)) + np.abs(np.sin((turn - p[1] * 2.6) * np.pi)) - 1.0)

    body = lathe([(0, 0), (0.4, 0.02), (0.68, 0.4), (0.7, 0.9), (0.55, 1.4), (0.3, 1.62), (0, 1.65)]).rough(eyes, 0.6)
    crown = union(
        *(
            tube([(0.08, 1.5, 0), (0.16 + s, 1.9, 0), (0.2 + 2.2 * s, 2.2 - s, 0)], [0.13, 0.1, 0.02]).around(n, f)
            for s, n, f in ((0.22, 7, 0), (0.12, 6, 25), (0.02, 4, 10))
        )
    )
    return [
        Part(body, waxy(mottled("#c98a24", "#96681f", 7.0))),
        Part(crown, waxy(by_height([(1.5, "#6f9a4a"), (2.3, "#3f7040")]))),
    ]


@modelled
def sushi() -> list[Part]:
    """Salmon on rice, tied with seaweed."""
    rice = box(0.95, 0.28, 0.42, 0.2).at(0, 0.28, 0).rough(lambda p: 0.05 * (value_noise(p * 13.0) - 0.5), 0.8)
    fish = box(1.1, 0.1, 0.46, 0.09).at(0, 0.66, 0).melt(ellipsoid(1.05, 0.16, 0.44).at(0, 0.68, 0), 0.1)
    strap = box(0.17, 0.4, 0.5, 0.12).at(0, 0.405, 0)
    return [
        Part(rice, matt("#f2eee2")),
        Part(fish, waxy(stripes("#ee7a45", "#f6b48c", 0.22, (1, 0, 0.5)))),
        Part(strap, satin("#1f2a22")),
    ]
