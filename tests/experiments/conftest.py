"""A small data set of three different digits, in the folders of the real one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image


def draw_digits(folder: Path, *, classes: int = 3, train: int = 24, test: int = 8) -> Path:
    """Draw noisy vertical, horizontal and diagonal bars of 28 x 28 pixels; `folder/train|test/CLASS/NN.png`."""
    generator = np.random.default_rng(0)
    across, down = np.meshgrid(np.arange(28), np.arange(28))
    shapes = [np.abs(across - 14) < 3, np.abs(down - 14) < 3, np.abs(across - down) < 3]
    for part, count in (("train", train), ("test", test)):
        for number in range(classes):
            (folder / part / str(number)).mkdir(parents=True)
            for place in range(count):
                noise = generator.integers(0, 60, (28, 28))
                moved = np.roll(shapes[number] * 190, generator.integers(-2, 3), axis=1)
                Image.fromarray((moved + noise).astype(np.uint8)).save(folder / part / str(number) / f"{place:02}.png")
    return folder


@pytest.fixture
def datasets(tmp_path: Path) -> Path:
    for name in ("mnist", "fashion-mnist"):
        draw_digits(tmp_path / "datasets" / name)
    return tmp_path / "datasets"


@pytest.fixture
def folders(datasets: Path, tmp_path: Path) -> list[str]:
    """Options of every experiment: the folders of data, runs and pages."""
    return ["--datasets", str(datasets), "--work", str(tmp_path / "work"), "--docs", str(tmp_path / "docs")]
