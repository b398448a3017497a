"""Vessels: some share a shape and differ in paint, some share a glaze and differ in shape."""

from __future__ import annotations

from ..arrays import Pattern
from ..model import Part, ceramic, glass, matt, metal, satin, waxy
from ..patterns import by_height, checks, dots, mottled, painted, plain, shifted, speckled, stripes, wood
from ..primitives import cylinder, ellipsoid, rod, sphere, torus, tube
from ..profiles import lathe
from ..solid import Solid, union
from .table import modelled

CELADON = mottled("#5f9a8c", "#8fc2b0", 5.0)


def mug_shape() -> Solid:
    """Straight mug with a ring handle."""
    body = lathe(
        [(0, 0), (0.6, 0), (0.68, 0.05), (0.68, 1.5), (0.64, 1.54), (0.6, 1.5), (0.6, 0.12), (0.55, 0.08), (0, 0.08)],
        smooth=1,
    )
    handle = torus(0.4, 0.085).turn("x", 90).stretch(1.0, 1.12, 1.0).at(0.72, 0.78, 0)
    inside = cylinder(0.6, 2.0).at(0, 2.1, 0)
    return body.melt(handle - cylinder(0.64, 1.6).at(0, 0.8, 0), 0.08) - inside


def mug(paint: Pattern) -> list[Part]:
    """The mug in a paint, half full of coffee."""
    return [Part(mug_shape(), ceramic(paint)), Part(cylinder(0.6, 0.02, 0.0).at(0, 1.2, 0), ceramic("#2b1508"))]


@modelled
def mug_striped() -> list[Part]:
    """Blue rings on white."""
    return mug(painted(plain("#f2efe6"), stripes("#2f5fa5", "#f2efe6", 0.3), y=(0.2, 1.4)))


@modelled
def mug_dotted() -> list[Part]:
    """Red dots on white."""
    return mug(dots("#f2efe6", "#c7392f", 8, 0.4, 0.125, 0.68))


@modelled
def mug_stoneware() -> list[Part]:
    """Speckled clay with a dipped glaze."""
    return mug(painted(speckled("#cbb898", "#6b5138", 30.0, 0.15), plain("#3f6f7c"), y=(0.7, 2.0)))


@modelled
def teapot() -> list[Part]:
    """Round pot with lid, spout and handle."""
    body = ellipsoid(1.0, 0.8, 1.0).at(0, 0.8, 0).melt(cylinder(0.5, 0.06, 0.03).at(0, 0.05, 0), 0.1)
    spout = tube([(0.75, 0.55, 0), (1.2, 0.75, 0), (1.4, 1.15, 0), (1.65, 1.35, 0)], [0.26, 0.17, 0.12, 0.1])
    handle = tube(
        [(-0.75, 1.2, 0), (-1.3, 1.35, 0), (-1.5, 0.9, 0), (-1.2, 0.5, 0), (-0.85, 0.5, 0)], [0.09, 0.1, 0.09]
    )
    lid = ellipsoid(0.52, 0.2, 0.52).at(0, 1.5, 0)
    knob = sphere(0.13).at(0, 1.8, 0)
    glaze = painted(plain("#c9553d"), plain("#f4e8d2"), y=(0.62, 0.98))
    return [
        Part(body.melt(spout, 0.15).melt(handle, 0.08), ceramic(glaze)),
        Part(lid.melt(knob, 0.1), ceramic("#f4e8d2")),
    ]


def amphora_shape() -> Solid:
    """Shouldered vase with a flared lip."""
    return lathe(
        [(0, 0), (0.38, 0), (0.42, 0.06), (0.6, 0.5), (0.82, 1.1), (0.78, 1.6), (0.4, 2.0), (0.3, 2.25), (0.46, 2.5),
         (0.4, 2.5), (0.24, 2.25), (0.3, 1.9), (0, 1.7)]
    )  # fmt: skip


