"""Where a thing stands: a floor, a wall or a sky behind it, and how they fade into each other."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from .arrays import Colours, Floats, Pattern, Points, column, mix, smoothstep
from .noise import fractal_noise, value_noise
from .patterns import bricks, marble, mottled, plain, rgb, soft_wave, speckled, stripes, wood


@dataclass(frozen=True)
class Backdrop:
    """A floor at y = 0 and what stands behind it."""

    floor: Pattern
    wall: Pattern | None = None
    """A wall at z = -depth; None for a sky."""
    sky: Pattern | None = None
    """Colour by direction, where there is no wall."""
    depth: float = 4.0
    mirror: float = 0.0
    """Strength of the floor's reflections, seen head-on; a polished floor has 0.1."""
    haze: tuple[float, float] = (5.0, 14.0)
    """Distances from the middle where the floor begins to fade into the background and where it is gone."""


def choose(rng: np.random.Generator, *codes: str) -> str:
    """One of the colours."""
    return codes[int(rng.integers(len(codes)))]


def fade(low: Colours, high: Colours) -> Pattern:
    """Sky from `low` at the horizon to `high` above."""
    return lambda d: mix(low, high, smoothstep(-0.05, 0.55, d[1]))


def glow(centre: Colours, edge: Colours) -> Pattern:
    """A pool of light on the backdrop behind the thing."""
    return lambda d: mix(centre, edge, smoothstep(0.0, 0.75, np.hypot(d[0], d[1] + 0.05)))


def sweep(rng: np.random.Generator) -> Backdrop:
    """Paper rolled out under and behind the thing: no edge between floor and wall."""
    code = choose(
        rng, "#e9e4da", "#d5dde6", "#e8cfc0", "#cfdccb", "#f0e2b8", "#c9c4d8", "#9fb8bd", "#b76e5a", "#5b6f85"
    )
    colour = rgb(code)
    return Backdrop(plain(code), sky=glow(colour * 0.95, colour * 0.5), mirror=0.02, haze=(1.5, 5.0))


def dark_sweep(rng: np.random.Generator) -> Backdrop:
    """The same in the dark, on polished acrylic."""
    code = choose(rng, "#2b2f36", "#31283a", "#1f3336", "#3a2a26", "#26304a")
    colour = rgb(code)
    return Backdrop(plain(code), sky=glow(colour * 2.2, colour * 0.35), mirror=0.16, haze=(1.5, 6.0))


def table(rng: np.random.Generator) -> Backdrop:
    """Planks of wood before a painted wall."""
    light, dark = [("#c99a62", "#7d4f28"), ("#a8754a", "#54301a"), ("#d9bd94", "#a07a4c"), ("#7a5236", "#3b2416")][
        rng.integers(4)
    ]
    grain, width = wood(light, dark, axis="x", rings=4.0), float(rng.uniform(0.5, 0.9))
    wall = choose(rng, "#b9c4b4", "#d8cbb6", "#8fa0ad", "#c7a79a", "#6f8279", "#e4dccb")

    def planks(p: Points) -> Colours:
        board = np.floor(p[2] / width)
        joint = smoothstep(0.47, 0.495, np.abs(p[2] / width - board - 0.5))
        moved = np.stack([p[0] + 7.3 * board, 3.1 * board, p[2]])
        return grain(moved) * (1.0 - 0.6 * joint)

    return Backdrop(
        planks, wall=mottled(wall, darker(wall, 0.85), 1.2), depth=float(rng.uniform(2.4, 4.0)), mirror=0.05
    )


def darker(code: str, factor: float) -> str:
    """The sRGB colour times a factor."""
    return "#" + "".join(f"{min(255, int(int(code[k : k + 2], 16) * factor)):02x}" for k in (1, 3, 5))


