"""Plants and animals."""

from __future__ import annotations

import numpy as np

from ..model import Material, Part, ceramic, matt, satin, waxy
from ..noise import value_noise
from ..patterns import by_height, mottled, painted, plain, spheres, stripes
from ..primitives import box, cylinder, ellipsoid, half_space, rod, sphere, tube
from ..profiles import board, lathe
from ..solid import Solid, union
from .table import modelled

TERRACOTTA = matt("#b8643c")


def pot() -> Solid:
    """Flower pot, 0.7 high."""
    return lathe(
        [(0, 0), (0.42, 0), (0.55, 0.5), (0.62, 0.5), (0.62, 0.7), (0.54, 0.7), (0.52, 0.6), (0, 0.6)], smooth=1
    )


@modelled
def cactus() -> list[Part]:
    """Ribbed, two arms and a pink flower."""
    body = rod((0, 0.6, 0), (0, 1.85, 0), 0.34).rough(lambda p: 0.035 * np.cos(np.arctan2(p[2], p[0]) * 12.0), 0.7)
    arms = tube([(0.2, 1.1, 0), (0.65, 1.15, 0), (0.7, 1.75, 0)], [0.15]) | tube(
        [(-0.2, 1.3, 0), (-0.58, 1.35, 0), (-0.62, 1.8, 0)], [0.13]
    )
    flower = ellipsoid(0.16, 0.06, 0.08).at(0.1, 0, 0).around(6).at(0, 2.22, 0)
    return [
        Part(pot(), TERRACOTTA),
        Part(cylinder(0.53, 0.05).at(0, 0.58, 0), matt("#4a3424")),
        Part(body.melt(arms, 0.08), waxy(mottled("#4f8a4c", "#3b6f42", 4.0))),
        Part(flower, waxy("#e0568c")),
    ]


@modelled
def tulip_pot() -> list[Part]:
    """Three tulips in the same pot as the cactus."""
    parts = [Part(pot(), TERRACOTTA), Part(cylinder(0.53, 0.05).at(0, 0.58, 0), matt("#4a3424"))]
    stems, leaves, heads = [], [], []
    for x, z, top in ((0.0, 0.12, 1.9), (0.42, -0.2, 1.6), (-0.4, -0.1, 1.5)):
        stems.append(tube([(x * 0.3, 0.6, z * 0.3), (x * 0.6, 1.1, z * 0.6), (x, top, z)], [0.045]))
        bloom = (ellipsoid(0.2, 0.34, 0.16).at(0.1, 0.25, 0).around(3) - ellipsoid(0.13, 0.3, 0.13).at(0, 0.5, 0)).at(
            x, top, z
        )
        heads.append(bloom)
        leaves.append(
            tube(
                [(x * 0.2, 0.6, z * 0.2), (x * 0.9 + 0.2, 1.0, z + 0.2), (x * 1.2 + 0.35, 1.25, z + 0.3)],
                [0.05, 0.1, 0.02],
            )
        )
    parts += [
        Part(union(*stems, *leaves), waxy("#4f8a45")),
        Part(union(*heads), waxy(by_height([(1.5, "#e8b23a"), (1.9, "#d8384a"), (2.4, "#c42a48")]))),
    ]
    return parts


@modelled
def fir_tree() -> list[Part]:
    """Three snow-tipped tiers."""
    tiers = union(
        *(
            lathe([(0, y), (r, y), (r * 0.9, y + 0.08), (0, y + h)], smooth=1)
            for r, y, h in ((0.95, 0.45, 1.0), (0.75, 1.0, 0.95), (0.52, 1.55, 0.95))
        )
    )
    branches = tiers.rough(
        lambda p: 0.06 * np.sin(np.arctan2(p[2], p[0]) * 13.0) * np.minimum(1.0, np.hypot(p[0], p[2]) * 2), 0.6
    )
    needles = mottled("#2f6b46", "#1f4a33", 9.0)
    snow = by_height([(0.0, "#2f6b46"), (2.0, "#34704a"), (2.3, "#dfe9ea"), (2.6, "#f4f8f8")])
    return [
        Part(branches, matt(painted(needles, snow, y=(1.9, 3.0)))),
        Part(cylinder(0.14, 0.3).at(0, 0.28, 0), matt("#6b4526")),
    ]