@modelled
def vase_celadon() -> list[Part]:
    """The shouldered vase in a pale green glaze."""
    return [Part(amphora_shape(), ceramic(CELADON))]


@modelled
def vase_checked() -> list[Part]:
    """The same vase in indigo chequers."""
    return [
        Part(amphora_shape(), ceramic(painted(plain("#27386b"), checks("#27386b", "#efe9dc", 14, 0.27), y=(0.27, 1.9))))
    ]


@modelled
def vase_greek() -> list[Part]:
    """The same vase in black bands on terracotta, with two handles."""
    handles = tube([(0.3, 2.3, 0), (0.75, 2.35, 0), (0.95, 1.9, 0), (0.72, 1.5, 0)], [0.065]).mirror("x")
    bands = painted(painted(plain("#b5622f"), plain("#1c1512"), y=(0.3, 0.55)), plain("#1c1512"), y=(1.35, 1.7))
    lip = painted(bands, plain("#1c1512"), y=(2.2, 2.6))
    return [
        Part(
            amphora_shape().melt(handles, 0.08), satin(painted(lip, stripes("#1c1512", "#b5622f", 0.1), y=(0.85, 1.05)))
        )
    ]


@modelled
def bottle_vase() -> list[Part]:
    """Long-necked bottle in the same pale green glaze as the shouldered vase."""
    neck = [
        (0, 0),
        (0.5, 0),
        (0.75, 0.3),
        (0.7, 0.75),
        (0.3, 1.15),
        (0.15, 1.6),
        (0.14, 2.2),
        (0.24, 2.5),
        (0.17, 2.5),
        (0.08, 2.2),
        (0, 2.1),
    ]
    return [Part(lathe(neck), ceramic(CELADON))]


@modelled
def bowl() -> list[Part]:
    """Wide bowl in the same pale green glaze, three oranges in it."""
    shape = lathe(
        [(0, 0), (0.45, 0), (0.5, 0.12), (0.9, 0.35), (1.25, 0.85), (1.2, 0.87), (0.85, 0.45), (0.4, 0.22), (0, 0.2)]
    )
    oranges = union(
        sphere(0.42).at(0.45, 0.75, 0.1), sphere(0.42).at(-0.32, 0.75, 0.35), sphere(0.42).at(-0.12, 0.75, -0.48)
    )
    return [Part(shape, ceramic(CELADON)), Part(oranges, waxy(mottled("#e8852a", "#d86d14", 30.0)))]


@modelled
def wine_glass() -> list[Part]:
    """Stemmed glass with red wine."""
    shape = lathe(
        [
            (0, 0),
            (0.62, 0),
            (0.62, 0.04),
            (0.15, 0.1),
            (0.07, 0.3),
            (0.06, 1.0),
            (0.12, 1.16),
            (0.55, 1.45),
            (0.72, 1.95),
            (0.58, 2.6),
            (0.55, 2.6),
            (0.68, 1.95),
            (0.5, 1.48),
            (0, 1.3),
        ],
        smooth=4,
    )
    inside = lathe([(0, 1.34), (0.49, 1.5), (0.65, 1.9), (0.65, 1.95), (0, 1.95)], smooth=1)
    return [Part(shape, glass("#dfe9e6")), Part(inside, ceramic("#5a0a1c"))]


@modelled
def wine_bottle() -> list[Part]:
    """Dark green, with a label and a red capsule."""
    outline = [
        (0, 0),
        (0.42, 0),
        (0.45, 0.05),
        (0.45, 1.55),
        (0.4, 1.75),
        (0.18, 2.0),
        (0.15, 2.2),
        (0.15, 2.75),
        (0.17, 2.78),
        (0.17, 2.88),
        (0, 2.88),
    ]
    label = painted(plain("#efe4c8"), plain("#8a2b2b"), y=(0.95, 1.05))
    return [
        Part(lathe(outline, smooth=1).swell(0.005), ceramic("#12301c")),
        Part(cylinder(0.456, 0.4, 0.0).at(0, 0.85, 0), matt(label)),
        Part(cylinder(0.185, 0.26, 0.02).at(0, 2.64, 0), metal("#8e1c22", 0.55)),
    ]


