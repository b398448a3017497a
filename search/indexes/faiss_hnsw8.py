"""Kind `hnsw8`: a graph of neighbours over 8-bit vectors, by FAISS."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from search.indexes.faiss_hnsw import FaissHnswIndex
from search.indexes.faiss_layout import check_hnsw8
from search.indexes.faiss_library import faiss

if TYPE_CHECKING:
    from pathlib import Path

    from search.types import Floats


class FaissHnsw8Index(FaissHnswIndex):
    """Walks a graph as `hnsw` does, over vectors whose numbers are rounded to 8 bits in the range of their dimension.

    The walk reads a quarter of the bytes of `hnsw`. Distances are those of the rounded vectors: they only rank, and
    must be measured again before they are shown. The file holds the graph and the rounded vectors, so that the walk
    does not depend on the file of the vectors.

    Parameters: those of `hnsw`.
    """

    kind: ClassVar[str] = "hnsw8"
    reads_vectors: ClassVar[bool] = False
    trained: ClassVar[bool] = True

    @property
    def overfetch(self) -> int:
        """Two: rounding exchanges neighbours of nearly the same distance."""
        return 2

    def _structure_bytes(self) -> int:
        return super()._structure_bytes() + self.size * self.dim

    def _graph(self, links: int) -> Any:
        return faiss.IndexHNSWSQ(self.dim, faiss.ScalarQuantizer.QT_8bit, links)

    def _measures_vectors(self) -> bool:
        return False

    def _train(self, index: Any, vectors: Floats) -> None:
        index.train(vectors)

    def _write_flags(self) -> int:
        return 0

    def _check_file(self, path: Path) -> None:
        check_hnsw8(path, self.size, self.dim, self.parameters["M"])

    def _attach(self, index: Any, vectors: Floats) -> None:
        """Nothing is missing in the file."""
