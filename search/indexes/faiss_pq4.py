"""Kind `pq4`: every row as a code of 4 bits per two dimensions, all of which are scanned, by FAISS."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from search.chunks import chunks
from search.indexes.effort_ladders import doubling
from search.indexes.faiss_base import FaissIndex, building_threads, chosen
from search.indexes.faiss_layout import check_pq4
from search.indexes.faiss_library import faiss

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from search.indexes.allowed import Allowed
    from search.types import Floats, Rows

_BITS = 4
_MOST_CANDIDATES = 256
"""Candidates per neighbour at most: codes that need more for the recall are too short."""
_PADDED_AT_ONCE = 16_384
_NARROW = 2_000
_CODES_PER_VECTOR = 16
"""Codes that are scanned in the time in which a vector is compared, where it was not measured."""


class FaissPq4Index(FaissIndex):
    """Compares the codes of all rows, 32 at a time in the registers of the CPU, and fetches candidates to re-rank.

    A row takes a sixteenth of its vector. Distances are those to the codes: they only rank, and must be measured again
    before they are shown. A filter costs little time and no recall.

    The codes are one cluster of an inverted file, because FAISS supports filters there and not in `IndexPQFastScan`,
    which was 5 to 15 % faster. A number of dimensions that the parts do not divide is padded with zeros.

    Parameters:
        m: parts per code, at most D; None for one per two dimensions.
        seed: seed of the codebooks.
        effort: candidates per neighbour, which are re-ranked by the exact vectors.

    Source: Andre, Kermarrec and Le Scouarnec, Cache locality is not enough: high-performance nearest neighbor search
    with product quantization fast scan, 2015.
    """

    kind: ClassVar[str] = "pq4"
    trained: ClassVar[bool] = True
    defaults: ClassVar[Mapping[str, int | None]] = {"m": None, "seed": 1234, "effort": 8}

    def _efforts(self, rows: int) -> tuple[int, ...]:
        """Double the candidates per neighbour from 1 to the number of rows, or to 256."""
        return doubling(1, max(1, min(rows, _MOST_CANDIDATES)))

    @property
    def overfetch(self) -> int:
        """The effort, because the scan costs the same however many candidates it returns."""
        return int(self.parameters["effort"])

    @property
    def exact_rows(self) -> int:
        """A scan reads all codes, each in a fraction of the time in which a vector is compared."""
        return max(_NARROW, self.size // _CODES_PER_VECTOR)

    def _structure_bytes(self) -> int:
        self._choose()
        blocks, parts = -(-self.size // 32), int(self.parameters["m"])
        return blocks * 32 * ((parts + 1) // 2) + 8 * self.size + (4 * self._width() << _BITS)

    def _choose(self) -> None:
        self.parameters["m"] = chosen(self.parameters["m"], (self.dim + 1) // 2, self.dim)

    def _width(self) -> int:
        """Number of dimensions with the padding."""
        parts = int(self.parameters["m"])
        return parts * -(-self.dim // parts)

    def _empty(self) -> Any:
        self._choose()
        width = self._width()
        all_rows = faiss.IndexFlatL2(width)
        all_rows.add(np.zeros((1, width), dtype=np.float32))
        index = faiss.IndexIVFPQFastScan(all_rows, width, 1, self.parameters["m"], _BITS)
        index.by_residual = False
        index.own_fields = True
        all_rows.this.disown()
        return index

    def _train(self, index: Any, vectors: Floats) -> None:
        index.pq.cp.seed = self.parameters["seed"]
        index.pq.cp.min_points_per_centroid = 1  # otherwise FAISS prints a warning for small blocks
        sample = index.pq.cp.max_points_per_centroid << _BITS
        if len(vectors) > sample:
            rows = np.random.default_rng(self.parameters["seed"]).choice(len(vectors), sample, replace=False)
            vectors = vectors[np.sort(rows)]
        missing = max(0, (1 << _BITS) - len(vectors))  # zeros, not copies: FAISS divides by the range of the codebooks
        with building_threads(1):  # thousands of tiny steps, after each of which threads wait for each other
            index.train(self._padded(np.pad(vectors, ((0, missing), (0, 0)))))

    def _add(self, index: Any, vectors: Floats, rows: Rows | None) -> None:
        numbers = np.arange(len(vectors)) if rows is None else rows
        for part in chunks(np.arange(len(vectors)), _PADDED_AT_ONCE):
            block = slice(int(part[0]), int(part[-1]) + 1)
            index.add_with_ids(self._padded(vectors[block]), numbers[block])

    def _padded(self, vectors: Floats) -> Floats:
        missing = self._width() - self.dim
        return np.pad(vectors, ((0, 0), (0, missing))) if missing else vectors

    def _asked(self, queries: Floats) -> Floats:
        return self._padded(queries)

    def _lists(self, allowed: Allowed) -> bool:
        """Always: a scan takes about as long whatever it returns."""
        return True

    def _search_parameters(self, effort: int, selector: Any) -> Any:
        return faiss.SearchParametersIVF(nprobe=1, sel=selector)

    def _full_effort(self) -> int:
        return 1

    def _check_file(self, path: Path) -> None:
        self._choose()
        check_pq4(path, self.size, self._width(), self.parameters["m"])
