"""The discriminant projection, against scatter summed pair by pair."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from indexer.training.combining import combine
from indexer.training.config import CombineConfig, DiscriminantConfig, PartConfig
from indexer.training.discriminant import Folders, discriminant_projection, in_folders
from search.encoders import load_encoder
from search.errors import DataError
from tests.conftest import draw

BOTH = DiscriminantConfig(sets={"a": 1.0, "b": 3.0}, shrinkage=0.2)


def made(seed: int = 0) -> tuple[np.ndarray, Folders]:
    """Rows of 9 classes of 4 in two sets; the second axis varies most within classes, the first between them."""
    random = np.random.default_rng(seed)
    classes = np.repeat(np.arange(9), 4)
    rows = random.normal(size=(9, 5))[classes] * [3, 1, 1, 1, 1] + random.normal(size=(36, 5)) * [0.1, 5, 1, 1, 1]
    order = random.permutation(36)
    return rows[order].astype(np.float32), Folders(classes[order], np.where(classes < 5, "a", "b")[order])


def scatter_by_pairs(rows: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """Within-class covariance as half the mean of squared differences over pairs of one class, all classes of 4."""
    total, count = np.zeros((rows.shape[1], rows.shape[1])), 0
    for one in range(len(rows)):
        for other in range(len(rows)):
            if one != other and classes[one] == classes[other]:
                difference = rows[one].astype(np.float64) - rows[other]
                total += np.outer(difference, difference) / 2
                count += 1
    return total / count


def test_the_shrunken_scatter_within_classes_becomes_the_same_along_all_axes() -> None:
    rows, folders = made()
    weight, bias = discriminant_projection(rows, folders, BOTH, 5)
    parts = []
    for name, share in (("a", 0.25), ("b", 0.75)):
        scatter = scatter_by_pairs(rows[folders.sets == name], folders.classes[folders.sets == name])
        parts.append(share * scatter / np.trace(scatter))
    shrunken = sum(parts) + np.eye(5) * 0.2 * np.trace(sum(parts)) / 5
    mapped = weight @ shrunken @ weight.T
    np.testing.assert_allclose(mapped, np.eye(5) * mapped[0, 0], atol=1e-4 * mapped[0, 0])
    means = [rows[folders.sets == name].mean(axis=0) for name in ("a", "b")]
    np.testing.assert_allclose(bias, -weight @ (0.25 * means[0] + 0.75 * means[1]), atol=1e-5)
    assert np.linalg.norm(rows @ weight.T + bias, axis=1).mean() == pytest.approx(1.0, abs=1e-5)


def test_fewer_axes_are_the_first_of_all() -> None:
    rows, folders = made(1)
    every, few = (discriminant_projection(rows, folders, BOTH, dim)[0] for dim in (5, 2))
    np.testing.assert_allclose(few / np.linalg.norm(few[0]), every[:2] / np.linalg.norm(every[0]), atol=1e-5)


def test_classes_are_told_apart_better_than_by_plain_distances() -> None:
    rows, folders = made(2)
    weight, bias = discriminant_projection(rows, folders, BOTH, 2)

    def wrong(vectors: np.ndarray) -> float:
        distances = np.linalg.norm(vectors[:, None] - vectors, axis=2) + np.eye(len(vectors)) * 1e9
        return float((folders.classes[distances.argmin(axis=1)] != folders.classes).mean())

    assert wrong(rows @ weight.T + bias) < wrong(rows)


@pytest.mark.parametrize(
    ("classes", "sets", "message"),
    [
        ([0, 1, 2, 3], ["a", "a", "b", "b"], "a: no folder has two pictures"),
        ([0, 0, 1, 2], ["a", "a", "b", "b"], "b: no folder has two pictures"),
        ([0, 0, 1, 1], ["a", "a", "a", "a"], "b: no folder has two pictures"),
    ],
)
def test_sets_without_variation_within_a_class(classes: list[int], sets: list[str], message: str) -> None:
    with pytest.raises(DataError, match=message):
        discriminant_projection(np.eye(4, dtype=np.float32), Folders(np.array(classes), np.array(sets)), BOTH, 2)


def test_folders_of_pictures() -> None:
    paths = [Path("/data/é/one/1.png"), Path("/data/b/one/1.png"), Path("/data/é/one/2.png")]
    folders = in_folders(paths, Path("/data"))
    assert folders.sets.tolist() == ["é", "b", "é"]
    assert folders.classes[0] == folders.classes[2] != folders.classes[1]


@pytest.mark.slow
def test_a_combined_encoder_without_a_head_gets_the_discriminant_projection(tmp_path: Path) -> None:
    for number in range(16):
        path = tmp_path / "pictures" / "ab"[number % 2] / f"class{number % 8 // 2}" / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        draw(number % 8 * 100 + number // 8, (64, 64)).save(path)
    network = {"kind": "efficientnet_lite", "variant": "lite0", "pooled": ["1.std", "2.thirds"], "dim": None}
    parts = (PartConfig(network=network, size=64, weight=3.0), PartConfig(encoder="small"))
    encoder = combine(tmp_path / "pictures", tmp_path / "out", CombineConfig("drawn", parts, dim=8, discriminant=BOTH))
    again = load_encoder(tmp_path / "out", device="cpu")
    assert again.fingerprint == encoder.fingerprint
    assert again.encode([draw(0)]).shape == (1, 8)
    assert (tmp_path / "out" / "weights.safetensors").stat().st_size < 100_000
