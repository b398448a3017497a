"""Which triplets of a batch the loss is shown; the miners are those of pytorch-metric-learning."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from search.errors import DataError


def _hard(margin: float) -> Any:
    from pytorch_metric_learning.miners import BatchHardMiner

    return BatchHardMiner()


def _semihard(margin: float) -> Any:
    from pytorch_metric_learning.miners import TripletMarginMiner

    return TripletMarginMiner(margin=margin, type_of_triplets="semihard")


def _violating(margin: float) -> Any:
    from pytorch_metric_learning.miners import TripletMarginMiner

    return TripletMarginMiner(margin=margin, type_of_triplets="all")


MINERS: dict[str, Callable[[float], Any] | None] = {
    "all": None,
    "hard": _hard,
    "semihard": _semihard,
    "violating": _violating,
}
"""`hard`: for each anchor the farthest positive and the nearest negative. `semihard`: negatives farther than the
positive, by less than the margin. `violating`: these and all nearer ones. `all`: no mining."""


def make_miner(name: str, margin: float) -> Any | None:
    """Build a miner `(embeddings, labels) -> triplets`; None where there is nothing to mine.

    Raises:
        DataError: an unknown name.
    """
    if name not in MINERS:
        raise DataError(f"no mining is called {name!r}: there are {', '.join(sorted(MINERS))}")
    build = MINERS[name]
    return None if build is None else build(margin)
