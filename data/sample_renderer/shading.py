"""The colour of a ray: what it hits, and the light there."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .arrays import Colours, Floats, Points, column, dot, mix, smoothstep, unit
from .backdrops import Backdrop
from .lighting import Light
from .model import Placed
from .tracing import hit_distance, normals, openness, shadow


@dataclass(frozen=True)
class Scene:
    """Everything in the picture but the camera."""

    things: tuple[Placed, ...]
    backdrop: Backdrop
    light: Light


@dataclass
class Surface:
    """What is known of the points that rays hit; columns belong together."""

    points: Points
    normals: Points
    colour: Colours
    gloss: Floats
    metal: Floats
    wrap: Floats
    glow: Floats

    @classmethod
    def flat(cls, points: Points, facing: Points, colour: Colours) -> Surface:
        """A floor or a wall: matt, all facing one way."""
        zero = np.zeros(points.shape[1], dtype=np.float32)
        return cls(points, np.broadcast_to(facing, points.shape), colour, zero, zero, zero, zero)


def thing_surface(placed: Placed, points: Points, *, clear: bool = False) -> Surface:
    """Normals and materials of points on a thing."""
    local = placed.to_local(points)
    parts, nearest = placed.nearest_part(local, clear=clear)
    solid = placed.solid(clear=clear)
    assert solid is not None
    facing = placed.outward(normals(solid, local, 0.004 / placed.scale))
    surface = Surface.flat(points, facing, np.zeros_like(points))
    surface.gloss, surface.metal, surface.wrap, surface.glow = (np.zeros(points.shape[1], np.float32) for _ in range(4))
    for k, part in enumerate(parts):
        mine = np.flatnonzero(nearest == k)
        if mine.size:
            material = part.material
            surface.colour[:, mine] = material.pattern(local[:, mine])
            surface.gloss[mine], surface.metal[mine] = material.gloss, material.metal
            surface.wrap[mine], surface.glow[mine] = material.wrap, material.glow
    return surface


def lit(scene: Scene, surface: Surface, directions: Points) -> Colours:
    """Light that leaves the surface toward the eye, `(3, N)`."""
    light, facing = scene.light, surface.normals
    toward = dot(light.toward, facing)
    seen = np.ones(toward.shape, dtype=np.float32)
    opened = np.ones(toward.shape, dtype=np.float32)
    start = surface.points + facing * np.float32(0.012)
    bright = np.flatnonzero(toward + surface.wrap > 0)
    for placed in scene.things:
        seen[bright] *= shadow(placed, start[:, bright], light.toward, light.softness)
        seen[bright] *= 0.6 + 0.4 * shadow(placed, start[:, bright], light.toward, light.softness, clear=True)
        opened *= openness(placed, surface.points, facing)
    # A thing's own lower side sees the floor close by.
    opened *= 0.55 + 0.45 * smoothstep(-0.02, 0.3, surface.points[1] + 0.32 * (facing[1] > 0.5))
    wrapped = np.maximum((toward + surface.wrap) / (1.0 + surface.wrap) ** 2, 0.0)
    seen = seen + (1.0 - seen) * 0.15 * surface.wrap
    diffuse = light.lamp * (wrapped * seen) + light.ambient(facing) * opened
    body = surface.colour * diffuse * (1.0 - surface.metal)
    return body + mirrored(light, surface, directions, seen, opened) + surface.colour * surface.glow


def mirrored(light: Light, surface: Surface, directions: Points, seen: Floats, opened: Floats) -> Colours:
    """Highlight and reflected room; Schlick's Fresnel term, Blinn's half vector."""
    facing, gloss = surface.normals, surface.gloss
    cosine = np.clip(-dot(directions, facing), 0.0, 1.0)
    base = mix(np.full_like(surface.colour, 0.04), surface.colour, surface.metal)
    fresnel = base + (np.maximum(gloss, base) - base) * (1.0 - cosine) ** 5
    half = unit(light.toward - directions)
    power = 4.0 + 420.0 * gloss**2.5
    spot = (
        np.maximum(dot(half, facing), 0.0) ** power * (power + 8.0) / 26.0 * np.maximum(dot(light.toward, facing), 0.0)
    )
    bounced = directions + 2.0 * cosine * facing
    room = mix(light.room(bounced, 0.35), light.room(bounced, 0.95), smoothstep(0.3, 0.8, gloss))
    strength = smoothstep(0.0, 0.5, gloss)
    return strength * fresnel * (light.lamp * (spot * seen) + room * (opened * (0.35 + 0.65 * opened)))


def behind(scene: Scene, origins: Points, directions: Points) -> tuple[Floats, Colours]:
    """Distance to floor or wall (inf for the sky) and its colour, before things stand in the way; shadows included."""
    backdrop = scene.backdrop
    down = np.where(directions[1] < -1e-4, -origins[1] / np.minimum(directions[1], -1e-4), np.float32(np.inf))
    distance = np.where(down < 60.0, down, np.float32(np.inf)).astype(np.float32)
    colour = background(scene, directions)
    if backdrop.wall is not None:
        gap = np.where(directions[2] < -1e-4, (-backdrop.depth - origins[2]) / np.minimum(directions[2], -1e-4), np.inf)
        walled = np.flatnonzero((gap < distance) & (gap > 0))
        distance[walled] = gap[walled]
        points = origins[:, walled] + directions[:, walled] * distance[walled]
        surface = Surface.flat(points, column(0.0, 0.0, 1.0), backdrop.wall(points))
        colour[:, walled] = lit(scene, surface, directions[:, walled]) * (0.7 + 0.3 * smoothstep(0.0, 0.6, points[1]))
        floored = np.flatnonzero(np.isfinite(distance) & (gap >= distance))
    else:
        floored = np.flatnonzero(np.isfinite(distance))
    points = origins[:, floored] + directions[:, floored] * distance[floored]
    points[1] = 0.0
    surface = Surface.flat(points, column(0.0, 1.0, 0.0), backdrop.floor(points))
    near = lit(scene, surface, directions[:, floored])
    away = smoothstep(*backdrop.haze, np.hypot(points[0], points[2])) if backdrop.wall is None else np.float32(0.0)
    colour[:, floored] = mix(near, colour[:, floored], away)
    return distance, colour


def background(scene: Scene, directions: Points) -> Colours:
    """The sky, as bright as the room's light."""
    sky = scene.backdrop.sky
    if sky is None:
        return np.zeros_like(directions)
    level = scene.light.lamp * np.float32(0.3) + scene.light.sky * np.float32(0.55)
    return sky(directions) * level


