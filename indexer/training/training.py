"""One training run from a folder of pictures to an encoder, readable on one page."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from indexer.lock import LOCK_NAME, writer_lock
from indexer.training.batches import BatchMaker
from indexer.training.card import card_of
from indexer.training.checkpoints import BEST_FILE, STATE_FILE
from indexer.training.checks import check_config, check_watched
from indexer.training.data import Split, digest, evenly, read_pictures
from indexer.training.joining import join_network, joined_spec
from indexer.training.pixels import CACHE_FOLDER, Pixels, decode_all
from indexer.training.report import write_report
from indexer.training.run_folder import open_run, write_run
from indexer.training.splits import check_trainable, lonely_classes, split_pictures
from indexer.training.teacher import principal, read_teacher
from indexer.training.trainer import Trainer, TrainEvent
from indexer.training.validation import Validator
from search.encoders.checkpoint import CheckpointEncoder
from search.encoders.torch_base import resolve_device
from search.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Callable

    import torch
    from numpy.typing import NDArray
    from torch import nn

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
    splits = split_pictures(read_pictures(pictures, labels, labelled=config.labelled), config)
    splits["validation"] = evenly(splits["validation"], config.validation_pictures)
    check_trainable(splits["train"], config)
    check_watched(splits["validation"], config)
    data = digest(pictures, splits)
    out.mkdir(parents=True, exist_ok=True)
    with writer_lock(out):
        if open_run(out, config, data, resume=resume):
            report = TrainReport(out, already_finished=True)
        else:
            report = _train(splits, pictures, out, config, recipe, progress)
            write_run(out, config, data, finished=True)
            for file in (STATE_FILE, BEST_FILE):
                (out / file).unlink(missing_ok=True)
            shutil.rmtree(out / CACHE_FOLDER, ignore_errors=True)
    (out / LOCK_NAME).unlink(missing_ok=True)
    return report


def _train(
    splits: dict[str, Split],
    pictures: Path,
    out: Path,
    config: TrainConfig,
    recipe: str | None,
    progress: Callable[[TrainEvent], None],
) -> TrainReport:
    pixels = decode_all(
        [*splits["train"].paths, *splits["validation"].paths], config.input_size, out, workers=config.workers
    )
    train, train_rows = _readable(splits["train"], pixels, 0)
    validation, validation_rows = _readable(splits["validation"], pixels, len(splits["train"].paths))
    check_trainable(train, config)
    device = resolve_device(config.device)
    validator = _validator(config, validation, pixels.squares[validation_rows], device)
    taught = _taught(config, train, pictures)
    batches = BatchMaker(pixels.squares, train_rows, train.classes, config, device, taught)
    trainer = Trainer(config, len(train.names), batches, validator, out)
    resumed_at = trainer.step if trainer.resume() else 0
    trainer.run(progress)
    network, spec = trainer.trained(), config.network
    if config.join:
        network = join_network(network, pixels.squares, train_rows, config, config.join)
        spec = joined_spec(config.network, config.join)
    final = validator(network) if validator else None
    CheckpointEncoder(
        network,
        spec,
        name=config.name or out.absolute().name,
        input_size=config.input_size,
        dim=int(spec["dim"]),
        card=card_of(config, recipe, train, validation, trainer.history, final),
        device="cpu",
    ).save(out)
    if config.report:
        _draw(out, config, network, trainer, train, pixels.squares[validation_rows])
    return TrainReport(
        out=out,
        steps=trainer.step,
        minutes=trainer.seconds / 60,
        pictures=len(train.paths),
        classes=len(train.names),
        resumed_at=resumed_at,
        history=tuple(trainer.history),
        unreadable=tuple(pixels.unreadable.values()),
        lonely_classes=lonely_classes(train) if config.labelled and config.sampling != "random" else (),
    )


def _draw(
    out: Path, config: TrainConfig, network: nn.Module, trainer: Trainer, train: Split, squares: NDArray[np.uint8]
) -> None:
    """Draw the course of the run and, where labelled pictures were watched, what their embeddings look like."""
    validator = trainer.validator
    labels = validator.labels if validator else None
    vectors = validator.embed(network) if validator and labels else np.empty((0, 1), dtype=np.float32)
    classes = f", {len(train.names)} classes" if config.labelled else ""
    write_report(
        out,
        history=trainer.history,
        squares=squares[: len(vectors)],
        vectors=vectors,
        labels=labels or (),
        title=f"{config.name or out.absolute().name}: trained on {len(train.paths):,} pictures{classes}",
        seed=config.seed,
    )


def _validator(
    config: TrainConfig, validation: Split, squares: NDArray[np.uint8], device: torch.device
) -> Validator | None:
    if len(validation.paths) < 2:
        return None
    labels = [validation.names[number] for number in validation.classes] if config.labelled else None
    return Validator(squares, labels, config.augment, device)


def _taught(config: TrainConfig, train: Split, pictures: Path) -> NDArray[np.float16] | None:
    """What the network `(N, dim)` is to answer for the training pictures, where there is a teacher."""
    if config.teacher is None:
        return None
    taught = read_teacher(Path(config.teacher)).of(train.paths, pictures)
    if not taught.any():
        raise DataError(f"teacher {config.teacher}: knows none of the pictures in {pictures}. Embed them first")
    return principal(taught, int(config.network["dim"]))


def _readable(split: Split, pixels: Pixels, offset: int) -> tuple[Split, NDArray[np.int64]]:
    """Drop what could not be decoded; give the rows of the rest in `pixels`."""
    rows = np.array([row for row in range(len(split.paths)) if row + offset not in pixels.unreadable], dtype=np.int64)
    return split.take(rows), rows + offset
