"""Whole runs, small enough to take a second."""

import csv
import json
import os
import signal
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.numpy import load_file

from indexer.pipeline.lock import writer_lock
from indexer.training import TrainConfig, load_recipe, recipe_names, train
from indexer.training.collapse import LEAST_SPREAD, TrainingCollapsedError, check_spread, spread_of
from indexer.training.teacher import embed_for_training, write_teacher
from indexer.training.trainer import TrainEvent
from search.encoders import load_encoder
from search.encoders.checkpoint import CheckpointEncoder
from search.encoders.openvino_conversion import CONVERSION_FILES
from search.errors import DataError, IndexLockedError
from search.large_imports import openvino_installed

ROOT = Path(__file__).parents[3]


def curve(folder: Path) -> list[dict[str, str]]:
    with (folder / "history.csv").open(newline="") as file:
        return [{key: value for key, value in row.items() if key != "minutes"} for row in csv.DictReader(file)]


def assert_same_run(one: Path, other: Path) -> None:
    assert curve(one) == curve(other)
    first, second = load_file(one / "weights.safetensors"), load_file(other / "weights.safetensors")
    assert first.keys() == second.keys()
    for key, values in first.items():
        np.testing.assert_array_equal(values, second[key], err_msg=key)


class StoppedError(Exception):
    pass


def stop_after(step: int):  # simulates a run that is interrupted
    def progress(event: TrainEvent) -> None:
        if event.step == step:
            raise StoppedError

    return progress


def test_a_run_writes_an_encoder_and_a_history(collection: Path, config: TrainConfig, tmp_path: Path) -> None:
    events: list[TrainEvent] = []
    report = train(collection, tmp_path / "mine", config=config, progress=events.append)
    assert sorted(path.name for path in (tmp_path / "mine").iterdir()) == [
        "encoder.json",
        "history.csv",
        *(CONVERSION_FILES[::-1] if openvino_installed() else ()),
        "run.json",
        "weights.safetensors",
    ]
    assert (report.steps, report.pictures, report.classes, report.resumed_at) == (9, 18, 3, 0)
    assert [event.step for event in events] == list(range(1, 10))
    assert [event.step for event in events if event.row] == [3, 6, 9]
    assert [int(row["step"]) for row in curve(tmp_path / "mine")] == [3, 6, 9]
    encoder = CheckpointEncoder.load(tmp_path / "mine", device="cpu")
    assert (encoder.name, encoder.dim, encoder.input_size) == ("mine", 8, 16)
    assert encoder.card["trained_on"] == {"pictures": 18, "classes": 3}
    assert encoder.card["validated_on"] == {"pictures": 6, "classes": ["gray"]}
    vectors = encoder.encode([Image.new("RGB", (30, 20), "red")])
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)


@pytest.mark.slow
def test_a_run_draws_a_report(collection: Path, config: TrainConfig, tmp_path: Path) -> None:
    reported = replace(config, validation=("gray", "red"), validation_pictures=12, report=True, steps=3)
    train(collection, tmp_path / "out", config=reported)
    drawn = ["curves.png", "distances.png", "gallery.png", "map.png"]
    assert sorted(path.name for path in (tmp_path / "out" / "report").iterdir()) == drawn
    train(collection, tmp_path / "blind", config=replace(reported, labelled=False, validation=(), validation_share=0.2))
    assert sorted(path.name for path in (tmp_path / "blind" / "report").iterdir()) == ["curves.png"]


def test_training_learns(collection: Path, config: TrainConfig, tmp_path: Path) -> None:
    learnable = replace(config, steps=60, evaluate_every=60, learning_rate=0.01, instance_weight=0.0, validation=())
    losses: list[float] = []
    train(collection, tmp_path / "out", config=learnable, progress=lambda event: losses.append(event.loss))
    encoder = CheckpointEncoder.load(tmp_path / "out", device="cpu")
    paths = sorted(collection.rglob("*.png"))
    vectors = encoder.encode([Image.open(path) for path in paths])
    similarity = vectors @ vectors.T - 2 * np.eye(len(paths))
    right = [paths[int(row.argmax())].parent == paths[index].parent for index, row in enumerate(similarity)]
    assert np.mean(right) > 0.9


