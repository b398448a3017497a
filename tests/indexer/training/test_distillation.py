"""The distillation loss against a slow loop, and reading and writing a teacher's embeddings."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from indexer.training.objective import DistillationLoss
from indexer.training.teacher import embed_for_training, principal, read_teacher, teach, write_teacher
from search.encoders import load_encoder
from search.errors import DataError


def slow_distillation(students: list[list[float]], teachers: list[list[float]], temperature: float) -> float:
    def unit(row: list[float]) -> list[float]:
        norm = math.sqrt(sum(value * value for value in row))
        return [value / norm for value in row]

    def dot(one: list[float], other: list[float]) -> float:
        return sum(a * b for a, b in zip(one, other, strict=True))

    students, teachers = [unit(row) for row in students], [unit(row) for row in teachers]
    count = len(students)
    direction = sum(1.0 - dot(students[i], teachers[i]) for i in range(count)) / count
    divergence = 0.0
    for i in range(count):
        others = [j for j in range(count) if j != i]
        target = [math.exp(dot(teachers[i], teachers[j]) / temperature) for j in others]
        given = [math.exp(dot(students[i], students[j]) / temperature) for j in others]
        for w, g in zip(target, given, strict=True):
            p, q = w / sum(target), g / sum(given)
            divergence += p * math.log(p / q) / count
    return direction + divergence


def test_distillation_against_a_slow_loop() -> None:
    generator = torch.Generator().manual_seed(0)
    students, teachers = torch.randn(6, 5, generator=generator), torch.randn(6, 5, generator=generator)
    loss = DistillationLoss(temperature=0.3)(students, teachers)
    assert float(loss) == pytest.approx(slow_distillation(students.tolist(), teachers.tolist(), 0.3), rel=1e-4)


def test_distillation_ends_at_zero_and_ignores_pictures_that_the_teacher_lacks() -> None:
    generator = torch.Generator().manual_seed(0)
    teachers = torch.randn(6, 5, generator=generator)
    assert float(DistillationLoss()(3 * teachers, teachers)) == pytest.approx(0.0, abs=1e-5)
    unseen = teachers.clone()
    unseen[2:4] = 0.0
    students = torch.randn(6, 5, generator=generator)
    kept = [0, 1, 4, 5]
    assert float(DistillationLoss()(students, unseen)) == pytest.approx(
        float(DistillationLoss()(students[kept], teachers[kept])), rel=1e-5
    )
    students.requires_grad_()
    DistillationLoss()(students, unseen).backward()
    assert students.grad is not None
    assert torch.equal(students.grad[2:4], torch.zeros(2, 5))
    assert DistillationLoss()(students, torch.zeros(6, 5)).item() == 0.0


def test_principal_axes_are_half_whitened_axes_of_the_covariance() -> None:
    generator = np.random.default_rng(0)
    rows = (generator.normal(size=(400, 6)) * np.array([5, 3, 2, 1, 0.1, 0.1]) + 7).astype(np.float16)
    rows[3] = 0
    reduced = principal(rows, 3).astype(np.float64)
    assert reduced.shape == (400, 3)
    assert not reduced[3].any()
    seen = np.delete(np.arange(400), 3)
    np.testing.assert_allclose(np.linalg.norm(reduced[seen], axis=1), 1, atol=2e-3)
    centred = rows[seen].astype(np.float64) - rows[seen].astype(np.float64).mean(axis=0)
    _, singular, axes = np.linalg.svd(centred, full_matrices=False)
    expected = centred @ axes[:3].T / np.sqrt(singular[:3])
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    np.testing.assert_allclose(reduced[seen] @ reduced[seen].T, expected @ expected.T, atol=5e-3)


def test_a_student_can_have_more_dimensions_than_its_teacher() -> None:
    reduced = principal(np.random.default_rng(0).normal(size=(30, 4)).astype(np.float16), 6)
    assert reduced.shape == (30, 6)
    assert not reduced[:, 4:].any()


def test_a_teacher_is_read_back(collection: Path, tmp_path: Path) -> None:
    encoder = load_encoder("color-layout")
    paths = sorted(collection.rglob("*.png"))
    paths[0].write_bytes(b"broken")
    names, vectors = embed_for_training(encoder, paths, collection)
    assert names[0] == paths[1].relative_to(collection).as_posix()
    np.testing.assert_allclose(vectors[0], encoder.encode([Image.open(paths[1])])[0], atol=1e-6)
    write_teacher(tmp_path / "teacher", names, vectors)
    stored = read_teacher(tmp_path / "teacher").of(paths, collection)
    assert not stored[0].any()
    np.testing.assert_allclose(stored[1:].astype(np.float32), vectors, atol=1e-3)


def test_any_encoder_teaches(collection: Path, tmp_path: Path) -> None:
    assert teach(collection, tmp_path / "teacher", encoder="color-layout") == 24
    paths = sorted(collection.rglob("*.png"))
    stored = read_teacher(tmp_path / "teacher").of(paths, collection).astype(np.float32)
    expected = load_encoder("color-layout").encode([Image.open(path) for path in paths])
    np.testing.assert_allclose(stored, expected, atol=1e-3)
    (tmp_path / "empty").mkdir()
    for folder in ("empty", "nowhere"):
        with pytest.raises(DataError, match=folder):
            teach(tmp_path / folder, tmp_path / "other", encoder="color-layout")
    assert not (tmp_path / "other").exists()


@pytest.mark.parametrize("damage", ["missing", "cut", "fewer", "text"])
def test_a_damaged_teacher_is_refused(damage: str, tmp_path: Path) -> None:
    folder = tmp_path / "teacher"
    write_teacher(folder, ["a.png", "b.png"], np.eye(2, dtype=np.float32))
    if damage == "missing":
        (folder / "paths.json").unlink()
    elif damage == "cut":
        (folder / "vectors.npy").write_bytes((folder / "vectors.npy").read_bytes()[:20])
    elif damage == "fewer":
        (folder / "paths.json").write_text('["a.png"]')
    else:
        (folder / "paths.json").write_text("nothing")
    with pytest.raises(DataError, match=r"teacher|fit"):
        read_teacher(folder)
