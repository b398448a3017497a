"""Lay out embeddings in the plane with UMAP or PCA."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np

from indexer.plots.fuzzy_graph import fuzzy_graph

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from search.types import Floats

Method = Literal["auto", "umap", "pca"]

FEW = 50
"""Largest number of vectors for which `auto` uses PCA: so few have no neighbourhoods that UMAP could preserve."""
NEIGHBOURS = 15
"""Neighbours of a vector in UMAP's graph, itself included."""
_FEW_FOR_UMAP = 10_000
_BLOCK = 8192
"""Vectors that are converted to float64 at a time."""
_MIN_DISTANCE = 0.1
_SPREAD = 1.0
_START_EXTENT = 10.0
"""Extent of UMAP's initial layout, its own value."""
_START_NOISE = 1e-3
_NEGLIGIBLE = 1e-10
"""Share of the variance below which an axis is rounding error."""


def project(vectors: Floats, *, method: Method = "auto", seed: int = 0) -> Floats:
    """Lay out vectors `(N, D) float32` as `(N, 2) float32`; the same input and seed give the same layout.

    Vectors of one or two dimensions are used as they are. UMAP preserves neighbourhoods; the distances between groups
    and their sizes have no meaning. PCA keeps the two directions of largest variance, to scale. The first UMAP of a
    process spends about three seconds on imports and compilation.
    Source: McInnes, Healy, Melville, "UMAP", arXiv 1802.03426; starting from PCA: Kobak and Linderman, "Initialization
    is critical for preserving global data structure", Nature Biotechnology 2021.

    Args:
        vectors: the vectors to lay out.
        method: `auto` uses UMAP for more than 50 vectors and PCA otherwise.
        seed: random seed of UMAP.

    Raises:
        ValueError: vectors that are not of shape (N, D) or not finite, or an unknown method.
    """
    if method not in get_args(Method):
        raise ValueError(f"unknown projection {method!r}. Use one of {', '.join(get_args(Method))}")
    if vectors.ndim != 2 or not np.isfinite(vectors).all():
        raise ValueError(f"vectors must be finite and of shape (N, D), not {vectors.shape}")
    if vectors.shape[1] <= 2:
        return np.pad(vectors, ((0, 0), (0, 2 - vectors.shape[1]))).astype(np.float32)
    if method == "auto":
        method = "umap" if len(vectors) > FEW else "pca"
    if method == "umap" and len(vectors) > 3:  # PCA preserves the neighbourhoods of three points
        return _umap(vectors, seed)
    return _pca(vectors).astype(np.float32)


def _pca(vectors: Floats) -> NDArray[np.float64]:
    """Coordinates along the two main axes, each oriented so that its largest component is positive."""
    if len(vectors) < 2:
        return np.zeros((len(vectors), 2))
    middle = vectors.mean(axis=0, dtype=np.float64)

    def centred() -> Iterator[NDArray[np.float64]]:
        return (vectors[start : start + _BLOCK] - middle for start in range(0, len(vectors), _BLOCK))

    variances, axes = np.linalg.eigh(sum(block.T @ block for block in centred()))
    main = axes[:, :-3:-1]
    main *= np.sign(main[np.abs(main).argmax(axis=0), [0, 1]])
    main[:, variances[:-3:-1] <= _NEGLIGIBLE * max(1.0, variances.sum())] = 0.0
    return np.concatenate([block @ main for block in centred()])


def _umap(vectors: Floats, seed: int) -> Floats:
    return lay_out(vectors, fuzzy_graph(vectors, min(NEIGHBOURS, len(vectors) - 1)), seed)


def lay_out(vectors: Floats, graph: Any, seed: int, advance: Callable[[int], None] | None = None) -> Floats:
    """Lay out the graph of neighbours of vectors `(N, D)` by UMAP, as `(N, 2) float32`.

    Args:
        vectors: their main axes are where the layout starts.
        graph: from `fuzzy_graph` or `graph_of`.
        seed: random seed.
        advance: is called with the number of epochs done, of `epochs(N)`.
    """
    with warnings.catch_warnings():  # umap warns on import if TensorFlow is not installed
        warnings.filterwarnings("ignore", "Tensorflow not installed", ImportWarning)
        from umap.umap_ import find_ab_params, simplicial_set_embedding

    # Start from PCA, because UMAP's spectral layout warns and falls back if the graph is not connected.
    start = _pca(vectors)
    start *= _START_EXTENT / max(float(np.abs(start).max()), _NEGLIGIBLE)
    start += np.random.default_rng(seed).normal(scale=_START_NOISE, size=start.shape)  # separates duplicates
    a, b = find_ab_params(_SPREAD, _MIN_DISTANCE)
    placed, _ = simplicial_set_embedding(
        vectors,
        graph,
        n_components=2,
        initial_alpha=1.0,
        a=a,
        b=b,
        gamma=1.0,
        negative_sample_rate=5,
        n_epochs=epochs(len(vectors)),
        init=start.astype(np.float32),
        random_state=np.random.RandomState(seed),
        metric="euclidean",
        metric_kwds={},
        densmap=False,
        densmap_kwds={},
        output_dens=False,
        parallel=False,  # several threads are not reproducible
        tqdm_kwds={"disable": True} if advance is None else _reporting(advance),
    )
    return np.asarray(placed, dtype=np.float32)


def epochs(count: int) -> int:
    """Number of epochs for `count` vectors, as in UMAP."""
    return 500 if count <= _FEW_FOR_UMAP else 200


class _Reports:
    """Receives what tqdm would draw: the number of epochs done."""

    def __init__(self, advance: Callable[[int], None]) -> None:
        self._advance, self._done = advance, 0

    def write(self, text: str) -> None:
        if (count := text.strip()).isdigit() and int(count) > self._done:
            self._advance(int(count) - self._done)
            self._done = int(count)

    def flush(self) -> None:
        """Do nothing."""


def _reporting(advance: Callable[[int], None]) -> dict[str, Any]:
    """Arguments with which tqdm, the only progress that UMAP has, writes plain numbers."""
    return {"disable": False, "file": _Reports(advance), "bar_format": "{n}", "ascii": True, "leave": True}