@modelled
def hourglass() -> list[Part]:
    """Two bulbs of glass between wooden plates, the sand half run."""
    bulbs = lathe(
        [
            (0, 0.12),
            (0.5, 0.12),
            (0.58, 0.5),
            (0.3, 0.98),
            (0.06, 1.2),
            (0.3, 1.42),
            (0.58, 1.9),
            (0.5, 2.28),
            (0, 2.28),
        ]
    )
    plates = union(cylinder(0.8, 0.07, 0.03).at(0, 0.07, 0), cylinder(0.8, 0.07, 0.03).at(0, 2.33, 0))
    pillars = cylinder(0.06, 1.15).at(0.68, 1.2, 0).around(3, 30)
    sand = lathe([(0, 0.14), (0.47, 0.14), (0.5, 0.3), (0, 0.72)], smooth=1) | lathe(
        [(0, 1.25), (0.26, 1.48), (0.42, 1.66), (0, 1.62)], smooth=1
    )
    walnut = satin(wood("#a8703f", "#5c3218", rings=5.0))
    return [Part(bulbs, glass("#e4eef0")), Part(plates | pillars, walnut), Part(sand, matt("#e0b46c"))]


@modelled
def candle() -> list[Part]:
    """Lit, in a brass holder with a finger ring."""
    holder = lathe(
        [(0, 0), (0.8, 0), (0.95, 0.16), (0.9, 0.18), (0.75, 0.08), (0.3, 0.08), (0.28, 0.3), (0.34, 0.45), (0, 0.45)],
        smooth=1,
    )
    ring = torus(0.2, 0.05).turn("x", 90).at(1.05, 0.22, 0)
    wax = cylinder(0.24, 0.75, 0.05).at(0, 1.15, 0).melt(rod((0.2, 1.85, 0.1), (0.25, 1.3, 0.13), 0.05), 0.06)
    flame = ellipsoid(0.1, 0.26, 0.1).at(0, 2.28, 0)
    burning = by_height([(2.02, "#ff8a1f"), (2.2, "#ffd65a"), (2.4, "#fff3b8"), (2.55, "#ffae42")])
    from ..model import Material

    return [
        Part(holder.melt(ring, 0.05), metal("#c9973a")),
        Part(wax, waxy("#f0e6cc")),
        Part(rod((0, 1.85, 0), (0, 2.1, 0), 0.02), matt("#1d1712")),
        Part(flame, Material(burning, gloss=0.0, glow=3.0)),
    ]


@modelled
def watering_can() -> list[Part]:
    """Enamelled, with a rose on the spout."""
    body = cylinder(0.75, 0.62, 0.08).at(0, 0.62, 0) - cylinder(0.66, 0.3, 0.02).at(0, 1.25, 0)
    spout = tube([(0.6, 0.35, 0), (1.1, 0.6, 0), (1.7, 1.45, 0)], [0.16, 0.1, 0.08])
    rose = (
        lathe([(0, -0.1), (0.1, -0.1), (0.28, 0.1), (0.28, 0.14), (0, 0.16)], smooth=1).turn("z", -35).at(1.75, 1.5, 0)
    )
    handle = tube([(0.3, 1.2, 0), (0.0, 1.75, 0), (-0.8, 1.75, 0), (-1.15, 1.1, 0), (-0.72, 0.4, 0)], [0.07])
    enamel = painted(plain("#3f7f6e"), plain("#f0eadb"), y=(0.0, 0.16))
    return [Part(body.melt(spout, 0.1) | handle, ceramic(enamel)), Part(rose, metal(shifted(plain("#c9a24a"), 0), 0.6))]
