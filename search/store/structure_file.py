"""Checksums of the files of structures, in blocks that several threads verify before the file is parsed.

CRC-32 of each block rather than the SHA-256 of the file, for the reason of `search.store.vector_file`: 260 MiB, the
graph of a million rows, took 0.04 s on two cores, and their SHA-256 0.16 s. `twinlens check` verifies both.
"""

from __future__ import annotations

import hashlib
import zlib
from typing import TYPE_CHECKING

import numpy as np

from search.errors import DamagedFileError
from search.files.reading import open_regular, require_inside, require_regular
from search.files.writing import sync_file
from search.store.durable import verify
from search.store.parallel import each_block
from search.store.records import BlockChecksums, FileRecord

if TYPE_CHECKING:
    from pathlib import Path

_BLOCK_BYTES = 4 * 1024 * 1024
_CRC = np.dtype("<u4")


def seal_structure(folder: Path, name: str) -> FileRecord:
    """Sync a structure to the disk; return its record with size and checksums."""
    path = folder / name
    sync_file(path)
    digest, size, crcs = hashlib.sha256(), 0, []
    with open_regular(path) as stream:
        while block := stream.read(_BLOCK_BYTES):
            digest.update(block)
            crcs.append(zlib.crc32(block))
            size += len(block)
    blocks = BlockChecksums(_BLOCK_BYTES, np.array(crcs, dtype=_CRC).tobytes())
    return FileRecord(name, size, digest.hexdigest(), blocks)


def verify_structure(folder: Path, record: FileRecord) -> None:
    """Raise DamagedFileError unless the file has the size and checksums of its record.

    A record of an older version has no checksums of blocks: the SHA-256 of the file is verified instead.
    """
    if record.blocks is None:
        verify(folder, record)
        return
    path = require_inside(folder, record.name)
    try:
        if (size := require_regular(path).st_size) != record.bytes:
            raise DamagedFileError(path, f"damaged ({size} bytes instead of {record.bytes})")
        _verify_blocks(path, record.blocks, size)
    except (FileNotFoundError, NotADirectoryError):
        raise DamagedFileError(path, "missing") from None
    except OSError as error:
        raise DamagedFileError(path, f"cannot be read ({error.strerror})") from error


def _verify_blocks(path: Path, blocks: BlockChecksums, size: int) -> None:
    step, crcs = blocks.rows, np.frombuffer(blocks.crc32[: len(blocks.crc32) // 4 * 4], dtype=_CRC)
    if step < 1 or len(crcs) * 4 != len(blocks.crc32) or len(crcs) != -(-size // step):
        raise DamagedFileError(path, f"has {len(crcs)} checksums of {step} bytes for {size} bytes")
    data = np.memmap(path, np.uint8, "r") if size else np.empty(0, dtype=np.uint8)

    def verify_block(block: int) -> None:
        start = block * step
        held = data[start : start + step]
        if zlib.crc32(held.data) != crcs[block]:
            raise DamagedFileError(path, f"damaged (wrong checksum of bytes {start} to {start + len(held) - 1})")

    each_block(range(len(crcs)), verify_block, size)
