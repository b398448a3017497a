"""Kind `pq4`: every row as a code of 4 bits per two dimensions, all of which are scanned, by FAISS."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from search.indexes.effort_ladders import doubling
from search.indexes.faiss_base import FaissIndex, chosen
from search.indexes.faiss_codes4 import Codes4, padded
from search.indexes.faiss_layout import check_codes4
from search.indexes.faiss_library import faiss

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from search.indexes.allowed import Allowed
    from search.types import Floats, Rows

_MOST_CANDIDATES = 256
"""Candidates per neighbour at most: codes that need more for the recall are too short."""
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
        codes = self._codes()
        return codes.block_bytes(self.size) + 8 * self.size + codes.codebook_bytes

    def _codes(self) -> Codes4:
        """Choose the number of parts."""
        self.parameters["m"] = chosen(self.parameters["m"], (self.dim + 1) // 2, self.dim)
        return Codes4(self.dim, int(self.parameters["m"]))

    def _empty(self) -> Any:
        codes = self._codes()
        all_rows = faiss.IndexFlatL2(codes.width)
        all_rows.add(np.zeros((1, codes.width), dtype=np.float32))
        return codes.index(all_rows, 1)

    def _train(self, index: Any, vectors: Floats) -> None:
        self._codes().train(index, vectors, self.parameters["seed"])

    def _add(self, index: Any, vectors: Floats, rows: Rows | None) -> None:
        self._codes().add(index, vectors, rows)

    def _asked(self, queries: Floats) -> Floats:
        return padded(queries, self._on_cpu().d)

    def _lists(self, allowed: Allowed) -> bool:
        """Always: a scan takes about as long whatever it returns."""
        return True

    def _search_parameters(self, effort: int, selector: Any) -> Any:
        return faiss.SearchParametersIVF(nprobe=1, sel=selector)

    def _full_effort(self) -> int:
        return 1

    def _check_file(self, path: Path) -> None:
        codes = self._codes()
        check_codes4(path, self.size, codes.width, 1, 1, codes.parts)
