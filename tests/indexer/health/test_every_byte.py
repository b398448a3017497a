"""Any byte flipped, any file cut, grown, emptied, swapped or gone is found by `check` and named; nothing crashes."""

import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from indexer.collection.build import build
from indexer.health.check import inspect
from search import IndexFolderError, TwinlensError, open_index
from search.indexes import KINDS
from tests.conftest import FAST, draw, fill

PICTURES = 30
SMALL = 700
"""Files up to this size are damaged at every byte."""
SAMPLE = 20
PAGE = 4096


@pytest.fixture(scope="module", params=KINDS)
def made(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An index of two segments with tombstones, of each kind."""
    folder = tmp_path_factory.mktemp(request.param)
    fill(folder / "p", PICTURES)
    config = replace(FAST, kind=request.param)
    build(folder / "p", folder / "i", config)
    (folder / "p" / "label0" / "0003.png").unlink()
    fill(folder / "p", 6, first=PICTURES)
    build(folder / "p", folder / "i", config)
    return folder / "i"


def files(index: Path) -> list[Path]:
    """Everything that the index consists of; the lock is an empty file that says nothing.

    What all kinds have alike is damaged in the flat one only.
    """
    found = sorted(path for path in index.rglob("*") if path.is_file() and path.name != "writer.lock")
    alike = all(path.suffix in (".npy", ".sqlite", ".seal", ".json") for path in found)
    return found if alike else [path for path in found if path.parent.name == "segments"]


def positions(size: int) -> list[int]:
    """Bytes to flip: all of a small file; of a bigger one the header, the end, one of each page, and random ones."""
    if size <= SMALL:
        return list(range(size))
    rng = np.random.default_rng(size)
    pages = [page + int(rng.integers(0, min(PAGE, size - page))) for page in range(0, size, PAGE)]
    return sorted({*range(0, 128, 5), size - 1, *pages, *rng.integers(0, size, SAMPLE).tolist()})


def flips(data: bytes) -> Iterator[tuple[str, bytes]]:
    rng = np.random.default_rng(len(data))
    for place in positions(len(data)):
        bits = int(rng.choice([1, 0x40, 0x80, 0xFF]))
        yield f"byte {place} ^ {bits}", data[:place] + bytes([data[place] ^ bits]) + data[place + 1 :]


def cuts(data: bytes) -> Iterator[tuple[str, bytes]]:
    for length in sorted({0, 1, 16, 100, len(data) // 2, len(data) - PAGE, len(data) - 1}):
        if 0 <= length < len(data):
            yield f"cut to {length}", data[:length]
    for more in (b"\0", b"\n", b"x" * PAGE):
        yield f"{len(more)} bytes more", data + more


def assert_named(index: Path, file: Path, what: str, *, ask: bool = True) -> None:
    """`check` finds it and names the file; opening and asking ends with an answer or with an error of ours."""
    report = inspect(index)
    name = file.relative_to(index).as_posix()
    assert any(finding.file == name for finding in report.findings), f"{name}, {what}: {report.findings}"
    if not ask:
        return
    said = ""
    try:
        with open_index(index) as engine:
            engine.search(draw(3), 5)
    except TwinlensError as error:
        said = str(error)
    assert not said or name in said, what


@pytest.mark.thinned(11)
@pytest.mark.parametrize("damages", [flips, cuts])
def test_every_damage_is_found_and_named(made: Path, damages: Callable[[bytes], Iterator[tuple[str, bytes]]]) -> None:
    assert inspect(made).whole
    for file in files(made):
        data = file.read_bytes()
        for number, (what, damaged) in enumerate(damages(data)):
            file.write_bytes(damaged)
            assert_named(made, file, what, ask=number % 3 == 0)
        file.write_bytes(data)
    assert inspect(made).whole


def test_a_file_that_is_gone_or_a_folder(made: Path) -> None:
    for file in files(made):
        aside = made.parent / "aside"
        file.rename(aside)
        assert_named(made, file, "gone")
        file.mkdir()
        assert_named(made, file, "a folder")
        file.rmdir()
        aside.rename(file)
    assert inspect(made).whole


def swap(one: Path, other: Path) -> None:
    aside = one.with_name("aside")
    one.rename(aside)
    other.rename(one)
    aside.rename(other)


def test_files_that_were_swapped(made: Path) -> None:
    found = files(made)
    for one, other in pairwise(found):
        swap(one, other)
        named = {finding.file for finding in inspect(made).findings}
        assert named & {one.relative_to(made).as_posix(), other.relative_to(made).as_posix()}
        swap(one, other)
    assert inspect(made).whole


ASK = """
import sys
from pathlib import Path
from search import TwinlensError, open_index
from tests.conftest import draw
from tests.indexer.health.test_every_byte import files, cuts, flips
index, asked, picture = Path(sys.argv[1]), 0, draw(3)
for file in files(index):
    data = file.read_bytes()
    for number, (what, damaged) in enumerate([*flips(data), *cuts(data)]):
        if number % 9 == 0:
            file.write_bytes(damaged)
            try:
                with open_index(index) as engine:
                    for query in (picture, draw(4)):
                        engine.search(query, 7)
                        engine.search(query, 7, where={"label": "label1"})
                    engine.vectors()
            except TwinlensError:
                pass
            asked += 1
    file.write_bytes(data)
print(asked)
"""


@pytest.mark.thinned(3)
def test_no_damage_kills_the_process(made: Path, tmp_path: Path) -> None:
    shutil.copytree(made, tmp_path / "i")
    done = subprocess.run([sys.executable, "-c", ASK, str(tmp_path / "i")], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 20


def test_a_wrong_vector_is_never_answered(made: Path) -> None:
    with open_index(made) as engine:
        right = [(hit.id, hit.distance) for hit in engine.search(draw(3), 5)]
    file = next(file for file in files(made) if file.suffix == ".npy")
    data = file.read_bytes()
    file.write_bytes(data[:-4] + b"\0\0\x80\x7f")
    with pytest.raises(IndexFolderError, match=file.name), open_index(made) as engine:
        engine.vectors()
    file.write_bytes(data)
    with open_index(made) as engine:
        assert [(hit.id, hit.distance) for hit in engine.search(draw(3), 5)] == right
