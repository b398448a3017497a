"""Pictures that tests draw, and an index of them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from search.config import BuildConfig

if TYPE_CHECKING:
    from PIL.Image import Image

FAST = BuildConfig(encoder="color-layout", device="cpu", workers=2, batch_size=4)
"""The weight-free encoder: no torch, thousands of pictures a second."""


def draw(seed: int, size: tuple[int, int] = (48, 40)) -> Image:
    """A picture like no other: smooth random colours, repeatable."""
    from PIL import Image

    cells = np.random.default_rng(seed).integers(0, 256, (4, 4, 3), dtype=np.uint8)
    return Image.fromarray(cells).resize(size, Image.Resampling.BICUBIC)


def fill(folder: Path, count: int, *, labels: int = 3, first: int = 0) -> list[Path]:
    """Draw `count` pictures into `labels` subfolders; PNG, so that nothing is lost."""
    paths = []
    for number in range(first, first + count):
        path = folder / f"label{number % labels}" / f"{number:04d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        draw(number).save(path)
        paths.append(path)
    return paths


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """A folder of 12 pictures with 3 labels."""
    fill(tmp_path / "pictures", 12)
    return tmp_path / "pictures"


@pytest.fixture
def index(pictures: Path, tmp_path: Path) -> Path:
    """Their index."""
    from indexer.collection.build import build

    build(pictures, tmp_path / "photos.index", FAST)
    return tmp_path / "photos.index"
