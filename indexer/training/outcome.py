"""Write the results of a finished run: the encoder with its model card, and the report."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from indexer.training.joining import join_network, joined_spec
from indexer.training.report import write_report
from indexer.training.run_folder import settings
from search.encoders.checkpoint import CheckpointEncoder
from search.text import utc_today

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray
    from torch import nn

    from indexer.training.config import TrainConfig
    from indexer.training.data import Split
    from indexer.training.history import HistoryRow
    from indexer.training.trainer import Trainer
    from indexer.training.validation import Validation


@dataclass(frozen=True, slots=True)
class Material:
    """The pictures of a run, `squares (M, S, S, 3) uint8`, and their rows used for training and for validation."""

    squares: NDArray[np.uint8]
    train: Split
    train_rows: NDArray[np.int64]
    validation: Split
    validation_rows: NDArray[np.int64]


def write_outcome(out: Path, config: TrainConfig, recipe: str | None, trainer: Trainer, material: Material) -> None:
    """Join the trained network with descriptors if configured, measure it, save it as an encoder, draw the report."""
    network, spec = trainer.trained(), config.network
    if config.join:
        network = join_network(network, material.squares, material.train_rows, config, config.join)
        spec = joined_spec(config.network, config.join)
    final = trainer.validator(network) if trainer.validator else None
    name = config.name or out.absolute().name
    CheckpointEncoder(
        network,
        spec,
        name=name,
        input_size=config.input_size,
        dim=int(spec["dim"]),
        card=_card(config, recipe, material, trainer.history, final),
        device="cpu",
    ).save(out)
    if config.report:
        _draw(out, config, network, trainer, material, name)


def _draw(out: Path, config: TrainConfig, network: nn.Module, trainer: Trainer, material: Material, name: str) -> None:
    """Draw the history of the run and, if there are labelled validation pictures, their embeddings."""
    validator = trainer.validator
    labels = validator.labels if validator else None
    vectors = validator.embed(network) if validator and labels else np.empty((0, 1), dtype=np.float32)
    classes = f", {len(material.train.names)} classes" if config.labelled else ""
    write_report(
        out,
        history=trainer.history,
        squares=material.squares[material.validation_rows][: len(vectors)],
        vectors=vectors,
        labels=labels or (),
        title=f"{name}: trained on {len(material.train.paths):,} pictures{classes}",
        seed=config.seed,
    )


def _card(
    config: TrainConfig,
    recipe: str | None,
    material: Material,
    history: Sequence[HistoryRow],
    final: Validation | None,
) -> dict[str, Any]:
    """Model card for `encoder.json`: the training data, the settings and the measurements, as plain JSON values.

    Classes are named, files are not. `final` measures the encoder as it is saved.
    """
    train, validation = material.train, material.validation
    return {
        "made_with": f"twinlens train, torch {torch.__version__}",
        "date": utc_today(),
        "recipe": recipe,
        "trained_on": {"pictures": len(train.paths), "classes": len(train.names) if config.labelled else None},
        "validated_on": {
            "pictures": len(validation.paths),
            "classes": list(validation.names) if config.labelled else None,
        },
        "never_opened": list(config.held_out),
        "last": asdict(history[-1]) if history else None,
        "final": asdict(final) if final else None,
        "config": settings(config),
    }