def tiles(rng: np.random.Generator) -> Backdrop:
    """A kitchen: glazed square tiles below, half tiles behind."""
    first, second = [("#e8e4dc", "#7c97a0"), ("#efe6d8", "#b5714f"), ("#dfe5e0", "#56706a"), ("#e5e0ea", "#4b4a5c")][
        rng.integers(4)
    ]
    size = float(rng.uniform(0.45, 0.8))
    a, b, grout = rgb(first), rgb(second), rgb("#b8b2a8")

    def floor(p: Points) -> Colours:
        u, v = p[0] / size, p[2] / size
        field = mix(a, b, ((np.floor(u) + np.floor(v)) % 2).astype(np.float32))
        edge = np.maximum(np.abs(u - np.floor(u) - 0.5), np.abs(v - np.floor(v) - 0.5))
        return mix(field, grout, smoothstep(0.465, 0.49, edge))

    wall = bricks(choose(rng, "#dcd9d0", "#c4d4cf", "#d9c9b4"), "#a9a49a", 0.9, 0.42)
    return Backdrop(floor, wall=wall, depth=float(rng.uniform(2.5, 3.6)), mirror=0.09)


def cloth(rng: np.random.Generator) -> Backdrop:
    """Gingham or linen, softly creased, before a dim room."""
    dyed = rgb(choose(rng, "#a83a3a", "#35618f", "#4d7a4a", "#8a5a8f", "#c58a2c"))
    white, size, gingham = rgb("#efe9dc"), float(rng.uniform(0.22, 0.4)), bool(rng.random() < 0.6)

    def floor(p: Points) -> Colours:
        crease = 0.82 + 0.36 * fractal_noise(p * 1.3 + 5.0, 2)
        weave = 0.94 + 0.12 * value_noise(p * column(60.0, 1.0, 25.0))
        if not gingham:
            return mix(white, dyed, np.full(p.shape[1], 0.45, dtype=np.float32)) * crease * weave
        share = 0.5 * (soft_wave(p[0] / size) + soft_wave(p[2] / size))
        return mix(white, dyed, share) * crease * weave

    wall = choose(rng, "#5a4c42", "#4a5560", "#6b5f4f", "#efe3cf")
    return Backdrop(floor, wall=mottled(wall, darker(wall, 0.7), 0.7), depth=3.2)


def meadow(rng: np.random.Generator) -> Backdrop:
    """Grass, a line of hazy trees, a sky."""
    light, dark = [("#86a84a", "#45692a"), ("#a3a94f", "#66702c"), ("#6f9a55", "#34562f")][rng.integers(3)]
    a, b = rgb(light), rgb(dark)
    sky, top = rgb(choose(rng, "#cfe0ee", "#f2dcc0", "#dfe6ea")), rgb(choose(rng, "#6fa3d8", "#8fb6de", "#9ab2c8"))
    trees, phase = rgb(choose(rng, "#5f7f68", "#6d8a86", "#7d8a5c")), float(rng.uniform(0, 50))

    def floor(p: Points) -> Colours:
        blades = value_noise(p * column(26.0, 1.0, 9.0)) * 0.5 + 0.5 * fractal_noise(p * 1.7 + phase, 2)
        return mix(b, a, np.clip(blades * 1.5 - 0.25, 0.0, 1.0))

    def behind(d: Points) -> Colours:
        bearing = d[0] / np.maximum(-d[2], 0.2)
        crowns = value_noise(np.stack([bearing * 9.0 + phase, 0 * bearing, 0 * bearing])) * 0.09
        crowns = crowns + value_noise(np.stack([bearing * 31.0 + phase, 0 * bearing, 0 * bearing])) * 0.025
        clouds = smoothstep(0.5, 0.75, fractal_noise(np.stack([bearing * 3.0 + phase, d[1] * 9.0, 0 * bearing]), 3))
        air = mix(mix(sky, top, smoothstep(0.0, 0.5, d[1])), rgb("#f6f5f2"), clouds * 0.7)
        return mix(trees, air, smoothstep(-0.012, 0.012, d[1] - 0.03 - crowns))

    return Backdrop(floor, sky=behind, haze=(6.0, 30.0))