@modelled
def oak_tree() -> list[Part]:
    """Round crown of leaves on a forked trunk."""
    centres = [
        (0, 1.9, 0, 0.65),
        (0.55, 1.6, 0.1, 0.5),
        (-0.55, 1.65, -0.1, 0.5),
        (0.1, 1.65, 0.55, 0.48),
        (-0.1, 1.6, -0.55, 0.48),
        (0.1, 2.25, 0.05, 0.45),
    ]
    crown = union(*(sphere(r).at(x, y, z) for x, y, z, r in centres)).rough(
        lambda p: 0.16 * (value_noise(p * 7.0) - 0.5), 0.6
    )
    trunk = tube([(0, 0, 0), (0.03, 0.6, 0), (0, 1.3, 0)], [0.24, 0.14, 0.13]).melt(
        rod((0, 0.8, 0), (0.4, 1.4, 0.1), 0.07), 0.08
    )
    roots = rod((0.05, 0.12, 0), (0.35, 0.0, 0), 0.1, 0.04).around(5)
    return [
        Part(crown, matt(mottled("#6b9a3a", "#3f6f2a", 6.0))),
        Part(trunk.melt(roots, 0.1), matt(mottled("#6b4a2c", "#4a321d", 8.0))),
    ]


@modelled
def mushroom() -> list[Part]:
    """Fly agaric: white spots on red."""
    cap = ellipsoid(1.0, 0.75, 1.0).at(0, 1.0, 0) & half_space(0, -1, 0, -0.98)
    rng = np.random.default_rng(12)
    places = rng.normal(size=(70, 3))
    places[:, 1] = np.abs(places[:, 1]) + 0.15
    places = places / np.linalg.norm(places, axis=1, keepdims=True) * [1.0, 0.75, 1.0] + [0, 1.0, 0]
    chosen: list[tuple[float, float, float]] = []
    for place in places:
        if all(np.linalg.norm(place - np.array(other)) > 0.42 for other in chosen):
            chosen.append((float(place[0]), float(place[1]), float(place[2])))
    stem = lathe([(0, 0), (0.36, 0.02), (0.4, 0.15), (0.25, 0.5), (0.22, 1.05), (0, 1.05)])
    frill = lathe([(0.2, 0.82), (0.42, 0.66), (0.44, 0.69), (0.22, 0.9)], smooth=1)
    return [
        Part(
            cap.swell(0.02), waxy(painted(spheres("#c8281f", "#f5efe2", chosen, 0.14), plain("#efe6d0"), y=(0.0, 0.99)))
        ),
        Part(stem | frill, waxy("#f0e8d6")),
    ]


@modelled
def sunflower() -> list[Part]:
    """In a blue bottle."""
    bottle = lathe([(0, 0), (0.38, 0), (0.42, 0.1), (0.4, 0.6), (0.16, 0.95), (0.14, 1.15), (0, 1.15)])
    stem = tube([(0, 1.0, 0), (0.02, 1.6, -0.08), (0, 2.0, 0)], [0.06])
    petals = ellipsoid(0.3, 0.03, 0.11).turn("z", 8).at(0.56, 0, 0).around(16) | ellipsoid(0.28, 0.03, 0.1).turn(
        "z", 16
    ).at(0.5, 0.05, 0).around(14, 11)
    head = ellipsoid(0.36, 0.12, 0.36)
    leaf = ellipsoid(0.36, 0.03, 0.17).turn("z", 30).at(0.38, 1.45, 0)
    return [
        Part(bottle, ceramic("#2f6fa8")),
        Part(stem | leaf | leaf.turn("y", 160).at(0, 0.2, 0), waxy("#5a8a3c")),
        Part(petals.turn("x", 70).at(0, 2.1, 0.1), waxy("#f0b41f")),
        Part(head.turn("x", 70).at(0, 2.1, 0.1), matt(mottled("#4a2c14", "#2a170a", 16.0))),
    ]


