"""What changes from one view of a thing to the next: a schedule of circumstances, details drawn from a fixed seed."""

from __future__ import annotations

import zlib
from dataclasses import dataclass

import numpy as np

from .arrays import column
from .backdrops import BACKDROPS, Backdrop
from .camera import Camera
from .lighting import MOODS, Light
from .model import Placed
from .props import PAINTS, SHAPES, prop
from .shading import Scene
from .things import thing

SEED = 20240229


@dataclass(frozen=True)
class Circumstance:
    """Ranges that a view is drawn from."""

    backdrops: tuple[str, ...]
    moods: tuple[str, ...]
    elevation: tuple[float, float] = (10, 32)
    """Degrees that the camera stands above the floor."""
    fill: tuple[float, float] = (0.62, 0.78)
    """Longer side of the thing over the side of the picture."""
    shift: float = 0.08
    """How far the thing may lie off the middle, in half pictures."""
    roll: float = 3.0
    occluder: bool = False
    """A prop stands before the thing."""
    company: int = 0
    """Props beside and behind it."""
    cut: bool = False
    """The picture's edge cuts the thing."""


INDOORS = ("table", "tiles", "cloth", "stone", "terrazzo")
OUTDOORS = ("meadow", "beach")
PLAIN = ("sweep", "dark-sweep")

SCHEDULE: tuple[Circumstance, ...] = (
    Circumstance(("sweep",), ("studio",), elevation=(14, 24), shift=0.03, roll=0.0),
    Circumstance(INDOORS, ("window", "lamplight"), elevation=(12, 30)),
    Circumstance(OUTDOORS, ("sun", "overcast"), elevation=(6, 20)),
    Circumstance(PLAIN, ("backlit", "evening"), elevation=(8, 30), fill=(0.55, 0.8)),
    Circumstance(INDOORS, ("sun", "studio"), elevation=(42, 62)),
    Circumstance(INDOORS + OUTDOORS, ("evening", "overcast", "sun"), fill=(0.34, 0.44), shift=0.3, company=2),
    Circumstance(INDOORS + PLAIN, ("studio", "window", "sun"), elevation=(8, 20), occluder=True),
    Circumstance(PLAIN + INDOORS, ("studio", "lamplight", "backlit"), fill=(1.02, 1.2), shift=0.42, cut=True),
    Circumstance(
        ("evening-street", "dark-sweep"), ("dusk", "lamplight", "backlit"), elevation=(6, 24), fill=(0.5, 0.72)
    ),
    Circumstance(
        OUTDOORS + INDOORS,
        ("overcast", "evening", "dusk"),
        elevation=(10, 26),
        fill=(0.5, 0.68),
        shift=0.2,
        occluder=True,
        company=1,
    ),
)
"""View n of a thing is drawn from circumstance n, modulo their number."""


def generator(name: str, view: int) -> np.random.Generator:
    """Random numbers of one picture, whatever else is rendered."""
    return np.random.default_rng([SEED, zlib.crc32(name.encode()), view])


def compose(name: str, view: int) -> tuple[Scene, Camera]:
    """Set up the scene and the camera of one view.

    Raises:
        KeyError: there is no thing of this name.
    """
    rng = generator(name, view)
    plan = SCHEDULE[view % len(SCHEDULE)]
    backdrop = BACKDROPS[pick(rng, plan.backdrops)](rng)
    light = Light.draw(MOODS[pick(rng, plan.moods)], floor_colour(backdrop), rng)
    # The first view is three quarters from the front; the others come round by the golden angle, so that they spread.
    yaw = np.radians(-28 + 137.508 * view + rng.uniform(-18, 18)) if view else np.radians(rng.uniform(-40, -20))
    placed = Placed(thing(name), yaw=float(yaw))
    side = 1.0 if rng.random() < 0.5 else -1.0
    camera = Camera.framing(
        placed,
        elevation=rng.uniform(*plan.elevation),
        fill=rng.uniform(*plan.fill),
        shift=shift_of(plan, side, rng),
        roll=rng.uniform(-plan.roll, plan.roll),
    )
    others = []
    if plan.occluder:
        others.append(occluder(placed, side, rng))
    others += [companion(placed, -side if k % 2 == 0 else side, rng) for k in range(plan.company)]
    return Scene((placed, *others), backdrop, light), camera


def pick(rng: np.random.Generator, names: tuple[str, ...]) -> str:
    """One of them."""
    return names[int(rng.integers(len(names)))]


def shift_of(plan: Circumstance, side: float, rng: np.random.Generator) -> tuple[float, float]:
    """Where the thing's middle lies in the picture, in half pictures."""
    if plan.cut:
        return side * plan.shift * float(rng.uniform(0.7, 1.0)), float(rng.uniform(-0.15, 0.15))
    return float(rng.uniform(-plan.shift, plan.shift)), float(rng.uniform(-plan.shift, plan.shift)) * 0.6


def floor_colour(backdrop: Backdrop) -> np.ndarray:
    """Mean colour of the floor near the thing, `(3, 1)`."""
    x, z = np.meshgrid(np.linspace(-1, 1, 16, dtype=np.float32), np.linspace(-1, 1, 16, dtype=np.float32))
    points = np.stack([x.ravel(), np.zeros(256, dtype=np.float32), z.ravel()])
    return backdrop.floor(points).mean(axis=1, keepdims=True)


def extent(placed: Placed) -> tuple[float, float, float]:
    """How far the thing reaches to the side and to the front, and its height, in world units."""
    points = placed.to_world(placed.thing.samples)
    return float(np.abs(points[0]).max()), float(np.abs(points[2]).max()), float(points[1].max())


def any_prop(rng: np.random.Generator) -> tuple[str, str]:
    """Shape and paint."""
    return pick(rng, tuple(SHAPES)), pick(rng, tuple(PAINTS))


def occluder(placed: Placed, side: float, rng: np.random.Generator) -> Placed:
    """A prop before one side of the thing, hiding about a quarter of it."""
    wide, deep, high = extent(placed)
    body = prop(*any_prop(rng))
    size = float(rng.uniform(0.26, 0.36)) * (0.5 + 0.5 * min(high, 2.0) / 2.0)
    return Placed(
        body,
        x=side * wide * float(rng.uniform(0.5, 0.85)),
        z=deep + size * float(rng.uniform(1.2, 1.6)),
        yaw=float(rng.uniform(0, 6.28)),
        size=size,
    )


def companion(placed: Placed, side: float, rng: np.random.Generator) -> Placed:
    """A prop beside the thing, a little behind it."""
    wide, deep, _ = extent(placed)
    size = float(rng.uniform(0.3, 0.6))
    away = column(
        side * (wide + size * float(rng.uniform(1.3, 2.2))), 0.0, -deep * float(rng.uniform(0.2, 1.2)) - size * 0.6
    )
    return Placed(
        prop(*any_prop(rng)), x=float(away[0, 0]), z=float(away[2, 0]), yaw=float(rng.uniform(0, 6.28)), size=size
    )
