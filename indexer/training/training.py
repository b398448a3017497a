"""One training run from a folder of pictures to an encoder, readable on one page."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from indexer.lock import LOCK_NAME, writer_lock
from indexer.training.batches import BatchMaker
from indexer.training.card import card_of
from indexer.training.checkpoints import STATE_FILE
from indexer.training.checks import check_config
from indexer.training.data import Split, digest, evenly, read_pictures, split_by_class
from indexer.training.pixels import CACHE_FOLDER, Pixels, decode_all
from indexer.training.run_folder import open_run, write_run
from indexer.training.trainer import Trainer, TrainEvent
from indexer.training.validation import Validator
from search.encoders.checkpoint import CheckpointEncoder
from search.encoders.torch_base import resolve_device
from search.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

    from indexer.training.config import TrainConfig
    from indexer.training.history import HistoryRow


@dataclass(frozen=True, slots=True)
class TrainReport:
    """What a run did; of a run that was finished already, only `out` and `already_finished`."""

    out: Path
    steps: int = 0
    minutes: float = 0.0
    pictures: int = 0
    classes: int = 0
    resumed_at: int = 0
    history: tuple[HistoryRow, ...] = ()
    unreadable: tuple[str, ...] = ()
    """Each names a picture and says what is wrong with it; they were left out."""
    lonely_classes: tuple[str, ...] = field(default=())
    """Classes of a single picture, which no batch shows."""
    already_finished: bool = False


def run(
    pictures: Path,
    out: Path,
    config: TrainConfig,
    *,
    recipe: str | None,
    labels: str,
    resume: bool,
    progress: Callable[[TrainEvent], None],
) -> TrainReport:
    """Read, decode, train, write the encoder; see `indexer.training.train`."""
    check_config(config)
    splits = split_by_class(read_pictures(pictures, labels), config)
    splits["validation"] = evenly(splits["validation"], config.validation_pictures)
    _check_classes(splits["train"])
    data = digest(pictures, splits)
    out.mkdir(parents=True, exist_ok=True)
    with writer_lock(out):
        if open_run(out, config, data, resume=resume):
            report = TrainReport(out, already_finished=True)
        else:
            report = _train(splits, out, config, recipe, progress)
            write_run(out, config, data, finished=True)
            (out / STATE_FILE).unlink(missing_ok=True)
            shutil.rmtree(out / CACHE_FOLDER, ignore_errors=True)
    (out / LOCK_NAME).unlink(missing_ok=True)
    return report


def _train(
    splits: dict[str, Split], out: Path, config: TrainConfig, recipe: str | None, progress: Callable[[TrainEvent], None]
) -> TrainReport:
    pixels = decode_all(
        [*splits["train"].paths, *splits["validation"].paths], config.input_size, out, workers=config.workers
    )
    train, train_rows = _readable(splits["train"], pixels, 0)
    validation, validation_rows = _readable(splits["validation"], pixels, len(splits["train"].paths))
    _check_classes(train)
    trainer = _trainer(config, pixels, train, train_rows, validation, validation_rows, out)
    resumed_at = trainer.step if trainer.resume() else 0
    trainer.run(progress)
    CheckpointEncoder(
        trainer.trained(),
        config.network,
        name=config.name or out.absolute().name,
        input_size=config.input_size,
        dim=int(config.network["dim"]),
        card=card_of(config, recipe, train, validation, trainer.history),
        device="cpu",
    ).save(out)
    return TrainReport(
        out=out,
        steps=trainer.step,
        minutes=trainer.seconds / 60,
        pictures=len(train.paths),
        classes=len(train.names),
        resumed_at=resumed_at,
        history=tuple(trainer.history),
        unreadable=tuple(pixels.unreadable.values()),
        lonely_classes=_lonely(train),
    )


def _trainer(
    config: TrainConfig,
    pixels: Pixels,
    train: Split,
    train_rows: NDArray[np.int64],
    validation: Split,
    validation_rows: NDArray[np.int64],
    out: Path,
) -> Trainer:
    device = resolve_device(config.device)
    validator = None
    if len(validation.paths) > 1:
        labels = [validation.names[number] for number in validation.classes]
        validator = Validator(pixels.squares[validation_rows], labels, config.augment, device)
    batches = BatchMaker(pixels.squares, train_rows, train.classes, config, device)
    return Trainer(config, len(train.names), batches, validator, out)


def _readable(split: Split, pixels: Pixels, offset: int) -> tuple[Split, NDArray[np.int64]]:
    """Drop what could not be decoded; give the rows of the rest in `pixels`."""
    rows = np.array([row for row in range(len(split.paths)) if row + offset not in pixels.unreadable], dtype=np.int64)
    return split.take(rows), rows + offset


def _lonely(split: Split) -> tuple[str, ...]:
    counts = np.bincount(split.classes, minlength=len(split.names))
    return tuple(split.names[number] for number in np.flatnonzero(counts == 1))


def _check_classes(split: Split) -> None:
    counts = np.bincount(split.classes, minlength=1)
    if int((counts > 1).sum()) < 2:
        raise DataError(
            f"training needs at least 2 classes of at least 2 readable pictures each; found {len(split.names)} "
            f"classes, {len(_lonely(split))} of them with a single picture. Put each class into a folder of its own"
        )