@modelled
def rubber_duck() -> list[Part]:
    """Yellow, orange beak."""
    body = ellipsoid(1.0, 0.62, 0.75).at(0, 0.62, 0).melt(rod((-0.7, 0.75, 0), (-1.1, 1.15, 0), 0.28, 0.06), 0.2)
    head = sphere(0.52).at(0.5, 1.5, 0)
    wings = ellipsoid(0.5, 0.3, 0.12).turn("z", 15).at(-0.15, 0.75, 0.68).mirror("z")
    beak = ellipsoid(0.3, 0.07, 0.2).turn("z", 8).at(1.02, 1.42, 0) | ellipsoid(0.24, 0.06, 0.16).turn("z", -10).at(
        1.0, 1.34, 0
    )
    eyes = sphere(0.085).at(0.88, 1.66, 0.27).mirror("z")
    return [
        Part(body.melt(head, 0.25).melt(wings, 0.06), waxy("#f2c21f")),
        Part(beak, waxy("#e2661c")),
        Part(eyes, ceramic("#141414")),
    ]


@modelled
def goldfish() -> list[Part]:
    """On a clear stand, fins spread."""
    body = ellipsoid(0.95, 0.55, 0.36).at(0, 1.2, 0)
    tail = board([(-0.75, 1.2), (-1.5, 1.75), (-1.3, 1.2), (-1.5, 0.65)], 0.05, edge=0.03)
    top = board([(0.3, 1.65), (0.0, 2.1), (-0.6, 1.85), (-0.5, 1.5)], 0.045, edge=0.03)
    fins = board([(0.0, 0.0), (-0.5, -0.3), (-0.45, 0.1)], 0.03).turn("y", -40).at(0.25, 1.05, 0.3).mirror("z") | board(
        [(0, 0.8), (-0.3, 0.4), (-0.5, 0.75)], 0.04
    )
    scales = mottled("#ee7a1c", "#f6a83a", 9.0)
    return [
        Part(body.melt(tail | top | fins, 0.08), waxy(painted(scales, plain("#fbe3b8"), y=(0.0, 0.85)))),
        Part(sphere(0.11).at(0.68, 1.32, 0.24).mirror("z"), ceramic("#f8f4ea")),
        Part(sphere(0.07).at(0.72, 1.33, 0.29).mirror("z"), ceramic("#101010")),
        Part(rod((0, 0.1, 0), (0, 0.75, 0), 0.04) | cylinder(0.5, 0.06, 0.03).at(0, 0.06, 0), satin("#6b4a2c")),
    ]


@modelled
def snail() -> list[Part]:
    """Spiral shell on a soft body."""
    body = tube(
        [(-1.3, 0.08, 0), (-0.4, 0.2, 0), (0.6, 0.22, 0), (1.0, 0.55, 0), (1.15, 0.9, 0)],
        [0.06, 0.24, 0.26, 0.22, 0.2],
        4,
    )
    horns = rod((1.15, 1.0, 0.08), (1.35, 1.4, 0.22), 0.035).mirror("z") | sphere(0.06).at(1.36, 1.42, 0.23).mirror("z")
    turns = []
    for k in range(15):
        angle = k * 0.62
        size = 0.48 * 0.9**k
        radius = 0.5 * 0.9**k
        turns.append(sphere(size).at(float(radius * np.cos(angle)), float(radius * np.sin(angle)), 0.05 * k * 0.9**k))
        turns.append(sphere(size).at(float(radius * np.cos(angle)), float(radius * np.sin(angle)), -0.05 * k * 0.9**k))
    shell = turns[0]
    for piece in turns[1:]:
        shell = shell.melt(piece, 0.06)
    return [
        Part(body.melt(horns, 0.04), waxy("#c9b183")),
        Part(shell.turn("z", -70).at(-0.2, 0.95, 0), ceramic(stripes("#a8602c", "#e3bd83", 0.16, (0.4, 1, 0.2)))),
    ]


