"""Run one training from a folder of pictures to an encoder: every stage, on one page."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from indexer.pipeline.lock import LOCK_NAME, writer_lock
from indexer.training.batches import BatchMaker
from indexer.training.checkpoints import BEST_FILE, STATE_FILE
from indexer.training.checks import check_config, check_validation_pictures
from indexer.training.data import Split, digest, evenly, read_pictures
from indexer.training.outcome import Material, write_outcome
from indexer.training.pixels import Pixels, decode_all, delete_pixels
from indexer.training.processes import Processes, joined
from indexer.training.run_folder import check_out, open_run, write_run
from indexer.training.splits import check_trainable, lonely_classes, split_pictures
from indexer.training.teacher import principal, read_teacher
from indexer.training.trainer import Trainer, TrainEvent
from indexer.training.validation import Validator
from search.encoders.torch_base import resolve_device
from search.errors import DataError
from search.files.writing import ASIDE_NAME, is_regular

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import torch
    from numpy.typing import NDArray

    from indexer.training.config import TrainConfig
    from indexer.training.history import HistoryRow


@dataclass(frozen=True, slots=True)
class TrainReport:
    """Result of a run; if it was already finished, only `out` and `already_finished` are set."""

    out: Path
    steps: int = 0
    minutes: float = 0.0
    pictures: int = 0
    classes: int = 0
    resumed_at: int = 0
    history: tuple[HistoryRow, ...] = ()
    unreadable: tuple[str, ...] = ()
    """Messages about pictures that could not be read and were left out; each names the picture and the problem."""
    lonely_classes: tuple[str, ...] = field(default=())
    """Classes with a single picture, which are never drawn for a batch."""
    already_finished: bool = False
    paused: bool = False
    """The run stopped at `stop_after`, before an encoder was written."""


def run(
    pictures: Path,
    out: Path,
    config: TrainConfig,
    *,
    recipe: str | None,
    labels: str,
    exclude: Sequence[str] = (),
    resume: bool,
    progress: Callable[[TrainEvent], None],
) -> TrainReport:
    """Read, decode, train, write the encoder; see `indexer.training.train`."""
    check_config(config)
    check_out(out)
    splits = split_pictures(read_pictures(pictures, labels, labelled=config.labelled, exclude=exclude), config)
    splits["validation"] = evenly(splits["validation"], config.validation_pictures)
    check_trainable(splits["train"], config)
    check_validation_pictures(splits["validation"], config)
    data = digest(pictures, splits)
    with joined(resolve_device(config.device)) as processes:
        if not processes.is_first:
            return _helped(splits, pictures, out, config, processes)
        out.mkdir(parents=True, exist_ok=True)
        with writer_lock(out):
            if open_run(out, config, data, resume=resume):
                processes.same([1.0])
                report = TrainReport(out, already_finished=True)
            else:
                report = _train(splits, pictures, out, config, recipe, progress, processes)
                if not report.paused:
                    _tidy(out, config, data)
        (out / LOCK_NAME).unlink(missing_ok=True)
    return report


def _helped(
    splits: dict[str, Split], pictures: Path, out: Path, config: TrainConfig, processes: Processes
) -> TrainReport:
    """The part of a process that is not the first: it computes, and writes nothing."""
    if processes.same([None])[0]:
        return TrainReport(out, already_finished=True)
    return _train(splits, pictures, out, config, None, lambda event: None, processes)


def _tidy(out: Path, config: TrainConfig, data: str) -> None:
    """Mark the run as finished, and delete the files that were needed only to resume it."""
    write_run(out, config, data, finished=True)
    for file in (STATE_FILE, BEST_FILE):
        (out / file).unlink(missing_ok=True)
    delete_pixels(out)
    for path in out.iterdir():  # temporary files of a run that was killed
        if ASIDE_NAME.fullmatch(path.name) and is_regular(path):
            path.unlink()


def _train(
    splits: dict[str, Split],
    pictures: Path,
    out: Path,
    config: TrainConfig,
    recipe: str | None,
    progress: Callable[[TrainEvent], None],
    processes: Processes,
) -> TrainReport:
    material, unreadable = _material(splits, config, out)
    if processes.is_first:
        processes.same([0.0])  # the pixels are decoded: the others open them
    train = material.train
    check_trainable(train, config)
    device = resolve_device(config.device)
    trainer = Trainer(
        config,
        len(train.names) * config.class_orientations,
        BatchMaker(
            material.squares,
            material.train_rows,
            train.classes,
            config,
            device,
            _teacher_embeddings(config, train, pictures),
            train.names,
        ),
        _validator(config, material, device),
        out,
        processes,
    )
    resumed_at = trainer.step if trainer.resume() else 0
    processes.wait()  # the first process must not write the state that the others read
    trainer.run(progress)
    if trainer.finished and processes.is_first:
        write_outcome(out, config, recipe, trainer, material)
    return TrainReport(
        out=out,
        steps=trainer.step,
        minutes=trainer.seconds / 60,
        pictures=len(train.paths),
        classes=len(train.names),
        resumed_at=resumed_at,
        history=tuple(trainer.history),
        unreadable=unreadable,
        lonely_classes=lonely_classes(train) if config.labelled and config.sampling != "random" else (),
        paused=not trainer.finished,
    )


def _material(splits: dict[str, Split], config: TrainConfig, out: Path) -> tuple[Material, tuple[str, ...]]:
    """Decode the training and validation pictures; return messages about unreadable ones, which are left out."""
    paths = [*splits["train"].paths, *splits["validation"].paths]
    pixels = decode_all(paths, config.input_size, out, workers=config.workers)
    train = _readable(splits["train"], pixels, 0)
    validation = _readable(splits["validation"], pixels, len(splits["train"].paths))
    return Material(pixels.squares, *train, *validation), tuple(pixels.unreadable.values())


def _validator(config: TrainConfig, material: Material, device: torch.device) -> Validator | None:
    split = material.validation
    if len(split.paths) < 2:
        return None
    labels = [split.names[number] for number in split.classes] if config.labelled else None
    squares = material.squares[material.validation_rows]
    return Validator(squares, labels, config.augment, device, normalize=config.normalize)


def _teacher_embeddings(config: TrainConfig, train: Split, pictures: Path) -> NDArray[np.float16] | None:
    """The teacher's embeddings `(N, dim)` of the training pictures; None without a teacher."""
    if config.teacher is None:
        return None
    embeddings = read_teacher(Path(config.teacher)).of(train.paths, pictures)
    if not embeddings.any():
        raise DataError(f"teacher {config.teacher}: has none of the pictures in {pictures}. Embed them first")
    return principal(embeddings, int(config.network["dim"]))


def _readable(split: Split, pixels: Pixels, offset: int) -> tuple[Split, NDArray[np.int64]]:
    """Drop the pictures that could not be decoded; return the rest and their rows in `pixels`."""
    rows = np.array([row for row in range(len(split.paths)) if row + offset not in pixels.unreadable], dtype=np.int64)
    return split.take(rows), rows + offset
