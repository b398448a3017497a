"""Train encoders in folders that are kept, and embed the parts of a data set with them."""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from indexer.training import TrainConfig, train
from indexer.training.data import Split, evenly, read_pictures, split_of
from indexer.training.pixels import CACHE_FOLDER, decode_all
from indexer.training.splits import split_pictures
from search.encoders import load_encoder
from search.encoders.base import unit_rows
from search.encoders.checkpoint import CheckpointEncoder
from search.encoders.preprocessing import squash
from search.pictures.decode import load_picture

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from experiments.options import Options
    from indexer.training.trainer import TrainEvent
    from search.types import Floats


@dataclass(frozen=True, slots=True)
class Embedded:
    """Embeddings `vectors (N, D)` of one part of a data set, and the class numbers `labels (N,)`."""

    vectors: Floats
    labels: NDArray[np.int64]


def trained(
    pictures: Path, options: Options, name: str, config: TrainConfig, *, labels: str = "folder"
) -> CheckpointEncoder:
    """Train in the folder `name` of the work folder, or load the encoder from an earlier call.

    A run shortened by `--steps` has a separate folder.
    """
    out = run_folder(options, name)
    if options.steps is not None:
        every = max(1, min(config.evaluate_every, options.steps // 2))
        config = replace(config, steps=options.steps, evaluate_every=every, report=False)
    if not (out / "encoder.json").exists():
        _share_pixels(pictures, labels, config, options.work, out)
    train(pictures, out, config=config, labels=labels, progress=lambda event: _report(name, event))
    encoder = load_encoder(out, device="cpu", runtime="torch")
    assert isinstance(encoder, CheckpointEncoder)
    return encoder


def run_folder(options: Options, name: str) -> Path:
    """Folder of the run with this name."""
    return options.work / (name if options.steps is None else f"{name}-{options.steps}")


def _share_pixels(pictures: Path, labels: str, config: TrainConfig, work: Path, out: Path) -> None:
    """Decode the pictures of a run into a cache in the work folder, and link it into the run's folder.

    Runs on the same pictures in the same order then share one cache, which saves half a minute per run for the 60,000
    pictures of MNIST. A run deletes its links at the end.
    """
    parts = split_pictures(read_pictures(pictures, labels), config)
    validation = evenly(parts["validation"], config.validation_pictures)
    decode_all([*parts["train"].paths, *validation.paths], config.input_size, work, workers=config.workers)
    cache = out / CACHE_FOLDER
    cache.mkdir(parents=True, exist_ok=True)
    for file in (work / CACHE_FOLDER).iterdir():
        if not (cache / file.name).exists():
            (cache / file.name).hardlink_to(file)


def minutes_of(*encoders: CheckpointEncoder) -> float:
    """Total minutes of training."""
    return sum(float(each.card["last"]["minutes"]) for each in encoders)


def parts_of(folder: Path, config: TrainConfig) -> dict[str, Split]:
    """`train` and `validation` as a run with these settings splits `folder/train`, and `test` from `folder/test`.

    Classes have the same numbers in all three.
    """
    parts = split_pictures(read_pictures(folder / "train"), config)
    names = parts["train"].names
    test = [(picture.label, picture.path) for picture in read_pictures(folder / "test")]
    return {**parts, "test": split_of(test, names)}


def embedded(encoder: CheckpointEncoder, part: Split, *, unit: bool = True) -> Embedded:
    """Embed a part: unit rows, or unscaled rows for a network that was trained without `normalize`."""
    raw = encoder.forward(_squares(encoder, part))
    return Embedded(unit_rows(raw) if unit else raw, part.classes)


def embedded_both_ways(encoder: CheckpointEncoder, part: Split) -> Embedded:
    """Embed each picture of a part as the mean of its embedding and that of its mirror image, unit rows."""
    squares = _squares(encoder, part)
    ways = [unit_rows(encoder.forward(each)) for each in (squares, np.ascontiguousarray(squares[:, :, ::-1]))]
    return Embedded(unit_rows(ways[0] + ways[1]), part.classes)


def _squares(encoder: CheckpointEncoder, part: Split) -> NDArray[np.uint8]:
    return np.stack([_square(path, encoder.input_size) for path in part.paths])


@cache
def _square(path: Path, size: int) -> NDArray[np.uint8]:
    """Decode a picture like an encoder's `prepare`, once for all networks of an experiment."""
    return squash(load_picture(path, target=size), size)


def _report(name: str, event: TrainEvent) -> None:
    if event.row is not None:
        score = "" if event.row.map_at_r is None else f", validation mAP@R {event.row.map_at_r:.4f}"
        sys.stderr.write(f"{name}: batch {event.step}, loss {event.row.loss:.4f}{score}\n")
