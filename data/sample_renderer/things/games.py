"""Chess, dice, balls and music; the balls differ by pattern, the chess pieces by shape alone."""

from __future__ import annotations

import numpy as np

from ..arrays import Colours, Pattern, Points, mix, smoothstep
from ..model import Part, ceramic, matt, metal, satin, waxy
from ..patterns import football as football_panels
from ..patterns import gores, mottled, painted, plain, rgb, shifted, spheres, stripes, wood
from ..primitives import box, cylinder, rod, sphere, torus
from ..profiles import board, lathe
from ..solid import Solid, union
from .table import modelled

BOXWOOD = satin(wood("#ddb878", "#a87a3c", rings=9.0))
FOOT = [(0, 0), (0.62, 0), (0.64, 0.12), (0.5, 0.26), (0.5, 0.34), (0.34, 0.45)]


@modelled
def chess_pawn() -> list[Part]:
    """Boxwood."""
    body = lathe([*FOOT, (0.2, 0.9), (0.18, 1.1), (0.36, 1.18), (0.2, 1.26), (0, 1.28)], smooth=3)
    return [Part(body.melt(sphere(0.34).at(0, 1.55, 0), 0.06), BOXWOOD)]


@modelled
def chess_rook() -> list[Part]:
    """Boxwood; four battlements."""
    body = lathe(
        [*FOOT, (0.28, 1.0), (0.3, 1.4), (0.44, 1.5), (0.46, 1.9), (0.32, 1.9), (0.32, 1.7), (0, 1.7)], smooth=2
    )
    gaps = box(0.6, 0.14, 0.08).at(0, 1.9, 0) | box(0.08, 0.14, 0.6).at(0, 1.9, 0)
    return [Part(body - gaps, BOXWOOD)]


@modelled
def chess_bishop() -> list[Part]:
    """Boxwood; a slit mitre."""
    body = lathe(
        [
            *FOOT,
            (0.22, 1.0),
            (0.18, 1.4),
            (0.38, 1.5),
            (0.22, 1.58),
            (0.36, 1.85),
            (0.28, 2.15),
            (0.08, 2.38),
            (0, 2.4),
        ],
        smooth=3,
    )
    slit = box(0.5, 0.045, 0.5).turn("z", 40).at(0.28, 2.15, 0)
    return [Part((body - slit) | sphere(0.09).at(0, 2.44, 0), BOXWOOD)]


@modelled
def chess_king() -> list[Part]:
    """Boxwood; a cross on the crown."""
    body = lathe(
        [*FOOT, (0.24, 1.0), (0.2, 1.6), (0.42, 1.7), (0.24, 1.78), (0.28, 1.95), (0.46, 2.3), (0.3, 2.38), (0, 2.44)],
        smooth=3,
    )
    cross = box(0.06, 0.22, 0.06, 0.02).at(0, 2.62, 0) | box(0.17, 0.06, 0.06, 0.02).at(0, 2.66, 0)
    return [Part(body | cross, BOXWOOD)]


@modelled
def football() -> list[Part]:
    """White hexagons, black pentagons."""
    return [Part(sphere(1.0), satin(football_panels("#f2f0ea", "#1c1d20", "#9a9a96")))]


@modelled
def beach_ball() -> list[Part]:
    """Six gores in four colours."""
    caps = painted(
        gores(["#e2483d", "#f5f0e4", "#2f7fc2", "#f5f0e4", "#f0b92f", "#f5f0e4"], 6), plain("#f5f0e4"), y=(0.97, 2.0)
    )
    return [Part(sphere(1.0).turn("z", 35).turn("x", 20), ceramic(turned(caps)))]


def turned(pattern: Pattern) -> Pattern:
    """The pattern tilted as the beach ball is."""
    cos, sin = np.float32(np.cos(0.6)), np.float32(np.sin(0.6))
    return lambda p: pattern(np.stack([cos * p[0] + sin * p[1], cos * p[1] - sin * p[0], p[2]]))


@modelled
def basketball() -> list[Part]:
    """Orange, black seams."""
    ground = mottled("#d0702c", "#bd5f20", 20.0)
    line = rgb("#1f1712")

    def seams(p: Points) -> Colours:
        bow = np.abs(np.hypot(p[0] - np.sign(p[0]) * 1.25, p[1]) - 0.78)
        return mix(
            ground(p), line, 1.0 - smoothstep(0.02, 0.035, np.minimum(np.minimum(np.abs(p[2]), np.abs(p[1])), bow))
        )

    return [Part(sphere(1.0), matt(seams))]


@modelled
def die() -> list[Part]:
    """Ivory, black pips, standing on a face."""
    spots: list[tuple[float, float, float]] = []
    grid = 0.42
    faces = {
        1: [(0, 0)],
        2: [(-1, -1), (1, 1)],
        3: [(-1, -1), (0, 0), (1, 1)],
        4: [(-1, -1), (-1, 1), (1, -1), (1, 1)],
        5: [(-1, -1), (-1, 1), (0, 0), (1, -1), (1, 1)],
        6: [(-1, -1), (-1, 0), (-1, 1), (1, -1), (1, 0), (1, 1)],
    }
    for value, (axis, sign) in {1: (1, 1), 6: (1, -1), 2: (0, 1), 5: (0, -1), 3: (2, 1), 4: (2, -1)}.items():
        for u, v in faces[value]:
            place = [u * grid, v * grid]
            place.insert(axis, sign * 1.0)
            spots.append((place[0], place[1], place[2]))
    cube = (box(0.85, 0.85, 0.85, 0.0).swell(0.15)) & sphere(1.5)
    dents = union(*(sphere(0.17).at(x * 1.06, y * 1.06, z * 1.06) for x, y, z in spots))
    return [Part(cube - dents, ceramic(spheres("#f3ecd9", "#17151a", spots, 0.175)))]