def trace(scene: Scene, origins: Points, directions: Points, *, bounces: int = 1) -> Colours:
    """Linear light along each ray, `(3, N)`."""
    distance, colour = behind(scene, origins, directions)
    if bounces and scene.backdrop.mirror:
        polish(scene, origins, directions, distance, colour)
    for placed in scene.things:
        gap = hit_distance(placed, origins, directions)
        mine = np.flatnonzero(gap < distance)
        if mine.size:
            distance[mine] = gap[mine]
            surface = thing_surface(placed, origins[:, mine] + directions[:, mine] * gap[mine])
            colour[:, mine] = lit(scene, surface, directions[:, mine])
    for placed in scene.things:
        glaze(scene, placed, origins, directions, distance, colour)
    return colour


def polish(scene: Scene, origins: Points, directions: Points, distance: Floats, colour: Colours) -> None:
    """Add to the floor what it mirrors of the things on it; in place."""
    floored = np.flatnonzero(np.isfinite(distance) & (np.abs(origins[1] + directions[1] * distance) < 1e-3))
    start = origins[:, floored] + directions[:, floored] * distance[floored]
    start[1] = 1e-3
    up = directions[:, floored] * column(1.0, -1.0, 1.0)
    hits = np.min(np.stack([hit_distance(placed, start, up) for placed in scene.things]), axis=0)
    chosen = np.isfinite(hits)
    if chosen.any():
        image = trace(scene, start[:, chosen], up[:, chosen], bounces=0)
        strength = scene.backdrop.mirror + (0.7 - scene.backdrop.mirror) * (1.0 - up[1, chosen]) ** 5
        strength = strength * (1.0 - smoothstep(0.0, 1.6, hits[chosen])) * 0.9
        columns = floored[chosen]
        colour[:, columns] = mix(colour[:, columns], image, strength)


def glaze(scene: Scene, placed: Placed, origins: Points, directions: Points, distance: Floats, colour: Colours) -> None:
    """Lay a thing's glass over what stands behind, in place; light goes straight through: thin glass bends little."""
    gap = hit_distance(placed, origins, directions, clear=True)
    mine = np.flatnonzero(gap < distance)
    if mine.size == 0:
        return
    rays = directions[:, mine]
    surface = thing_surface(placed, origins[:, mine] + rays * gap[mine], clear=True)
    cosine = np.clip(-dot(rays, surface.normals), 0.0, 1.0)
    tint = surface.colour ** (0.35 + 1.3 * (1.0 - cosine))
    through = colour[:, mine] * tint * (0.55 + 0.45 * smoothstep(0.0, 0.45, cosine))
    one = np.ones(mine.size, dtype=np.float32)
    shine = mirrored(scene.light, surface, rays, one, one)
    colour[:, mine] = through + shine + 0.06 * scene.light.ambient(surface.normals) * (1.0 - cosine)
