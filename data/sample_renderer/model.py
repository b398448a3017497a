"""A thing: solids, each with its material, brought to a common size and set on the floor."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from .arrays import Floats, Pattern, Points, column
from .patterns import plain
from .solid import Solid, union


@dataclass(frozen=True)
class Material:
    """How a surface answers light."""

    pattern: Pattern
    gloss: float = 0.4
    """0 is chalk, 1 a mirror: both the strength and the sharpness of reflections."""
    metal: float = 0.0
    """1 tints reflections with the pattern's colour and leaves no diffuse light."""
    wrap: float = 0.0
    """How far light creeps round the edge of the shadow: wax, skin, snow."""
    glow: float = 0.0
    """Light of its own, in units of the pattern's colour."""
    clear: bool = False
    """Glass: seen through, tinted by the pattern."""


@dataclass(frozen=True)
class Part:
    """One solid of one material."""

    solid: Solid
    material: Material


def ceramic(pattern: Pattern | str) -> Material:
    """Glazed: sharp highlights over colour."""
    return Material(as_pattern(pattern), gloss=0.75)


def matt(pattern: Pattern | str) -> Material:
    """Unglazed clay, plaster, bread."""
    return Material(as_pattern(pattern), gloss=0.08, wrap=0.1)


def satin(pattern: Pattern | str) -> Material:
    """Planed wood, plastic, paint."""
    return Material(as_pattern(pattern), gloss=0.42)


def waxy(pattern: Pattern | str) -> Material:
    """Fruit, wax, rubber: light creeps under the skin."""
    return Material(as_pattern(pattern), gloss=0.5, wrap=0.3)


def metal(pattern: Pattern | str, gloss: float = 0.8) -> Material:
    """Polished, unless told."""
    return Material(as_pattern(pattern), gloss=gloss, metal=0.9)


def glass(pattern: Pattern | str) -> Material:
    """Seen through; the pattern is the tint."""
    return Material(as_pattern(pattern), gloss=1.0, clear=True)


def as_pattern(pattern: Pattern | str) -> Pattern:
    """A colour code becomes a plain pattern."""
    return plain(pattern) if isinstance(pattern, str) else pattern


@dataclass(frozen=True)
class Thing:
    """Parts in their author's units, and the box around them.

    `low` and `high` are the corners of the box, `(3, 1)`; `samples` are points near the surface, `(3, N)`, for
    framing. Largest side of the box is 2 after `unit_scale`.
    """

    parts: tuple[Part, ...]
    low: Points
    high: Points
    samples: Points = field(repr=False)

    @classmethod
    def of(cls, parts: list[Part]) -> Thing:
        """Find the box by sampling the distance: coarsely over [-3, 3]^3, then finely over what that found."""
        whole = union(*(part.solid for part in parts))
        low, high, _ = occupied(whole, column(-3, -3, -3), column(3, 3, 3))
        low, high, samples = occupied(whole, low, high)
        return cls(tuple(parts), low, high, samples)

    @property
    def unit_scale(self) -> float:
        """What the author's units are multiplied with."""
        return 2.0 / float((self.high - self.low).max())


def occupied(solid: Solid, low: Points, high: Points, cells: int = 44) -> tuple[Points, Points, Points]:
    """Box around the cells of a grid that the solid touches, and the centres of those cells.

    Raises:
        ValueError: the solid touches none.
    """
    size = (high - low) / cells
    steps = (np.indices((cells, cells, cells), dtype=np.float32) + 0.5).reshape(3, -1)
    centres = low + steps * size
    reach = float(np.sqrt((size**2).sum())) / 2
    touched = centres[:, np.abs(solid(centres)) <= reach]
    if touched.shape[1] == 0:
        raise ValueError("the solid lies outside the sampled box")
    margin = size * 0.5
    return touched.min(axis=1, keepdims=True) - margin, touched.max(axis=1, keepdims=True) + margin, touched


@dataclass(frozen=True)
class Placed:
    """A thing standing at (x, 0, z), turned by `yaw` radians, its largest side `2 * size`."""

    thing: Thing
    x: float = 0.0
    z: float = 0.0
    yaw: float = 0.0
    size: float = 1.0

    @property
    def scale(self) -> float:
        """Author's units to world units."""
        return self.thing.unit_scale * self.size

    @property
    def foot(self) -> Points:
        """The point of the thing, in its own units, that stands at (x, 0, z)."""
        middle = (self.thing.low + self.thing.high) / 2
        return column(float(middle[0, 0]), float(self.thing.low[1, 0]), float(middle[2, 0]))

    def inward(self, directions: Points) -> Points:
        """World directions in the thing's own axes."""
        cos, sin = np.float32(np.cos(self.yaw)), np.float32(np.sin(self.yaw))
        return np.stack(
            [cos * directions[0] - sin * directions[2], directions[1], sin * directions[0] + cos * directions[2]]
        )

    def outward(self, directions: Points) -> Points:
        """The thing's directions in world axes."""
        cos, sin = np.float32(np.cos(self.yaw)), np.float32(np.sin(self.yaw))
        return np.stack(
            [cos * directions[0] + sin * directions[2], directions[1], cos * directions[2] - sin * directions[0]]
        )

    def to_local(self, points: Points) -> Points:
        """World points in the thing's own units."""
        return self.inward(points - column(self.x, 0.0, self.z)) / self.scale + self.foot

    def to_world(self, points: Points) -> Points:
        """The thing's points in the world."""
        return self.outward((points - self.foot) * self.scale) + column(self.x, 0.0, self.z)

    def solid(self, *, clear: bool) -> Solid | None:
        """Union of the opaque parts, or of the glass ones; None where there are none."""
        chosen = [part.solid for part in self.thing.parts if part.material.clear == clear]
        return union(*chosen) if chosen else None

    def nearest_part(self, local: Points, *, clear: bool) -> tuple[list[Part], Floats]:
        """The candidates, and for each point which of them is nearest."""
        chosen = [part for part in self.thing.parts if part.material.clear == clear]
        return chosen, np.argmin(np.stack([part.solid(local) for part in chosen]), axis=0)
