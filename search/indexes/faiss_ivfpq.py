"""Kind `ivfpq`: clusters of compressed vectors, by FAISS."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from search.errors import UnsupportedError
from search.indexes.faiss_ivf import FaissIvfIndex
from search.indexes.faiss_layout import check_ivfpq
from search.indexes.faiss_library import faiss

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from search.types import Floats

_GPU_PARTS = (1, 2, 3, 4, 8, 12, 16, 20, 24, 28, 32, 40, 48, 56, 64, 96)
"""Numbers of parts per code that FAISS's GPU kernels support."""
_GPU_FLOAT_PARTS = 48
"""Maximum number of parts whose lookup tables (256 float32 each) fit 48 KiB of shared memory; above, use float16."""
_DEFAULT_PARTS = 64


_TRAINING_ROWS_PER_ENTRY = 64
_TRAINING_ROUNDS = 10
"""Training rows per codebook entry, and iterations. FAISS's defaults, 256 and 25, took more than twice as long for the
same recall after re-ranking (0.967 both; 13,500 vectors of 128, m=64, 76 s against 33 s on two busy cores)."""


def parts_for(dim: int) -> int:
    """The largest supported number of parts, up to 64, that divides D and leaves each at least four dimensions."""
    supported = [m for m in _GPU_PARTS if m <= _DEFAULT_PARTS and dim % m == 0 and dim // m >= 4]
    return max(supported, default=1)


class FaissIvfPqIndex(FaissIvfIndex):
    """Clusters as in `ivf`; each row is stored as the residual to its centroid, product-quantized to `m * nbits / 8`
    bytes.

    Distances are those to the compressed rows: they only rank, and must be measured again before they are shown. If
    there are fewer rows than a codebook has entries, training repeats them, so that every size has the same code and
    a GPU version.

    Parameters:
        m: parts per code; divides D; None for `parts_for` D.
        nbits: bits per part, at most 8.
        nlist, seed, effort: as for `ivf`.

    Source: Jegou, Douze and Schmid, Product Quantization for Nearest Neighbor Search, 2011.
    """

    kind: ClassVar[str] = "ivfpq"
    defaults: ClassVar[Mapping[str, int | None]] = {
        "nlist": None,
        "m": None,
        "nbits": 8,
        "seed": 1234,
        "effort": 16,
    }
    most: ClassVar[Mapping[str, int]] = {"nbits": 8}

    def _empty(self) -> Any:
        self._choose()
        parts, bits = self.parameters["m"], self.parameters["nbits"]
        return faiss.IndexIVFPQ(faiss.IndexFlatL2(self.dim), self.dim, self.parameters["nlist"], parts, bits)

    def _choose(self) -> None:
        super()._choose()
        if self.parameters["m"] is None:
            self.parameters["m"] = parts_for(self.dim)
        if self.dim % self.parameters["m"]:
            raise UnsupportedError(
                f"index kind 'ivfpq': m must divide the {self.dim} dimensions, and {self.parameters['m']} does not"
            )

    @property
    def overfetch(self) -> int:
        """Eight: the codes only rank."""
        return 8

    def _structure_bytes(self) -> int:
        return super()._structure_bytes() + (4 * self.dim << int(self.parameters["nbits"]))

    def _code_bytes(self) -> int:
        return int(-(-self.parameters["m"] * self.parameters["nbits"] // 8))

    def _train(self, index: Any, vectors: Floats) -> None:
        index.pq.cp.seed = self.parameters["seed"]
        index.pq.cp.min_points_per_centroid = 1
        index.pq.cp.max_points_per_centroid = _TRAINING_ROWS_PER_ENTRY
        index.pq.cp.niter = _TRAINING_ROUNDS
        entries = 1 << self.parameters["nbits"]
        if len(vectors) < entries:
            vectors = np.resize(vectors, (entries, self.dim))
        super()._train(index, vectors)

    def _measures_vectors(self) -> bool:
        return False

    def _half_tables(self) -> bool:
        return bool(self.parameters["m"] > _GPU_FLOAT_PARTS)

    def _check_gpu(self) -> None:
        parts, bits = self.parameters["m"], self.parameters["nbits"]
        if bits != 8:
            raise UnsupportedError(f"index kind 'ivfpq' on the GPU needs nbits=8, not {bits}: use --device cpu")
        if parts not in _GPU_PARTS:
            raise UnsupportedError(
                f"index kind 'ivfpq' on the GPU has no version for m={parts}: use --device cpu, or an m that divides"
                f" {self.dim} out of {', '.join(map(str, _GPU_PARTS))}"
            )

    def _check_file(self, path: Path) -> None:
        self._choose()
        clusters, parts, bits = (self.parameters[name] for name in ("nlist", "m", "nbits"))
        check_ivfpq(path, self.size, self.dim, clusters, parts, bits)