@modelled
def penguin() -> list[Part]:
    """Upright, flippers out."""
    body = ellipsoid(0.72, 1.0, 0.66).at(0, 1.0, 0).melt(sphere(0.5).at(0, 1.95, 0.04), 0.3)
    flippers = ellipsoid(0.13, 0.55, 0.28).turn("z", 22).at(0.8, 1.15, 0).mirror("x")
    beak = rod((0, 1.9, 0.45), (0, 1.85, 0.78), 0.12, 0.03)
    feet = ellipsoid(0.25, 0.09, 0.36).at(0.3, 0.08, 0.35).mirror("x")
    belly = painted(plain("#22262e"), plain("#f4f0e6"), lambda p: oval(p), z=(0.1, 2.0))
    return [
        Part(body, waxy(belly)),
        Part(flippers, waxy("#22262e")),
        Part(beak | feet, waxy("#e8922a")),
        Part(sphere(0.075).at(0.2, 2.08, 0.45).mirror("x"), ceramic("#0c0c0c")),
    ]


def oval(p: np.ndarray) -> np.ndarray:
    """White front: 1 inside an egg in the x-y plane and in the face."""
    from ..arrays import smoothstep

    belly = np.hypot(p[0] / 0.52, (p[1] - 0.95) / 0.85)
    face = np.hypot((np.abs(p[0]) - 0.17) / 0.24, (p[1] - 2.0) / 0.3)
    return (1.0 - smoothstep(0.97, 1.03, np.minimum(belly, face)))[None, :]


@modelled
def ladybird() -> list[Part]:
    """Six legs, seven spots."""
    shell = ellipsoid(1.0, 0.72, 0.85).at(0, 0.3, 0) & half_space(0, -1, 0, -0.25)
    spots = [
        (0.55, 0.7, 0.0),
        (0.15, 0.8, 0.5),
        (0.15, 0.8, -0.5),
        (-0.45, 0.75, 0.42),
        (-0.45, 0.75, -0.42),
        (-0.7, 0.5, 0.2),
        (0.45, 0.5, 0.65),
        (0.45, 0.5, -0.65),
    ]
    seam = painted(spheres("#cf2a22", "#17130f", spots, 0.2), plain("#17130f"), z=(-0.025, 0.025))
    legs = union(
        *(tube([(x, 0.35, 0.6), (x * 1.25, 0.4, 1.0), (x * 1.4, 0.04, 1.2)], [0.05]) for x in (-0.5, 0.1, 0.6))
    ).mirror("z")
    head = ellipsoid(0.36, 0.32, 0.45).at(0.95, 0.42, 0)
    horns = tube([(1.15, 0.6, 0.15), (1.4, 0.85, 0.25), (1.55, 0.85, 0.35)], [0.03]).mirror("z")
    return [
        Part(shell, ceramic(seam)),
        Part(union(legs, head, horns), satin("#1b1815")),
        Part(sphere(0.1).at(1.12, 0.55, 0.28).mirror("z"), ceramic("#f2ede0")),
    ]


@modelled
def seashell() -> list[Part]:
    """Scallop, leaning back on a small stand."""

    def fan(p: np.ndarray) -> np.ndarray:
        return 0.05 * np.cos(np.arctan2(p[0], p[1] + 1.0) * 26.0)

    dome = (ellipsoid(1.1, 1.0, 0.42).at(0, 1.05, 0) & half_space(0, 0, -1, 0.02)).rough(fan, 0.6)
    wedge = half_space(0.78, -0.62, 0, 0.0) & half_space(-0.78, -0.62, 0, 0.0)
    ears = box(0.42, 0.14, 0.06, 0.04).at(0, 0.16, 0.03)
    shell = (dome & wedge.at(0, -0.02, 0)) | ears
    return [
        Part(
            shell.turn("x", -18),
            Material(
                by_height([(0.0, "#b8607a"), (0.6, "#eab0a0"), (1.1, "#f6dcc4"), (1.5, "#d98f86"), (2.0, "#f7e6d2")]),
                gloss=0.55,
                wrap=0.2,
            ),
        ),
        Part(box(0.45, 0.08, 0.4, 0.04).at(0, 0.02, -0.1), satin("#5b3d25")),
    ]
