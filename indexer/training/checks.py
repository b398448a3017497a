"""Settings that cannot work are refused before the first picture is decoded."""

from __future__ import annotations

from typing import TYPE_CHECKING

from indexer.training.losses import CLASSIFIERS, LOSSES
from indexer.training.mining import MINERS
from search.encoders.networks import build_network
from search.errors import DataError

if TYPE_CHECKING:
    from indexer.training.config import TrainConfig


def check_config(config: TrainConfig) -> None:
    """Check names, ranges and the network's spec.

    Raises:
        DataError: a setting that cannot work; the message names it.
    """
    for setting, name in (
        ("loss", config.loss),
        ("warmup_loss", config.warmup_loss),
        ("instance_loss", config.instance_loss),
        ("warmup_instance_loss", config.warmup_instance_loss),
    ):
        if name is not None and name not in LOSSES:
            raise DataError(f"{setting}: no loss is called {name!r}: there are {', '.join(sorted(LOSSES))}")
        if "instance" in setting and name in CLASSIFIERS:
            raise DataError(f"{setting}: {name} learns weights for each class, and cannot be a loss over pictures")
    if config.mining not in MINERS:
        raise DataError(f"mining: none is called {config.mining!r}: there are {', '.join(sorted(MINERS))}")
    if not 0 <= config.warmup_share < 1:
        raise DataError(
            f"warmup_share {config.warmup_share}: must be from 0 to less than 1, so that {config.loss} ends"
        )
    for setting, value in (
        ("steps", config.steps),
        ("evaluate_every", config.evaluate_every),
        ("learning_rate", config.learning_rate),
        ("input_size", config.input_size),
        ("classes_per_batch", config.classes_per_batch - 1),
    ):
        if not value > 0:
            raise DataError(f"{setting}: too small; steps, rates and sizes are positive, and a batch has 2 classes")
    if config.max_minutes is not None and not config.max_minutes > 0:
        raise DataError(f"max_minutes {config.max_minutes}: a run takes more than no time")
    try:
        build_network(config.network)
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(f"network: {config.network} cannot be built ({error})") from error
