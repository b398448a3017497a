"""Kind `turbovec`: every row as a code of 4 bits per dimension, all of which are scanned, by turbovec."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from turbovec import TurboQuantIndex

from search.chunks import chunks
from search.files.writing import new_file
from search.indexes.base import ENTERED_AT_ONCE, VectorIndex
from search.indexes.effort_ladders import doubling

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from search.indexes.allowed import Allowed
    from search.types import Floats, Rows

_MULTIPLE = 8
"""Dimensions are padded with zeros to a multiple of this."""
_SAMPLE = 1_024
"""Rows that the calibration is fitted to, as turbovec recommends."""
_MOST_CANDIDATES = 64
"""Candidates per neighbour at most: codes that need more for the recall are too short."""
_CODES_PER_VECTOR = 8
"""Codes that are scanned in the time in which a vector is compared, where it was not measured."""
_NARROW = 2_000
_TABLES = 29_100
_TABLES_PER_DIMENSION = 1_048
"""Bytes of the rotation and of the levels."""
_PER_ROW = 4
"""Bytes of a row beside its code."""


class TurbovecIndex(VectorIndex):
    """Compares the codes of all rows, and fetches candidates to re-rank: `pq4` with longer codes and no codebooks.

    The codes are those of TurboQuant: the rows are rotated at random, after which every dimension has about the same
    distribution, and each is rounded to one of 16 levels. Twice as long as those of `pq4`, they rank so well that a
    quarter of the candidates is enough, and they are built several times as fast. Filters cost no recall. Needs the
    extra `turbovec`, wherever the index is opened; therefore `auto` does not choose it.

    Parameters:
        bits: bits per dimension, 2 to 4.
        seed: seed of the sample that the levels are fitted to.
        effort: candidates per neighbour, which are re-ranked by the exact vectors.

    Source: Zandieh, Daliri, Hadian and Mirrokni, TurboQuant: online vector quantization with near-optimal distortion
    rate, 2025.
    """

    kind: ClassVar[str] = "turbovec"
    trained: ClassVar[bool] = True
    squared: ClassVar[bool] = True
    defaults: ClassVar[Mapping[str, int | None]] = {"bits": 4, "seed": 1234, "effort": 1}
    least: ClassVar[Mapping[str, int]] = {"bits": 2, "seed": 0}
    most: ClassVar[Mapping[str, int]] = {"bits": 4}

    _index: Any
    _slots: Rows | None = None
    """While rows are held out: the row of each code."""
    _vectors: Floats | None = None
    """While rows are held out: all rows."""

    def _efforts(self, rows: int) -> tuple[int, ...]:
        """Double the candidates per neighbour from 1 to the number of rows, or to 64."""
        return doubling(1, max(1, min(rows, _MOST_CANDIDATES)))

    @property
    def overfetch(self) -> int:
        """The effort, because the scan costs about the same however many candidates it returns."""
        return int(self.parameters["effort"])

    @property
    def exact_rows(self) -> int:
        """A scan reads all codes, each in a fraction of the time in which a vector is compared."""
        return max(_NARROW, self.size // _CODES_PER_VECTOR)

    def _width(self) -> int:
        """Number of dimensions with the padding."""
        return -(-self.dim // _MULTIPLE) * _MULTIPLE

    def _structure_bytes(self) -> int:
        codes = self.size * (self._width() * int(self.parameters["bits"]) // 8 + _PER_ROW)
        return codes + _TABLES + _TABLES_PER_DIMENSION * self._width()

    def _build(self, vectors: Floats, held_out: Rows) -> None:
        if len(held_out):
            self._slots = np.setdiff1d(np.arange(self.size), held_out)
            self._vectors = vectors
        self._index = self._filled(vectors, self._slots)

    def _complete(self) -> None:
        """Encode all rows again, in order, which takes about a second per 300,000."""
        if self._vectors is not None:
            slots, vectors = self._slots, self._vectors
            self._slots = self._vectors = None
            self._index = self._filled(vectors, None, fitted_to=slots)

    def _filled(self, vectors: Floats, rows: Rows | None, fitted_to: Rows | None = None) -> Any:
        """Codes of some rows, or of all; their levels are fitted to a sample of those, or of `fitted_to`."""
        index = TurboQuantIndex(dim=self._width(), bit_width=self.parameters["bits"])
        numbers = np.arange(self.size) if rows is None else rows
        sampled = numbers if fitted_to is None else fitted_to
        if len(sampled) >= _SAMPLE:  # fewer would fit levels that lose recall
            sample = np.sort(np.random.default_rng(self.parameters["seed"]).choice(sampled, _SAMPLE, replace=False))
            with suppress(ValueError):  # rows that are all the same have no spread to fit
                index.calibrate(self._padded(vectors[sample]))
        for part in chunks(numbers, ENTERED_AT_ONCE):
            index.add(self._padded(vectors[part]), chunk_size=0)
        index.prepare()
        return index

    def _padded(self, vectors: Floats) -> Floats:
        missing = self._width() - self.dim
        return np.pad(vectors, ((0, 0), (0, missing))) if missing else vectors

    def _search(self, queries: Floats, k: int, allowed: Allowed | None) -> tuple[Floats, Rows]:
        mask = None if allowed is None else allowed.mask
        if self._slots is None:
            cosines, rows = self._index.search(self._padded(queries), k, mask=mask)
            return _squares(cosines), rows
        inside = None if mask is None else mask[self._slots]
        reachable = min(k, len(self._slots) if inside is None else int(np.count_nonzero(inside)))
        squares = np.full((len(queries), k), np.inf, dtype=np.float32)
        found = np.full((len(queries), k), -1, dtype=np.int64)
        if reachable:
            cosines, slots = self._index.search(self._padded(queries), reachable, mask=inside)
            squares[:, :reachable], found[:, :reachable] = _squares(cosines), self._slots[slots]
        return squares, found

    def _save(self, path: Path) -> None:
        with new_file(path) as file:  # turbovec opens only UTF-8 names, and a name on disk need not be
            file.write(self._index.to_bytes())

    def _check_file(self, path: Path) -> None:
        """Load the file, which turbovec verifies while it copies it into memory."""
        index = TurboQuantIndex.from_bytes(path.read_bytes())
        found, expected = (len(index), index.dim, index.bit_width), (self.size, self._width(), self.parameters["bits"])
        if found != expected and (self.size or len(index)):
            raise ValueError(f"holds {found[0]} codes of {found[1]} times {found[2]} bits")
        self._index = index

    def _load(self, path: Path, vectors: Floats) -> None:
        self._index.prepare()


def _squares(cosines: Floats) -> Floats:
    """Squared distances of unit rows with these cosines, which codes may let exceed 1."""
    squares: Floats = np.maximum(np.float32(2) - 2 * cosines, 0)
    return squares