def test_same_seed_same_curve(collection: Path, config: TrainConfig, tmp_path: Path) -> None:
    for name, seed in (("one", 0), ("two", 0), ("other", 1)):
        train(collection, tmp_path / name, config=replace(config, name="x", seed=seed))
    assert_same_run(tmp_path / "one", tmp_path / "two")
    assert curve(tmp_path / "one") != curve(tmp_path / "other")


@pytest.mark.parametrize("step", [1, 6, 8])
def test_a_stopped_run_resumes_to_the_same_curve(
    collection: Path, config: TrainConfig, tmp_path: Path, step: int
) -> None:
    warmed = replace(config, warmup_loss="normalized-softmax", warmup_share=0.5, name="x", ema=0.9)
    train(collection, tmp_path / "whole", config=warmed)
    with pytest.raises(StoppedError):
        train(collection, tmp_path / "stopped", config=warmed, progress=stop_after(step))
    report = train(collection, tmp_path / "stopped", config=warmed)
    assert report.resumed_at == step // 3 * 3
    assert_same_run(tmp_path / "whole", tmp_path / "stopped")


def test_a_paused_run_resumes_to_the_same_curve(collection: Path, config: TrainConfig, tmp_path: Path) -> None:
    plain = replace(config, name="x")
    train(collection, tmp_path / "whole", config=plain)
    report = train(collection, tmp_path / "paused", config=replace(plain, stop_after=4))
    assert (report.steps, report.paused) == (6, True)
    assert not (tmp_path / "paused" / "encoder.json").exists()
    assert curve(tmp_path / "paused") == curve(tmp_path / "whole")[:2]
    report = train(collection, tmp_path / "paused", config=plain)
    assert (report.resumed_at, report.paused) == (6, False)
    assert_same_run(tmp_path / "whole", tmp_path / "paused")


def test_early_stopping_keeps_the_best_and_resumes(collection: Path, config: TrainConfig, tmp_path: Path) -> None:
    patient = replace(
        config,
        validation=("red", "gray"),
        validation_pictures=12,
        schedule="plateau",
        plateau_patience=1,
        name="x",
        steps=60,
        early_stopping=3,
        learning_rate=0.05,
    )
    report = train(collection, tmp_path / "whole", config=patient)
    scores = [row.map_at_r for row in report.history]
    assert None not in scores
    best = scores.index(max(scores))
    assert report.steps == 3 * len(scores)
    assert len(scores) == best + 4 or report.steps == 60
    rates = [row.learning_rate for row in report.history]
    assert rates[-1] < max(rates)
    assert not (tmp_path / "whole" / "best.safetensors").exists()
    if best + 1 < len(scores):  # the kept weights are those of a run that ends at its best evaluation
        short = train(collection, tmp_path / "short", config=replace(patient, steps=3 * (best + 1), rise_share=0.0))
        assert short.steps == 3 * (best + 1)
    with pytest.raises(StoppedError):
        train(collection, tmp_path / "stopped", config=patient, progress=stop_after(7))
    train(collection, tmp_path / "stopped", config=patient)
    assert_same_run(tmp_path / "whole", tmp_path / "stopped")


def test_the_average_is_saved(collection: Path, config: TrainConfig, tmp_path: Path) -> None:
    train(collection, tmp_path / "last", config=replace(config, name="x"))
    train(collection, tmp_path / "average", config=replace(config, name="x", ema=0.99))
    last, average = (load_file(tmp_path / name / "weights.safetensors") for name in ("last", "average"))
    assert any(not np.array_equal(values, average[key]) for key, values in last.items())


def test_lower_precision_trains_and_is_stored_as_float32(collection: Path, config: TrainConfig, tmp_path: Path) -> None:
    report = train(collection, tmp_path / "out", config=replace(config, precision="bfloat16"))
    assert np.isfinite([row.loss for row in report.history]).all()
    weights = load_file(tmp_path / "out" / "weights.safetensors")
    assert {values.dtype for key, values in weights.items() if "num_batches" not in key} == {np.dtype(np.float32)}