@modelled
def puzzle_cube() -> list[Part]:
    """Three by three by three, scrambled."""
    codes = ["#c8252c", "#2f6fc0", "#f2c21f", "#2f9a52", "#f4f2ec", "#e8741f"]
    parts = [Part(box(1.0, 1.0, 1.0, 0.08), satin("#16171a"))]
    rng = np.random.default_rng(20)
    stickers: dict[str, list[Solid]] = {code: [] for code in codes}
    for axis in range(3):
        for sign in (-1.0, 1.0):
            for u in (-0.66, 0.0, 0.66):
                for v in (-0.66, 0.0, 0.66):
                    half, place = [0.27, 0.27], [u, v]
                    half.insert(axis, 0.02)
                    place.insert(axis, sign)
                    stickers[codes[rng.integers(6)]].append(box(half[0], half[1], half[2], 0.015).at(*place))
    return parts + [Part(union(*solids), ceramic(code)) for code, solids in stickers.items()]


@modelled
def guitar() -> list[Part]:
    """Acoustic, upright on its end."""
    half = [
        (0.0, 0.0),
        (0.55, 0.08),
        (0.8, 0.5),
        (0.62, 1.0),
        (0.48, 1.2),
        (0.56, 1.5),
        (0.5, 1.78),
        (0.2, 1.9),
        (0.0, 1.9),
    ]
    outline = [*half, *[(-x, y) for x, y in reversed(half[1:-1])]]
    body = board(outline, 0.24, smooth=4, edge=0.04)
    hole = cylinder(0.2, 0.1).turn("x", 90).at(0, 1.25, 0.25)
    neck = box(0.085, 0.62, 0.05, 0.02).at(0, 2.3, 0.27)
    head = board([(-0.1, 2.85), (-0.15, 3.25), (0.15, 3.25), (0.1, 2.85)], 0.05).at(0, -0.05, 0.24)
    strings = union(*(rod((x, 0.62, 0.31), (x, 2.9, 0.335), 0.008) for x in (-0.05, -0.02, 0.02, 0.05)))
    pegs = union(*(rod((0.1, y, 0.24), (0.23, y, 0.24), 0.03) for y in (2.92, 3.02, 3.12))).mirror("x")
    rosette = torus(0.235, 0.02).turn("x", 90).at(0, 1.25, 0.24)
    top = painted(wood("#8a4a20", "#5c2c10"), wood("#e0a860", "#c07c34", rings=6.0), z=(0.2, 1.0))
    return [
        Part(body - hole, satin(top)),
        Part(union(neck, head, box(0.25, 0.05, 0.03, 0.01).at(0, 0.6, 0.26), rosette), satin("#3a2214")),
        Part(strings | pegs, metal("#d8d4c8")),
        Part(cylinder(0.2, 0.01).turn("x", 90).at(0, 1.25, 0.16), matt("#150c07")),
    ]


@modelled
def drum() -> list[Part]:
    """Toy drum with rope lacing and two sticks on top."""

    def lacing(p: Points) -> Colours:
        turn = np.arctan2(p[2], p[0]) * 8 / (2 * np.pi)
        zigzag = np.abs(((turn + 0.5) % 1.0) * 2.0 - 1.0) * 0.9 + 0.2
        return mix(rgb("#2f55a0") + 0.0 * p, rgb("#f0e2b8"), 1.0 - smoothstep(0.03, 0.06, np.abs(p[1] - zigzag)))

    hoops = cylinder(0.95, 0.1, 0.03).at(0, 0.1, 0) | cylinder(0.95, 0.1, 0.03).at(0, 1.2, 0)
    sticks = rod((-0.7, 1.4, 0.25), (0.8, 1.42, -0.2), 0.045) | rod((-0.6, 1.4, -0.3), (0.75, 1.42, 0.3), 0.045)
    tips = sphere(0.1).at(0.85, 1.43, -0.22) | sphere(0.1).at(0.8, 1.43, 0.32)
    return [
        Part(cylinder(0.9, 0.6).at(0, 0.65, 0), satin(lacing)),
        Part(hoops, satin("#c8342e")),
        Part(cylinder(0.85, 0.03).at(0, 1.3, 0), waxy("#f2e9d2")),
        Part(sticks | tips, satin("#b9803f")),
    ]


@modelled
def spinning_top() -> list[Part]:
    """Striped wood, leaning as it turns."""
    body = lathe(
        [
            (0, 0),
            (0.06, 0.05),
            (0.3, 0.5),
            (0.95, 0.95),
            (0.98, 1.1),
            (0.7, 1.25),
            (0.15, 1.35),
            (0.1, 1.75),
            (0.15, 1.9),
            (0, 1.95),
        ],
        smooth=3,
    )
    paint = painted(
        painted(stripes("#d8413a", "#f0c03a", 0.28), plain("#2f7f6e"), y=(0.95, 1.12)), plain("#b9803f"), y=(1.33, 3.0)
    )
    return [Part(body.turn("z", -14), ceramic(shifted(paint)))]
