"""The checksums of a structure: every changed byte is found before the file is parsed, by one thread or several."""

from __future__ import annotations

import os
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest

from indexer.collection.build import build
from search import open_index
from search.errors import DamagedFileError
from search.store import parallel
from search.store.records import BlockChecksums
from search.store.structure_file import seal_structure, verify_structure
from tests.conftest import FAST, fill
from tests.indexer.hostile.catalog_seed import opened

SIZE = 9 * 2**20 + 5


@pytest.fixture(params=["one thread", "threads"])
def folder(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a file `x` of three blocks."""
    monkeypatch.setattr(parallel, "_WORTH_THREADS", 0 if request.param == "threads" else 2**60)
    monkeypatch.setattr(os, "cpu_count", lambda: 4)
    (tmp_path / "x").write_bytes(np.random.default_rng(1).bytes(SIZE))
    return tmp_path


def test_an_unchanged_file_passes(folder: Path) -> None:
    record = seal_structure(folder, "x")
    assert (record.name, record.bytes) == ("x", SIZE)
    assert record.sha256 == sha256((folder / "x").read_bytes()).hexdigest()
    assert record.blocks is not None
    assert len(record.blocks.crc32) == 4 * 3
    verify_structure(folder, record)


@pytest.mark.parametrize("place", [0, 4 * 2**20 - 1, 4 * 2**20, SIZE // 2, SIZE - 1])
def test_a_flipped_bit_is_found(place: int, folder: Path) -> None:
    record = seal_structure(folder, "x")
    with (folder / "x").open("r+b") as file:
        file.seek(place)
        old = file.read(1)
        file.seek(place)
        file.write(bytes([old[0] ^ 4]))
    with pytest.raises(DamagedFileError, match=r"x.*wrong checksum"):
        verify_structure(folder, record)


def test_another_size_or_no_file_is_found(folder: Path) -> None:
    record = seal_structure(folder, "x")
    os.truncate(folder / "x", SIZE - 1)
    with pytest.raises(DamagedFileError, match=f"{SIZE - 1} bytes instead of {SIZE}"):
        verify_structure(folder, record)
    (folder / "x").unlink()
    with pytest.raises(DamagedFileError, match="missing"):
        verify_structure(folder, record)


def test_a_record_of_an_older_version_is_verified_as_a_whole(folder: Path) -> None:
    record = replace(seal_structure(folder, "x"), blocks=None)
    verify_structure(folder, record)
    with pytest.raises(DamagedFileError, match="wrong checksum"):
        verify_structure(folder, replace(record, sha256="0" * 64))


@pytest.mark.parametrize(
    "blocks",
    [
        BlockChecksums(0, b"\0" * 12),
        BlockChecksums(-1, b""),
        BlockChecksums(2**22, b"\0" * 8),
        BlockChecksums(2**62, b"\0" * 8),
        BlockChecksums(2**22, b"\0" * 13),
        BlockChecksums(1, b""),
    ],
)
def test_checksums_for_another_file_are_refused(blocks: BlockChecksums, folder: Path) -> None:
    record = replace(seal_structure(folder, "x"), blocks=blocks)
    with pytest.raises(DamagedFileError, match="checksums of"):
        verify_structure(folder, record)


def test_an_empty_file(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"")
    verify_structure(tmp_path, seal_structure(tmp_path, "x"))


def test_an_index_of_the_previous_version_opens(tmp_path: Path) -> None:
    """Its structures have no checksums of blocks, and its graphs an older name of a parameter."""
    fill(tmp_path / "p", 40)
    build(tmp_path / "p", tmp_path / "i", replace(FAST, kind="hnsw"))
    with open_index(tmp_path / "i") as engine:
        before = [hit.id for hit in engine.search_id(1, 10)]
    with opened(tmp_path / "i") as connection:
        connection.execute("DELETE FROM digests WHERE file LIKE '%.hnsw'")
        connection.execute(
            "UPDATE segments SET parameters = replace(replace(parameters, 'ef_construction', 'efConstruction'),"
            " '\"threads\": 0', '\"threads\": 1')"
        )
    with open_index(tmp_path / "i") as engine:
        (segment,) = engine.info().segments
        assert segment.parameters["efConstruction"] == 100
        assert [hit.id for hit in engine.search_id(1, 10)] == before
    (file,) = (tmp_path / "i" / "segments").glob("*.hnsw")
    file.write_bytes(file.read_bytes()[:-1] + b"\0")
    with pytest.raises(DamagedFileError, match="wrong checksum"):
        open_index(tmp_path / "i")