@pytest.mark.parametrize("optimizer", ["adam", "adamw"])
def test_a_network_is_distilled_from_a_teacher(
    collection: Path, config: TrainConfig, tmp_path: Path, optimizer: str
) -> None:
    encoder = load_encoder("color-layout")
    paths = sorted(collection.rglob("*.png"))
    names, vectors = embed_for_training(encoder, paths, collection)
    write_teacher(tmp_path / "teacher", names, vectors)
    distilled = replace(
        config,
        teacher=str(tmp_path / "teacher"),
        class_weight=0.0,
        instance_weight=0.0,
        steps=120,
        evaluate_every=40,
        learning_rate=0.02,
        augment=None,
        optimizer=optimizer,
    )
    report = train(collection, tmp_path / "out", config=distilled)
    losses = [row.loss for row in report.history]
    assert losses[-1] < 0.5 * losses[0]
    write_teacher(tmp_path / "teacher", ["elsewhere.png"], vectors[:1])
    with pytest.raises(DataError, match="has none of the pictures"):
        train(collection, tmp_path / "other", config=distilled)


def test_unlabelled_pictures_are_classes_of_their_own(collection: Path, config: TrainConfig, tmp_path: Path) -> None:
    unlabelled = replace(config, labelled=False, validation=(), validation_share=0.25)
    report = train(collection, tmp_path / "out", config=unlabelled)
    assert report.pictures == 18
    assert [row.recall_at_1 for row in report.history] == [None] * 3
    assert all(row.copies_found is not None for row in report.history)


@pytest.mark.slow
def test_a_compiled_network_trains_to_the_same_weights(collection: Path, config: TrainConfig, tmp_path: Path) -> None:
    train(collection, tmp_path / "plain", config=replace(config, name="x"))
    train(collection, tmp_path / "compiled", config=replace(config, name="x", compile=True))
    plain, compiled = (load_file(tmp_path / name / "weights.safetensors") for name in ("plain", "compiled"))
    for key, values in plain.items():
        np.testing.assert_allclose(values, compiled[key], rtol=1e-2, atol=1e-3, err_msg=key)


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="SIGKILL is POSIX")
def test_a_killed_run_resumes_to_the_same_curve(collection: Path, config: TrainConfig, tmp_path: Path) -> None:
    settings = replace(config, name="x")
    script = f"""
import os, signal, sys
from pathlib import Path
from indexer.pipeline.lock import writer_lock
from indexer.training import TrainConfig, train
def progress(event):
    if event.step == 5:
        os.kill(os.getpid(), signal.SIGKILL)
fields = {asdict(replace(settings))!r}
fields.pop("augment")
train(Path(sys.argv[1]), Path(sys.argv[2]), config=TrainConfig(**fields), progress=progress)
"""
    words = [sys.executable, "-c", script, str(collection), str(tmp_path / "killed")]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert not (tmp_path / "killed" / "encoder.json").exists()
    assert train(collection, tmp_path / "killed", config=settings).resumed_at == 3
    train(collection, tmp_path / "whole", config=settings)
    first, second = (load_file(tmp_path / name / "weights.safetensors") for name in ("killed", "whole"))
    for key, values in first.items():  # another process may use another number of threads: rounding only
        np.testing.assert_allclose(values, second[key], rtol=1e-3, atol=1e-4, err_msg=key)


def test_a_finished_run_is_not_repeated(collection: Path, config: TrainConfig, tmp_path: Path) -> None:
    train(collection, tmp_path / "out", config=config)
    before = (tmp_path / "out" / "weights.safetensors").stat().st_mtime_ns
    report = train(collection, tmp_path / "out", config=replace(config, workers=1))
    assert report.already_finished
    assert (tmp_path / "out" / "weights.safetensors").stat().st_mtime_ns == before


def test_a_folder_with_another_run_is_rejected(collection: Path, config: TrainConfig, tmp_path: Path) -> None:
    out = tmp_path / "out"
    train(collection, out, config=config)
    with pytest.raises(DataError, match=r"another training run \(different margin, steps\)"):
        train(collection, out, config=replace(config, margin=0.2, steps=10))
    with pytest.raises(DataError, match="holds a training run"):
        train(collection, out, config=config, resume=False)
    Image.new("RGB", (8, 8)).save(collection / "red" / "new.png")
    with pytest.raises(DataError, match=r"\(different pictures\)"):
        train(collection, out, config=config)
    (out / "run.json").unlink()
    with pytest.raises(DataError, match="holds an encoder"):
        train(collection, out, config=config)


