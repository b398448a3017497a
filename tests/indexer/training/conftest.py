"""Collections small enough to train on in a second."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from indexer.training import TrainConfig

TINY = {"kind": "resnet", "stem": 4, "widths": [4, 8], "depths": [1, 1], "pooled": 2, "dim": 8}


@pytest.fixture
def collection(tmp_path: Path) -> Path:
    """Four classes of six pictures that differ by hue: `red`, `green`, `blue`, `gray`."""
    generator = np.random.default_rng(0)
    root = tmp_path / "pictures"
    for name, color in {
        "red": (220, 30, 30),
        "green": (30, 220, 30),
        "blue": (30, 30, 220),
        "gray": (128,) * 3,
    }.items():
        (root / name).mkdir(parents=True)
        for number in range(6):
            noise = generator.integers(-30, 31, (20, 24, 3))
            Image.fromarray(np.clip(np.array(color) + noise, 0, 255).astype(np.uint8)).save(
                root / name / f"{number}.png"
            )
    return root


@pytest.fixture
def config() -> TrainConfig:
    return TrainConfig(
        network=TINY,
        input_size=16,
        classes_per_batch=3,
        views_per_class=3,
        repeats=1,
        steps=9,
        evaluate_every=3,
        validation=("gray",),
        validation_pictures=6,
        device="cpu",
        workers=2,
        report=False,
    )
