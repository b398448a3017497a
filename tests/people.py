"""People that tests enroll: each a drawn pattern, photographed a little differently every time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from search.config import EnrollConfig
from search.recognition.calibration import Calibration, ErrorRate, RateTable
from search.recognition.probability_maps import LogisticMap

if TYPE_CHECKING:
    from pathlib import Path

    from PIL.Image import Image

FAST = EnrollConfig(encoder="color-layout", device="cpu")


def person(number: int, shot: int = 0, size: int = 96) -> Image:
    """A sharp pattern of 12 x 12 squares; another shot has other noise and light."""
    from PIL import Image

    squares = np.random.default_rng(number).integers(30, 226, (12, 12, 3))
    noise = np.random.default_rng([number, shot]).normal(0, 4, (12, 12, 3))
    shown = np.clip(squares + noise + 3 * (shot % 3), 0, 255).astype(np.uint8)
    return Image.fromarray(shown).resize((size, size), Image.Resampling.NEAREST)


def photograph(folder: Path, number: int, shot: int = 0) -> Path:
    """Write a shot of a person."""
    path = folder / f"person{number}-{shot}.png"
    path.parent.mkdir(parents=True, exist_ok=True)
    person(number, shot).save(path)
    return path


def calibration(fingerprint: str, threshold: float = 0.3, different_pairs: int = 100_000) -> Calibration:
    """FAR rises evenly from 0 at distance 0.1 to 1 at distance 1.1."""
    knots = (0.0, *np.linspace(0.1, 1.1, 1001).tolist(), 2.0)
    far = tuple(min(1.0, max(0.0, knot - 0.1)) for knot in knots)
    rate = ErrorRate(max(0.0, threshold - 0.1))
    return Calibration(
        fingerprint=fingerprint,
        threshold=threshold,
        rule="by hand",
        far=rate,
        frr=ErrorRate(0.0),
        probability_map=LogisticMap(8.0, -20.0),
        prior=0.5,
        rates=RateTable(knots, far, tuple(max(0.0, 1.0 - 10 * knot) for knot in knots)),
        eer=ErrorRate(0.0),
        auc=ErrorRate(1.0),
        ece=ErrorRate(0.0),
        same_pairs=100,
        different_pairs=different_pairs,
        subjects=50,
        data="by hand",
        created="2026-01-01T00:00:00+00:00",
    )


def calibrate_by_hand(index: Path, **changes: float) -> Calibration:
    """Store a calibration in an index."""
    from search.store.catalog import Catalog

    catalog = Catalog.write(index)
    made = calibration(catalog.settings()["fingerprint"], **changes)  # type: ignore[arg-type]
    with catalog.transaction():
        catalog.set(calibration=made.to_dict())
    catalog.close()
    return made
