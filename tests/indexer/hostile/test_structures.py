"""Structures that a stranger made, checksums and all: every field, link, count and row number of each kind.

A child process loads and searches them: one that reads out of its bounds ends the child, and fails the test.
"""

from __future__ import annotations

import json
import os
import struct
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from indexer.collection.build import build
from indexer.health.check import inspect
from indexer.health.repair import repair
from search import open_index
from search.errors import DamagedFileError
from search.indexes import index_class
from search.store.structure_file import seal_structure
from tests.conftest import FAST, fill
from tests.indexer.hostile.catalog_seed import opened

ROWS, DIM, LINKS = 300, 8, 4
PARAMETERS = {
    "hnswlib": {"M": LINKS},
    "hnsw": {"M": LINKS},
    "hnsw8": {"M": LINKS},
    "ivf": {},
    "ivfpq": {"m": 4},
    "ivfpq4": {"m": 4},
    "pq4": {"m": 3},
    "turbovec": {},
}
ROOT = Path(__file__).parents[3]
WILD = (0, 1, 2, 3, 7, LINKS, 2 * LINKS, 255, ROWS - 1, ROWS, ROWS + 1, 2**15, 2**31 - 1, 2**31, 2**32 - 1)
RANDOM = 250


@pytest.fixture(scope="module", params=PARAMETERS)
def made(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory):
    """Kind, folder with a sound structure `x` and its vectors, and the parameters that were used."""
    folder, kind = tmp_path_factory.mktemp(request.param), request.param
    vectors = np.random.default_rng(5).standard_normal((ROWS, DIM)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    np.save(folder / "v.npy", vectors)
    index = index_class(kind)(**PARAMETERS[kind]).build(vectors)
    index.save(folder / "x")
    return kind, folder, index.parameters


def outcomes(made, mutants: list[tuple[str, bytes]]) -> list[tuple[str, str]]:
    """What came of each; a child that dies, or says nothing for a minute, is the outcome of its mutant."""
    kind, folder, parameters = made
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    words = [sys.executable, "-m", "tests.indexer.hostile.structure_worker"]
    found: list[tuple[str, str]] = []
    while len(found) < len(mutants):
        with subprocess.Popen(
            words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
        ) as child:
            for what, data in mutants[len(found) :]:
                (folder / "mutant").write_bytes(data)
                try:
                    task = [str(folder / "mutant"), str(folder / "v.npy"), kind, parameters]
                    child.stdin.write(json.dumps(task) + "\n")
                    child.stdin.flush()
                    line = child.stdout.readline()
                except BrokenPipeError:
                    line = ""
                found.append((what, json.loads(line) if line else f"died with {child.wait()}"))
                if not line:
                    break
            child.stdin.close()
    return found


def sound(folder: Path) -> bytes:
    return (folder / "x").read_bytes()


def put(data: bytes, place: int, layout: str, value: float) -> bytes:
    size = struct.calcsize(layout)
    return data[:place] + struct.pack(layout, value) + data[place + size :]


def test_a_sound_structure_answers(made) -> None:
    assert outcomes(made, [("sound", sound(made[1]))]) == [("sound", "answered")]


@pytest.mark.thinned(3)
def test_every_word_of_the_header_and_words_all_over(made) -> None:
    """Each word is made each wild number: no mutant may end the child, raise another error, or hang."""
    data = sound(made[1])
    rng = np.random.default_rng(len(data))
    places = [*range(0, 300, 4), *range(37, 300, 8), *range(len(data) - 64, len(data) - 3, 4)]
    mutants = [
        (f"word at {place} = {value}", put(data, place, "<I", value))
        for place in places
        for value in (WILD[int(rng.integers(len(WILD)))], int(rng.integers(2**32)))
    ]
    for place in rng.integers(0, len(data) - 8, RANDOM).tolist():
        value = int(WILD[int(rng.integers(len(WILD)))])
        layout = str(rng.choice(["<I", "<Q", "<B"]))
        mutants.append(
            (f"{layout} at {place} = {value}", put(data, place, layout, value & (255 if "B" in layout else -1)))
        )
    mutants += [(f"cut to {size}", data[:size]) for size in (0, 1, 4, 37, 96, len(data) // 2, len(data) - 1)]
    mutants += [("grown", data + b"\0\0\0\0"), ("twice", data + data)]
    found = outcomes(made, mutants)
    assert [each for each in found if each[1] not in ("refused", "answered")] == []
    assert sum(outcome == "refused" for _, outcome in found) > len(found) // 4


def named_mutants(kind: str, data: bytes) -> dict[str, bytes]:
    """One for each promise that a structure makes, at its place in the file."""
    if kind == "hnswlib":
        low = 4 + 8 * LINKS
        size, start = low + 4 * DIM + 8, 96
        upper = next(
            place for place in range(start + ROWS * size, len(data), 4) if data[place : place + 4] != b"\0\0\0\0"
        )
        return {
            "rows": put(data, 16, "<Q", ROWS + 1),
            "capacity": put(data, 8, "<Q", 2**40),
            "bytes of a row": put(data, 24, "<Q", size - 4),
            "entry": put(data, 52, "<I", ROWS),
            "entry far": put(data, 52, "<I", 2**31),
            "levels": put(data, 48, "<i", 9),
            "no level": put(data, 48, "<i", -1),
            "count of links": put(data, start, "<H", 2 * LINKS + 1),
            "deleted": put(data, start + 2, "<B", 1),
            "link": put(data, start + 4, "<I", ROWS),
            "link far": put(data, start + 4, "<I", 2**32 - 1),
            "label": put(data, start + size - 8, "<Q", ROWS),
            "label far": put(data, start + size - 8, "<Q", 2**63),
            "label twice": put(data, start + size - 8, "<Q", 1),
            "upper bytes": put(data, upper, "<I", 2**31),
            "upper count": put(data, upper + 4, "<H", LINKS + 1),
            "upper link": put(data, upper + 8, "<I", ROWS),
            "upper bytes odd": put(data, upper, "<I", 4 * (1 + LINKS) + 4),
        }
    if kind in ("hnsw", "hnsw8"):
        levels = 0x25 + 8 + 8 * 15 + 8 + 4 * 16
        offsets = levels + 8 + 4 * ROWS
        links = offsets + 8 + 8 * (ROWS + 1)
        end = links + 8 + 4 * struct.unpack_from("<Q", data, links)[0]
        assert struct.unpack_from("<Q", data, levels) == (ROWS,)
        assert struct.unpack_from("<Q", data, offsets) == (ROWS + 1,)
        if kind == "hnsw":
            storage = {"vectors": data[:-4] + b"IxF2" + data[4:37], "nested": b"IxPT" * 50_000}
        else:
            storage = mutants_of_rounded_vectors(data, end + 20)
        return storage | {
            "dim": put(data, 4, "<i", DIM + 1),
            "rows": put(data, 8, "<q", ROWS - 1),
            "metric": put(data, 33, "<i", 0),
            "number of levels": put(data, levels, "<Q", ROWS + 1),
            "level": put(data, levels + 8, "<i", 9),
            "level 0": put(data, levels + 8, "<i", 0),
            "level far": put(data, levels + 8, "<i", 2**31 - 1),
            "offset": put(data, offsets + 16, "<Q", 2**40),
            "offset back": put(data, offsets + 8 + 80, "<Q", 0),
            "number of links": put(data, links, "<Q", 2**60),
            "link": put(data, links + 8, "<i", ROWS),
            "link far": put(data, links + 8, "<i", 2**31 - 1),
            "link below": put(data, links + 8, "<i", -2),
            "entry": put(data, end, "<i", ROWS),
            "entry below": put(data, end, "<i", -1),
            "top": put(data, end + 4, "<i", 12),
            "top below": put(data, end + 4, "<i", -1),
            "begins": put(data, 0x25 + 8 + 8 * 15 + 8 + 4, "<i", 64),
        }
    if kind == "pq4":  # three parts of eight dimensions: padded to nine, and four parts with the even one
        return mutants_of_codes4(data, clusters=1, parts=3, width=9)
    if kind == "ivfpq4":
        return mutants_of_codes4(data, clusters=3, parts=4, width=8)
    if kind == "turbovec":
        return mutants_of_turbovec(data)
    ids = len(data) - 8
    return {
        "dim": put(data, 4, "<i", DIM * 2),
        "rows": put(data, 8, "<q", ROWS * 2),
        "trained": put(data, 32, "<B", 0),
        "clusters": put(data, 37, "<Q", 8),
        "clusters many": put(data, 37, "<Q", 2**40),
        "centroids' dim": put(data, 57, "<i", 4 * DIM),
        "centroids": put(data, 61, "<q", 3),
        "centroids' kind": data[:53] + b"IxPT" + data[57:],
        "number of centroids": put(data, 90, "<Q", 2**50),
        "member": put(data, ids, "<q", ROWS),
        "member far": put(data, ids, "<q", 2**62),
        "member below": put(data, ids, "<q", -1),
        "member twice": data[:-8] + data[-16:-8],
    }


def mutants_of_rounded_vectors(data: bytes, start: int) -> dict[str, bytes]:
    assert data[start : start + 4] == b"IxSQ"
    return {
        "another storage": put(data, start, "<I", 0),
        "rounded dim": put(data, start + 4, "<i", 2 * DIM),
        "rounded rows": put(data, start + 8, "<q", ROWS + 1),
        "rounded how": put(data, start + 37, "<i", 3),
        "rounded range": put(data, start + 41, "<i", 1),
        "rounded dim again": put(data, start + 49, "<Q", 2 * DIM),
        "bytes of a code": put(data, start + 57, "<Q", DIM + 1),
        "number of ranges": put(data, start + 65, "<Q", DIM),
        "number of bytes": put(data, start + 65 + 8 + 8 * DIM, "<Q", ROWS * DIM - 1),
        "number of bytes far": put(data, start + 65 + 8 + 8 * DIM, "<Q", 2**60),
    }


def mutants_of_codes4(data: bytes, clusters: int, parts: int, width: int) -> dict[str, bytes]:
    after = 53 + 37 + 8 + 4 * clusters * width + 9
    lists = data.index(b"ilbl")
    (members,) = struct.unpack_from("<Q", data, lists + 36)
    assert struct.unpack_from("<?Q", data, after) == (False, 2)
    assert struct.unpack_from("<iQiQ3Q", data, after + 9) == (32, 4, 0, 0, width, parts, 4)
    assert struct.unpack_from("<4Q", data, lists + 4) == (clusters, 2**64 - 1, 32, 64)
    assert 1 < members <= ROWS
    return {
        "dim": put(data, 4, "<i", width + 1),
        "rows": put(data, 8, "<q", ROWS + 1),
        "trained": put(data, 32, "<B", 0),
        "metric": put(data, 33, "<i", 0),
        "clusters": put(data, 37, "<Q", clusters + 1),
        "probes": put(data, 45, "<Q", 2**40),
        "centroids' kind": put(data, 53, "<I", 0),
        "centroids' dim": put(data, 57, "<i", 36),
        "centroids": put(data, 61, "<q", clusters + 2),
        "residual": put(data, after, "<B", 1),
        "bytes of a code": put(data, after + 1, "<Q", 2**30),
        "rows of a block": put(data, after + 9, "<i", 64),
        "even parts": put(data, after + 13, "<Q", 64),
        "implementation": put(data, after + 21, "<i", 2),
        "queries at once": put(data, after + 25, "<Q", 2**63),
        "parts": put(data, after + 41, "<Q", 9),
        "bits": put(data, after + 49, "<Q", 8),
        "codebook": put(data, after + 57, "<Q", 2**60),
        "lists": put(data, lists + 4, "<Q", 2**40),
        "kind of lists": put(data, lists, "<I", 0),
        "bytes of a list": put(data, lists + 12, "<Q", 2),
        "rows of a list's block": put(data, lists + 20, "<Q", 1),
        "bytes of a block": put(data, lists + 28, "<Q", 32),
        "number of members": put(data, lists + 36, "<Q", members - 1),
        "many members": put(data, lists + 36, "<Q", 2**60),
        "member": put(data, lists + 44, "<q", ROWS),
        "member below": put(data, lists + 44, "<q", -1),
        "member twice": data[: lists + 44] + data[lists + 52 : lists + 60] + data[lists + 52 :],
        "number of codes": put(data, lists + 44 + 8 * members, "<Q", 32),
    }


def mutants_of_turbovec(data: bytes) -> dict[str, bytes]:
    assert struct.unpack_from("<B", data, 5) == (4,)
    assert struct.unpack_from("<I", data, 8) == (DIM,)
    assert struct.unpack_from("<Q", data, 164) == (ROWS,)
    return {
        "version": put(data, 2, "<B", 0),
        "bits": put(data, 5, "<B", 3),
        "bits far": put(data, 5, "<B", 255),
        "dim": put(data, 8, "<I", 2 * DIM),
        "dim odd": put(data, 8, "<I", DIM + 1),
        "dim far": put(data, 8, "<I", 2**32 - 8),
        "a row more": put(data, 164, "<Q", ROWS + 1),
        "a row less": put(data, 164, "<Q", ROWS - 1),
        "rows far": put(data, 164, "<Q", 2**60),
    }


def test_each_promise(made) -> None:
    kind, folder, _ = made
    mutants = list(named_mutants(kind, sound(folder)).items())
    assert [each for each in outcomes(made, mutants) if each[1] != "refused"] == []


def test_it_is_refused_before_the_library_sees_it(made) -> None:
    """By the check of the file alone, which `twinlens check` asks too."""
    kind, folder, parameters = made
    for data in named_mutants(kind, sound(folder)).values():
        (folder / "mutant").write_bytes(data)
        with pytest.raises(DamagedFileError, match=f"kind {kind!r} over {ROWS} vectors of {DIM}"):
            index_class(kind).audit(folder / "mutant", ROWS, DIM, **parameters)


def test_links_on_upper_levels_lead_to_rows_of_that_level(made) -> None:
    """A row of the lowest level alone, reached on a higher one, has no links there: the walk leaves its memory."""
    kind, folder, parameters = made
    if kind not in ("hnsw", "hnsw8", "hnswlib"):
        return
    data = sound(folder)
    if kind == "hnswlib":
        start = 96 + ROWS * (4 + 8 * LINKS + 4 * DIM + 8)
        words = np.frombuffer(data, "<u4", offset=start)
        upper = int(np.flatnonzero(words)[0])
        count = struct.unpack_from("<H", data, start + 4 * upper + 4)[0]
        assert count
        low_row = 0 if upper > 0 else 1
        mutant = put(data, start + 4 * upper + 8, "<I", low_row)
    else:
        levels_at = 0x25 + 8 + 8 * 15 + 8 + 4 * 16 + 8
        levels = np.frombuffer(data, "<i4", ROWS, levels_at)
        offsets = np.frombuffer(data, "<u8", ROWS + 1, levels_at + 4 * ROWS + 8)
        links_at = levels_at + 4 * ROWS + 8 + 8 * (ROWS + 1) + 8
        upper = int(np.argmax(levels > 1))
        place = links_at + 4 * (int(offsets[upper]) + 2 * LINKS)
        assert struct.unpack_from("<i", data, place)[0] >= 0
        mutant = put(data, place, "<i", int(np.argmin(levels)))
    (folder / "mutant").write_bytes(mutant)
    with pytest.raises(DamagedFileError, match="not on its level"):
        index_class(kind).audit(folder / "mutant", ROWS, DIM, **parameters)


def test_an_answer_beyond_the_rows_is_one_error(made, monkeypatch: pytest.MonkeyPatch) -> None:
    kind, folder, parameters = made
    vectors = np.load(folder / "v.npy")
    index = index_class(kind).load(folder / "x", vectors, **parameters)
    for wild in (ROWS, 2**40, -2):
        answer = np.zeros((1, 2), np.float32), np.array([[0, wild]])
        monkeypatch.setattr(index, "_search", lambda *_, answer=answer: answer)
        with pytest.raises(DamagedFileError, match="rows that do not exist"):
            index.search(vectors[:1], 2)


@pytest.mark.thinned(3)
@pytest.mark.parametrize("kind", PARAMETERS)
def test_check_finds_it_and_repair_builds_it_again(kind: str, tmp_path: Path) -> None:
    """The catalog vouches for the bytes, as one that a stranger made does."""
    fill(tmp_path / "p", 40)
    build(tmp_path / "p", tmp_path / "i", replace(FAST, kind=kind))
    (file,) = (tmp_path / "i" / "segments").glob(f"*.{kind}")
    data = file.read_bytes()
    place = {"hnswlib": 52, "hnsw8": 8, "pq4": 8, "ivfpq4": 8, "turbovec": 164}.get(kind, len(data) - 8)
    file.write_bytes(put(data, place, "<I" if kind == "hnswlib" else "<q", 2**31 - 1))
    record = seal_structure(tmp_path / "i", f"segments/{file.name}")
    assert record.blocks is not None
    with opened(tmp_path / "i") as connection:
        connection.execute(
            "UPDATE files SET bytes = ?, sha256 = ? WHERE name = ?", (record.bytes, record.sha256, record.name)
        )
        connection.execute("UPDATE digests SET crc32 = ? WHERE file = ?", (record.blocks.crc32, record.name))
    with pytest.raises(DamagedFileError, match=file.name):
        open_index(tmp_path / "i")
    (finding,) = inspect(tmp_path / "i").findings
    assert (finding.part, finding.file, finding.suffering) == ("structure", record.name, 40)
    assert repair(tmp_path / "i", device="cpu").after.whole
    with open_index(tmp_path / "i") as engine:
        assert engine.search_id(1, 5)[0].id == 1


@pytest.mark.parametrize("kind", ["hnsw", "hnsw8", "hnswlib"])
def test_the_check_of_a_graph_costs_little(kind: str, tmp_path: Path) -> None:
    """Of 20,000 rows less than a tenth of a second of processor; a million took 0.1 s (hnsw) and 0.3 s (hnswlib)."""
    vectors = np.random.default_rng(1).standard_normal((20_000, 4)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    index = index_class(kind)(M=8, ef_construction=8).build(vectors)
    index.save(tmp_path / "x")
    begun = time.process_time()
    index_class(kind).audit(tmp_path / "x", *vectors.shape, **index.parameters)
    assert time.process_time() - begun < 0.5
