"""Make a small Omniglot: strokes that differ by character, and runs of the one-shot test."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

SIDE = 24


def draw(character: int, drawer: int, file: Path) -> None:
    """Draw a few lines that depend on the character, moved slightly by the drawer."""
    points = np.random.default_rng(character).integers(3, SIDE - 3, (4, 2))
    shaken = points + np.random.default_rng((character, drawer)).integers(-1, 2, points.shape)
    picture = Image.new("1", (SIDE, SIDE), 1)
    ImageDraw.Draw(picture).line([tuple(point) for point in shaken.tolist()], fill=0, width=2)
    file.parent.mkdir(parents=True, exist_ok=True)
    picture.save(file)


def make_omniglot(folder: Path, alphabets: tuple[str, ...], characters: int = 20, drawers: int = 2) -> None:
    for number, alphabet in enumerate(alphabets):
        for character in range(characters):
            for drawer in range(1, drawers + 1):
                name = f"{number * characters + character:04}_{drawer:02}.png"
                draw(number * 1000 + character, drawer, folder / alphabet / f"character{character + 1:02}" / name)


def make_runs(folder: Path, ways: int = 20) -> dict[str, str]:
    """Write 20 runs with the same pictures but other answers; return item -> reference."""
    for character in range(ways):
        draw(9000 + character, 1, folder / "first" / f"{character}.png")
        draw(9000 + character, 2, folder / "second" / f"{character}.png")
    truth = {}
    for run in range(1, 21):
        place = folder / f"run{run:02}"
        (place / "training").mkdir(parents=True)
        (place / "test").mkdir()
        order = np.random.default_rng(run).permutation(ways)
        for character in range(ways):
            shutil.copy(folder / "first" / f"{character}.png", place / "training" / f"class{character + 1:02}.png")
            shutil.copy(folder / "second" / f"{order[character]}.png", place / "test" / f"item{character + 1:02}.png")
            item = f"run{run:02}/test/item{character + 1:02}.png"
            truth[item] = f"run{run:02}/training/class{order[character] + 1:02}.png"
        lines = "\n".join(f"{item} {reference}" for item, reference in truth.items() if item.startswith(place.name))
        (place / "class_labels.txt").write_text(lines + "\n")
    return truth
