"""Draw names in many scripts: characters of Omniglot side by side, written several times, and copied by a forger.

A drawer of Omniglot drew every character once. A name is a few characters of one alphabet by one drawer. Its genuine
pictures differ in slant, proportions, small bends, pen, ink, paper and margins. A forger copies the drawing with a bend
of his own, which all his copies have, and with his own pen.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image
from scipy import ndimage

from search.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from search.types import Floats

SIZE = 160
"""Pixels of the longer side, as in the data set of signatures."""
_HEIGHT, _BORDER, _DRAWERS = 110, 14, 20
_WIDE_BENDS, _SMALL_BENDS = 6, 5
"""Random displacements along each side; those between them are interpolated."""


@dataclass(frozen=True, slots=True)
class Amount:
    """How many names to draw."""

    names: int
    """Of each alphabet."""
    drawers: int
    """Of each name."""
    times: int
    """Pictures by each drawer, and by each forger."""


@dataclass(frozen=True, slots=True)
class DrawnName:
    """One picture: which name, by which drawer, and whether a forger copied it."""

    name: str
    drawer: int
    forged: bool
    picture: Image.Image

    @property
    def hand(self) -> str:
        """The class: one name by one hand."""
        return f"{self.name}-{self.drawer:02d}{'-forged' if self.forged else ''}"


def alphabets(folder: Path, first: str, last: str) -> list[Path]:
    """The folders of alphabets whose names begin with a letter from `first` to `last`.

    Raises:
        DataError: there are none.
    """
    found = sorted(path for path in folder.iterdir() if path.is_dir() and first <= path.name[0] <= last)
    if not found:
        raise DataError(f"{folder}: holds no alphabets from {first} to {last}. Unpack omniglot first")
    return found


def draw_names(folders: Sequence[Path], amount: Amount, seed: int) -> Iterator[DrawnName]:
    """Draw names of two to four characters of each alphabet; the same seed gives the same pictures."""
    random = np.random.default_rng(seed)
    for folder in folders:
        characters = sorted(path for path in folder.iterdir() if path.is_dir())
        for number in range(amount.names):
            chosen = random.choice(len(characters), min(len(characters), int(random.integers(2, 5))), replace=False)
            for drawer in (random.choice(_DRAWERS, amount.drawers, replace=False) + 1).tolist():
                ink = _side_by_side([characters[place] for place in chosen], drawer, random)
                for forged in (False, True):
                    bend = _bend(ink.shape, _WIDE_BENDS, random.uniform(0.02, 0.05), random) if forged else None
                    pen = int(random.choice([0, 0, 1, 2]))
                    for _ in range(amount.times):
                        picture = _picture(_written(ink, bend, pen, random), random)
                        yield DrawnName(f"{folder.name}-{number}", drawer, forged, picture)


def _side_by_side(characters: Sequence[Path], drawer: int, random: np.random.Generator) -> Floats:
    """Ink from 0 to 1, `(H, W)`: the characters of one drawer, cropped, at the same scale."""
    parts, gap = [], int(random.integers(2, 12))
    for character in characters:
        with Image.open(sorted(character.glob(f"*_{drawer:02d}.png"))[0]) as file:
            drawing = _cropped(1 - np.asarray(file, dtype=np.float32), 2)[:_HEIGHT]
        above = np.clip((_HEIGHT - len(drawing)) // 2 + int(random.integers(-4, 5)), 0, _HEIGHT - len(drawing))
        parts.append(np.pad(drawing, ((above, _HEIGHT - len(drawing) - above), (0, gap))))
    ink: Floats = np.pad(np.concatenate(parts, axis=1), _BORDER)
    return ink


def _written(ink: Floats, bend: NDArray[np.float64] | None, pen: int, random: np.random.Generator) -> Floats:
    """The ink once more, by the same hand: another slant, size and proportion, other small bends."""
    height, width = ink.shape
    angle, slant = math.radians(random.uniform(-3, 3)), random.uniform(-0.08, 0.08)
    stretch = math.exp(random.uniform(-1, 1) * math.log(1.08))
    cosine, sine = math.cos(angle), math.sin(angle)
    matrix = np.array([[cosine / stretch, sine], [slant - sine, cosine * stretch]])
    rows, columns = np.mgrid[:height, :width].astype(np.float32)
    places = np.einsum("ij,jhw->ihw", matrix, np.stack([rows - height / 2, columns - width / 2]))
    places += np.array([height / 2, width / 2])[:, None, None] + _bend(ink.shape, _SMALL_BENDS, 0.012, random)
    if bend is not None:
        places += bend
    again = ndimage.map_coordinates(ink, places, order=1)
    thickness = pen if random.random() < 0.7 else int(random.integers(0, 3))
    if thickness:
        thick = ndimage.grey_dilation(again, size=2 * thickness + 1)
        again = again + (thick - again) * random.uniform(0.5, 1.0)
    blurred: Floats = ndimage.gaussian_filter(again, random.uniform(0.3, 1.0)) * random.uniform(0.75, 1.0)
    return blurred.clip(0, 1)


def _bend(shape: tuple[int, ...], knots: int, deviation: float, random: np.random.Generator) -> NDArray[np.float64]:
    """Smooth displacements `(2, H, W)` in pixels; `deviation` is relative to half of the sides."""
    coarse = random.standard_normal((2, knots, knots)) * deviation
    factors = (shape[0] / knots, shape[1] / knots)
    fields = [ndimage.zoom(field, factors, order=3, grid_mode=True, mode="nearest") for field in coarse]
    bend: NDArray[np.float64] = np.stack(fields).astype(np.float32) * (np.array(shape) / 2)[:, None, None]
    return bend


def _picture(ink: Floats, random: np.random.Generator) -> Image.Image:
    """Ink on paper with a random margin; half of the pictures on white, half with coloured ink, tinted paper, noise."""
    tight = _cropped(ink, 3)
    margins = [(int(random.integers(0, 0.1 * side + 1)), int(random.integers(0, 0.1 * side + 1))) for side in ink.shape]
    covered = np.pad(tight, margins)[..., None]
    paper, pen = np.full(3, 255.0), np.zeros(3)
    if random.random() < 0.5:
        paper, pen = random.uniform(215, 255) * random.uniform(0.95, 1.0, 3), random.uniform(0, [70, 70, 150])
    pixels = paper * (1 - covered) + pen * covered
    if random.random() < 0.5:
        pixels = pixels + random.standard_normal(pixels.shape[:2])[..., None] * random.uniform(0, 8)
    image = Image.fromarray(pixels.clip(0, 255).astype(np.uint8))
    scale = SIZE / max(image.size)
    width, height = (max(1, round(side * scale)) for side in image.size)
    return image.resize((width, height), Image.Resampling.BILINEAR)


def _cropped(ink: Floats, margin: int) -> Floats:
    rows, columns = (np.flatnonzero((ink > 0.3).any(axis=axis)) for axis in (1, 0))
    if not len(rows):
        return ink
    tight: Floats = ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    padded: Floats = np.pad(tight, margin)
    return padded
