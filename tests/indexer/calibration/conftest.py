"""Pictures of subjects that the weight-free encoder separates, with some errors."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from indexer.collection.build import build
from search.encoders import load_encoder
from tests.conftest import FAST

SUBJECTS, EACH = 8, 4


def fill_subjects(folder: Path, count: int = SUBJECTS, each: int = EACH, first: int = 0) -> list[Path]:
    """One folder per subject: each has its own pattern, with slightly different colours in each picture."""
    paths = []
    for subject in range(first, first + count):
        random = np.random.default_rng(subject)
        cells = random.integers(60, 200, (4, 4, 3))
        for number in range(each):
            changed = np.clip(cells + random.normal(0, 45, cells.shape), 0, 255).astype(np.uint8)
            path = folder / f"s{subject:02d}" / f"{number}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(changed).resize((40, 40), Image.Resampling.BICUBIC).save(path)
            paths.append(path)
    return paths


@pytest.fixture
def people(tmp_path: Path) -> Path:
    """Eight subjects, four pictures each."""
    fill_subjects(tmp_path / "people")
    return tmp_path / "people"


@pytest.fixture
def people_index(people: Path, tmp_path: Path) -> Path:
    """An index of `people`."""
    build(people, tmp_path / "people.index", FAST)
    return tmp_path / "people.index"


@pytest.fixture
def encoder_folder(tmp_path: Path) -> Path:
    """An encoder as a folder."""
    (tmp_path / "encoder").mkdir()
    load_encoder("color-layout").save(tmp_path / "encoder")
    return tmp_path / "encoder"