def test_a_run_of_an_older_version_without_a_setting_is_still_the_same(
    collection: Path, config: TrainConfig, tmp_path: Path
) -> None:
    train(collection, tmp_path / "run", config=config)
    file = tmp_path / "run" / "run.json"
    content = json.loads(file.read_text())
    del content["config"]["class_orientations"], content["config"]["augment"]["shear"]
    file.write_text(json.dumps(content))
    assert train(collection, tmp_path / "run", config=config).already_finished
    with pytest.raises(DataError, match="different class_orientations"):
        train(collection, tmp_path / "run", config=replace(config, class_orientations=4))


def test_a_run_with_rotated_classes_by_folder(collection: Path, config: TrainConfig, tmp_path: Path) -> None:
    rotated = replace(
        config, class_orientations=8, class_draw="by-folder", loss="softmax", classes_per_batch=6, instance_weight=0.0
    )
    report = train(collection, tmp_path / "run", config=rotated)
    assert report.classes == 3
    assert np.isfinite(report.history[-1].loss)
    assert report.history[-1].loss > np.log(6)


def test_broken_pictures_and_lonely_classes_are_reported(collection: Path, config: TrainConfig, tmp_path: Path) -> None:
    (collection / "red" / "2.png").write_bytes(b"broken")
    (collection / "alone").mkdir()
    Image.new("RGB", (8, 8)).save(collection / "alone" / "1.png")
    report = train(collection, tmp_path / "out", config=config)
    assert len(report.unreadable) == 1
    assert str(collection / "red" / "2.png") in report.unreadable[0]
    assert report.lonely_classes == ("alone",)
    assert report.pictures == 18


def test_a_run_without_a_saved_state_is_replaced(collection: Path, config: TrainConfig, tmp_path: Path) -> None:
    with pytest.raises(StoppedError):
        train(collection, tmp_path / "out", config=config, progress=stop_after(1))
    report = train(collection, tmp_path / "out", config=replace(config, margin=0.2, steps=3), resume=False)
    assert (report.steps, report.already_finished) == (3, False)


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("loss", "tripel"),
        ("warmup_loss", "soft"),
        ("mining", "gold"),
        ("warmup_share", 1.0),
        ("steps", 0),
        ("max_minutes", 0.0),
        ("learning_rate", float("nan")),
        ("network", {"kind": "perceptron"}),
    ],
)
def test_invalid_settings_are_rejected(
    collection: Path, config: TrainConfig, tmp_path: Path, setting: str, value: object
) -> None:
    with pytest.raises(DataError, match=setting):
        train(collection, tmp_path / "out", config=replace(config, **{setting: value}))
    assert not (tmp_path / "out").exists()


