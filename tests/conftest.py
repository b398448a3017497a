"""Pictures that tests draw, and an index of them."""

from __future__ import annotations

import gc
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from search.config import BuildConfig

if TYPE_CHECKING:
    from collections.abc import Generator

    from PIL.Image import Image

SLOW_TIMEOUT = 3600.0
"""Seconds after which a slow test counts as hung; the others have those of pyproject.toml."""
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


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Collect without the garbage collector, which took three quarters of the time to find nothing.

    Later, it does not visit again what was collected, and runs less often: it took a seventh of the time of the tests
    of the app.
    """
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.set_threshold(50_000, 20, 20)
        gc.enable()


@pytest.hookimpl(tryfirst=True)  # before tests are chosen by their marks
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark as slow the variants that a `thinned` test leaves to the slow run, and give slow tests time."""
    seen: Counter[str] = Counter()
    for item in items:
        thinned = item.get_closest_marker("thinned")
        if thinned is not None:
            test = item.nodeid.partition("[")[0]
            if seen[test] % thinned.args[0]:
                item.add_marker(pytest.mark.slow)
            seen[test] += 1
        if item.get_closest_marker("slow"):
            item.add_marker(pytest.mark.timeout(SLOW_TIMEOUT))


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
