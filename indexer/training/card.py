"""The model card that travels in `encoder.json`: what the encoder was trained on, how, and with what outcome."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import torch

from indexer.training.run_folder import settings
from search.text import utc_today

if TYPE_CHECKING:
    from collections.abc import Sequence

    from indexer.training.config import TrainConfig
    from indexer.training.data import Split
    from indexer.training.history import HistoryRow
    from indexer.training.validation import Validation


def card_of(
    config: TrainConfig,
    recipe: str | None,
    train: Split,
    validation: Split,
    history: Sequence[HistoryRow],
    final: Validation | None,
) -> dict[str, Any]:
    """Plain values; classes are named, files are not. `final` is of the encoder as it is saved."""
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