def test_one_writer_at_a_time(collection: Path, config: TrainConfig, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    with writer_lock(tmp_path / "out"), pytest.raises(IndexLockedError):
        train(collection, tmp_path / "out", config=config)


def test_too_few_classes(collection: Path, config: TrainConfig, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="at least 2 classes"):
        train(collection, tmp_path / "out", config=replace(config, classes=("red",)))
    assert not (tmp_path / "out").exists()


def test_a_run_ends_after_its_minutes(collection: Path, config: TrainConfig, tmp_path: Path) -> None:
    report = train(collection, tmp_path / "out", config=replace(config, steps=10**9, max_minutes=0.01))
    assert 0 < report.steps < 10**4
    assert report.history[-1].step == report.steps
    assert json.loads((tmp_path / "out" / "run.json").read_text())["finished"]


@pytest.mark.slow
def test_a_network_trained_without_normalising(collection: Path, config: TrainConfig, tmp_path: Path) -> None:
    flat = replace(
        config,
        network={**config.network, "dim": 2},
        normalize=False,
        margin=1.5,
        loss="triplet-mean",
        mining="all",
        instance_weight=0.0,
        augment=None,
        validation=(),
        validation_share=0.3,
        split_by="picture",
        steps=60,
        evaluate_every=30,
        learning_rate=0.01,
        report=True,
    )
    report = train(collection, tmp_path / "out", config=flat)
    assert report.history[-1].loss < 0.5 * report.history[0].loss
    assert (tmp_path / "out" / "report" / "map.png").exists()
    encoder = CheckpointEncoder.load(tmp_path / "out", device="cpu")
    paths = sorted(collection.rglob("*.png"))
    squares = np.stack([encoder.prepare(Image.open(path)) for path in paths])
    plane, units = encoder.forward(squares), encoder.encode_prepared(squares)
    np.testing.assert_allclose(np.linalg.norm(units, axis=1), 1, atol=1e-5)
    np.testing.assert_allclose(plane / np.linalg.norm(plane, axis=1, keepdims=True), units, atol=1e-4)
    classes = np.array([path.parent.name for path in paths])
    gaps = np.linalg.norm(plane[:, None] - plane[None], axis=2)
    same = classes[:, None] == classes[None]
    assert gaps[~same].mean() - gaps[same].mean() > 1.0  # a margin that unit vectors in the plane could hardly keep


def test_the_spread_of_unscaled_embeddings_does_not_depend_on_scale() -> None:
    rows = torch.randn(60, 2, generator=torch.Generator().manual_seed(0))
    of_any_size = [spread_of(rows * size, normalize=False) for size in (1e-3, 1.0, 1e3)]
    assert of_any_size == pytest.approx([of_any_size[0]] * 3, rel=1e-4)
    size = float(rows.square().sum(dim=1).mean().sqrt())
    by_hand = [float((rows[i] - rows[j]).norm()) / size for i in range(60) for j in range(i)]
    assert of_any_size[1] == pytest.approx(np.std(by_hand, ddof=1), rel=1e-4)
    with pytest.raises(TrainingCollapsedError):
        check_spread(spread_of(torch.full((9, 2), 5.0) + 1e-3 * rows[:9], normalize=False), 1)
    assert spread_of(torch.zeros(9, 2), normalize=False) == 0.0


def test_collapse_stops_the_run_with_advice(collection: Path, config: TrainConfig, tmp_path: Path) -> None:
    with pytest.raises(TrainingCollapsedError, match="lower learning rate"):
        train(collection, tmp_path / "out", config=replace(config, learning_rate=1e30))
    same = torch.ones(6, 8) + 1e-4 * torch.randn(6, 8, generator=torch.Generator().manual_seed(0))
    with pytest.raises(TrainingCollapsedError, match="begin again"):
        check_spread(spread_of(same), 3)
    random = torch.randn(200, 128, generator=torch.Generator().manual_seed(0))
    assert spread_of(random) > 4 * LEAST_SPREAD
    check_spread(spread_of(random), 3)


def test_every_recipe_can_be_read() -> None:
    assert "small" in recipe_names()
    for name in recipe_names():
        assert isinstance(load_recipe(name), TrainConfig)
    assert load_recipe("builtin") == load_recipe("small")
    with pytest.raises(DataError, match=r"'nothing'.*small"):
        load_recipe("nothing")


def test_the_small_recipe_keeps_its_classes_apart() -> None:
    config = load_recipe("small")
    held_out, validation = (
        {each for each in patterns if each.startswith("tiny-imagenet/")}
        for patterns in (config.held_out, config.validation)
    )
    assert (len(held_out), len(validation)) == (20, 10)
    assert not held_out & validation
    assert set(config.held_out) - held_out == {"omniglot/[K-Z]*/*"}
    assert set(config.validation) - validation == {"clothing/validation/*"}
    assert not any("test" in pattern for pattern in (*config.classes, *config.validation))
    assert config.loss == "triplet"
    assert config.warmup_share < 1


@pytest.mark.gpu
def test_training_on_a_gpu(collection: Path, config: TrainConfig, tmp_path: Path) -> None:
    report = train(collection, tmp_path / "out", config=replace(config, device="cuda"))
    assert report.steps == 9
    assert CheckpointEncoder.load(tmp_path / "out", device="cpu").dim == 8
