"""Join the trained network with descriptors of colours and edges, and project the result to few dimensions."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from indexer.training.validation import normalised
from search.chunks import chunks
from search.encoders.networks.joined import Joined

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import nn

    from indexer.training.config import JoinConfig, TrainConfig
    from search.types import Floats

_BATCH = 256


def joined_spec(network: dict[str, Any], join: JoinConfig) -> dict[str, Any]:
    """Spec of the joined network, as it is stored in `encoder.json`."""
    weights = [join.learned, join.colors, join.edges]
    total = sum(weights)
    return {"kind": "joined", "learned": dict(network), "weights": [each / total for each in weights], "dim": join.dim}


def join_network(
    learned: nn.Module, squares: NDArray[np.uint8], rows: NDArray[np.int64], config: TrainConfig, join: JoinConfig
) -> Joined:
    """Join a trained network, in evaluation mode on the CPU, with the descriptors.

    The projection is fitted on at most `join.pictures` training pictures, drawn by the run's seed from the `rows (N,)`
    of `squares (M, S, S, 3)`.
    """
    spec = joined_spec(config.network, join)
    joined = Joined(
        learned=copy.deepcopy(learned), learned_dim=spec["learned"]["dim"], weights=spec["weights"], dim=spec["dim"]
    ).eval()
    chosen = np.random.default_rng((config.seed, 2)).permutation(rows)[: join.pictures]
    weight, bias = principal_projection(_rows(joined, squares, np.sort(chosen)), join.dim, join.whitening)
    with torch.no_grad():
        joined.projection.weight.copy_(torch.from_numpy(weight))
        joined.projection.bias.copy_(torch.from_numpy(bias))
    return joined


def principal_projection(rows: Floats, dim: int, whitening: float) -> tuple[Floats, Floats]:
    """Weight `(dim, T)` and bias `(dim,)` that centre rows `(N, T)`, rotate them to principal axes and whiten them.

    Each axis is divided by its standard deviation to the power of `whitening`: 0 keeps the distances within the `dim`
    axes, 1 gives all axes the same weight. Axes of large variance (bright or dark, blank or busy) say little about
    whether two pictures are similar. Axes beyond the rank of the data are zeros.
    Source: Jegou and Chum, "Negative evidences and co-occurrences in image retrieval: the benefit of PCA and
    whitening", ECCV 2012.
    """
    mean = rows.mean(axis=0, dtype=np.float64)
    centred = rows.astype(np.float64) - mean
    variances, axes = np.linalg.eigh(centred.T @ centred / max(1, len(rows)))
    strongest = np.argsort(variances)[::-1][:dim]
    kept = variances[strongest]
    scales = np.where(kept > 1e-9 * max(kept.max(), 1e-30), np.maximum(kept, 1e-30) ** (-whitening / 2), 0.0)
    weight = np.zeros((dim, rows.shape[1]))
    weight[: len(strongest)] = (axes[:, strongest] * scales).T
    return weight.astype(np.float32), (-weight @ mean).astype(np.float32)


@torch.inference_mode()
def _rows(joined: Joined, squares: NDArray[np.uint8], chosen: NDArray[np.int64]) -> Floats:
    parts = []
    for rows in chunks(chosen, _BATCH):
        pixels = torch.from_numpy(squares[rows]).permute(0, 3, 1, 2).float() / 255.0
        parts.append(joined.joined(normalised(pixels)).numpy())
    return np.concatenate(parts)
