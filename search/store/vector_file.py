"""Write and verify files of vectors: NumPy's format, with a checksum per block of rows.

The checksums are stored in the catalog. CRC-32 was preferred to a cryptographic digest because it is computed when a
block is first used, and runs at the speed of memory. It detects every change within 32 neighbouring bits, and misses
one in 2^32 of all other changes. `twinlens check` also verifies the SHA-256 of the file.
"""

from __future__ import annotations

import hashlib
import io
import zlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from search.errors import DamagedFileError
from search.files.reading import open_regular, require_regular
from search.files.writing import replaced
from search.store.parallel import each_block
from search.store.records import BlockChecksums, FileRecord

if TYPE_CHECKING:
    from pathlib import Path

    from search.types import Floats, Rows

BLOCK_BYTES = 1024 * 1024
_CRC = np.dtype("<u4")


def write_vectors(folder: Path, name: str, vectors: Floats) -> FileRecord:
    """Write `(N, D) float32` rows to a file and sync it; checksums are computed while writing.

    Args:
        folder: the index folder.
        name: name of the file relative to the folder, as in the catalog.
        vectors: may be a memory map; about 1 MiB of it is copied at a time.

    Returns:
        The record of the file for the catalog.
    """
    step = _block_rows(vectors.shape[1])
    digest, size, crcs = hashlib.sha256(), 0, []
    with replaced(folder / name) as stream:
        for number, start in enumerate(range(-step, len(vectors), step)):
            if number == 0:
                data = _header(vectors.shape)
            else:
                data = np.ascontiguousarray(vectors[start : start + step], dtype="<f4").tobytes()
                crcs.append(zlib.crc32(data))
            stream.write(data)
            digest.update(data)
            size += len(data)
    return FileRecord(name, size, digest.hexdigest(), BlockChecksums(step, np.array(crcs, dtype=_CRC).tobytes()))


def _block_rows(dim: int) -> int:
    return max(1, BLOCK_BYTES // (4 * dim))


def _header(shape: tuple[int, ...]) -> bytes:
    stream = io.BytesIO()
    np.lib.format.write_array_header_1_0(stream, {"descr": "<f4", "fortran_order": False, "shape": shape})
    return stream.getvalue()


class BlockGuard:
    """Verifies blocks of mapped vectors when they are first used, each block once."""

    def __init__(self, path: Path, vectors: Floats, checksums: BlockChecksums | None) -> None:
        """Guard `(N, D) float32` rows mapped from `path`; without checksums, only check that the numbers are finite."""
        self._path, self._vectors = path, vectors
        self._step = _block_rows(vectors.shape[1]) if checksums is None else checksums.rows
        self._crcs = None if checksums is None else np.frombuffer(checksums.crc32, dtype=_CRC)
        self._left = -(-len(vectors) // self._step)
        self._unverified = np.ones(self._left, dtype=np.bool_)
        if self._crcs is not None and self._left != len(self._crcs):
            raise DamagedFileError(path, f"has {len(self._crcs)} checksums for {len(vectors)} rows")

    def use(self, rows: Rows | None = None) -> None:
        """Verify the blocks of some rows (an array of any shape; -1 is ignored). Defaults to all rows.

        Raises:
            DamagedFileError: a block is damaged.
        """
        if self._left == 0:  # threads may verify a block twice, which does no harm
            return
        pending = self._unverified
        if rows is not None:
            pending = np.zeros_like(pending)
            pending[np.asarray(rows)[np.asarray(rows) >= 0] // self._step] = True
            pending &= self._unverified
        blocks = np.flatnonzero(pending).tolist()
        each_block(blocks, self._verify, len(blocks) * self._step * self._vectors.shape[1] * 4)
        self._left = int(np.count_nonzero(self._unverified))

    def _verify(self, block: int) -> None:
        start = block * self._step
        held = self._vectors[start : start + self._step]
        if self._crcs is not None and zlib.crc32(np.ascontiguousarray(held).data) != self._crcs[block]:
            raise DamagedFileError(self._path, f"damaged in rows {start} to {start + len(held) - 1}")
        if not _is_finite(held):
            raise DamagedFileError(
                self._path, f"holds numbers that are not finite in rows {start} to {start + len(held) - 1}"
            )
        self._unverified[block] = False


def _is_finite(rows: Floats) -> bool:
    """Whether all values of the rows and their lengths are finite: others cannot be sorted by distance."""
    with np.errstate(over="ignore", invalid="ignore"):
        return bool(np.isfinite(np.einsum("nd,nd->n", rows, rows)).all())


@dataclass(frozen=True, slots=True)
class VectorDamage:
    """The damage of a file of vectors, with the damaged rows."""

    problem: str
    rows: list[range] = field(default_factory=list)
    """Ascending; empty if only the header, or bytes after the rows, were changed."""


def find_damage(path: Path, record: FileRecord, rows: int, dim: int) -> VectorDamage | None:
    """Compare a file of `(rows, dim) float32` with its checksums, block by block; None if no damage was found."""
    everything = [range(rows)] if rows else []
    try:
        size = require_regular(path).st_size
    except FileNotFoundError:
        return VectorDamage("missing", everything)
    except OSError as error:
        return VectorDamage(f"cannot be read ({error.strerror})", everything)
    except DamagedFileError as error:
        return VectorDamage(error.problem, everything)
    header = record.bytes - rows * dim * 4
    step = record.blocks.rows if record.blocks is not None else _block_rows(dim)
    crcs = np.frombuffer(record.blocks.crc32, dtype=_CRC) if record.blocks is not None else None
    if header < 0 or (crcs is not None and len(crcs) != -(-rows // step)):
        return VectorDamage(f"was not written for {rows} rows of {dim}", everything)
    digest, bad = hashlib.sha256(), []
    try:
        with open_regular(path) as stream:
            digest.update(stream.read(header))
            for block, start in enumerate(range(0, rows, step)):
                data = stream.read(min(step, rows - start) * dim * 4)
                digest.update(data)
                complete = data[: len(data) // (4 * dim) * 4 * dim]
                as_written = crcs is None or zlib.crc32(data) == crcs[block]
                if not (as_written and _is_finite(np.frombuffer(complete, "<f4").reshape(-1, dim))):
                    bad.append(range(start, min(rows, start + step)))
    except OSError as error:
        return VectorDamage(f"cannot be read ({error.strerror})", everything)
    if size == record.bytes and digest.hexdigest() == record.sha256:
        wrong = "wrong checksums of its blocks, or numbers that are not finite"
        return VectorDamage(f"damaged ({wrong}{_place(bad, size, record)})", _joined(bad)) if bad else None
    problem = f"{size} bytes instead of {record.bytes}" if size != record.bytes else "wrong checksum"
    if crcs is None:
        return VectorDamage(f"damaged ({problem})", everything)
    return VectorDamage(f"damaged ({problem}{_place(bad, size, record)})", _joined(bad))


def _place(bad: list[range], size: int, record: FileRecord) -> str:
    if bad:
        return f"; rows {', '.join(f'{part.start} to {part.stop - 1}' for part in _joined(bad))}"
    return "; after its rows" if size > record.bytes else "; in its header"


def _joined(blocks: list[range]) -> list[range]:
    """Join adjacent blocks."""
    parts: list[range] = []
    for block in blocks:
        if parts and parts[-1].stop == block.start:
            parts[-1] = range(parts[-1].start, block.stop)
        else:
            parts.append(block)
    return parts