def beach(rng: np.random.Generator) -> Backdrop:
    """Sand, sea and sky."""
    sand = mottled("#e2c999", "#c9a873", 1.5)
    low, high = rgb(choose(rng, "#f3d9c0", "#dcebf2", "#f0e3cf")), rgb(choose(rng, "#7fb2d9", "#8e9fd0", "#5f9fcf"))
    sea = rgb(choose(rng, "#2f7f95", "#3a6f9a", "#4b9aa0"))

    def floor(p: Points) -> Colours:
        ripple = 0.92 + 0.1 * np.sin(p[2] * 9.0 + 4.0 * value_noise(p * 1.1))
        return sand(p) * ripple * (0.9 + 0.2 * value_noise(p * 40.0))

    def behind(d: Points) -> Colours:
        return mix(sea, mix(low, high, smoothstep(0.0, 0.45, d[1])), smoothstep(0.02, 0.03, d[1]))

    return Backdrop(floor, sky=behind, haze=(7.0, 10.0))


def stone(rng: np.random.Generator) -> Backdrop:
    """A marble shelf before striped or plain wallpaper."""
    slab = [marble("#ece8e2", "#8a8784", 1.1), marble("#3d4442", "#a9b5ae", 1.0), marble("#e3d2bd", "#a47f63", 1.2)][
        rng.integers(3)
    ]
    first = choose(rng, "#c8d3cf", "#d9c7c0", "#aeb9c9", "#5e6f66", "#e2d7bd")
    period = float(rng.uniform(0.35, 0.8))
    paper = stripes(first, darker(first, 0.84), period, (1, 0, 0)) if rng.random() < 0.7 else plain(first)
    return Backdrop(slab, wall=paper, depth=float(rng.uniform(2.2, 3.4)), mirror=0.1)


def terrazzo(rng: np.random.Generator) -> Backdrop:
    """Speckled stone and a wall in two paints."""
    floor = speckled("#e6e1d8", choose(rng, "#7a8f8a", "#b07a63", "#6a6d80"), 7.0, 0.35)
    low, high = [("#d99a7c", "#f0dcc8"), ("#6f9490", "#dfe7df"), ("#e0b64f", "#f3ead2"), ("#7d7fa6", "#dcdbe8")][
        rng.integers(4)
    ]
    a, b, line = rgb(low), rgb(high), float(rng.uniform(0.8, 1.8))
    return Backdrop(floor, wall=lambda p: mix(a, b, smoothstep(line - 0.01, line + 0.01, p[1])), depth=3.0, mirror=0.06)


def evening_street(rng: np.random.Generator) -> Backdrop:
    """Dark ground and lamps out of focus."""
    ground = choose(rng, "#3a3a44", "#40362f", "#2f3d42")
    count = 26
    x, y = rng.uniform(-1.1, 1.1, count), rng.uniform(-0.12, 0.75, count)
    radii, strengths = rng.uniform(0.025, 0.075, count), rng.uniform(0.15, 0.6, count)
    colours = [rgb(choose(rng, "#ffb347", "#ffd27f", "#ff7f66", "#7fc8ff", "#fff0c0", "#9fe0c0")) for _ in range(count)]
    base = rgb("#1c2233")

    def behind(d: Points) -> Colours:
        total = np.broadcast_to(base, d.shape).copy()
        for k in range(count):
            away: Floats = np.hypot(d[0] - x[k], d[1] - y[k])
            total += colours[k] * ((1.0 - smoothstep(radii[k] * 0.88, radii[k], away)) * np.float32(strengths[k]))
        return total

    return Backdrop(mottled(ground, darker(ground, 0.7), 3.0), sky=behind, mirror=0.12, haze=(2.5, 9.0))


BACKDROPS: dict[str, Callable[[np.random.Generator], Backdrop]] = {
    kind.__name__.replace("_", "-"): kind
    for kind in (sweep, dark_sweep, table, tiles, cloth, meadow, beach, stone, terrazzo, evening_street)
}
