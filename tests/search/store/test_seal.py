"""The states of a catalog and its seal, and that nobody who reads while others write ever sees damage."""

import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from indexer.health.check import inspect
from search import IndexFolderError, open_index
from search.store.catalog import CATALOG_NAME, Catalog
from search.store.file import CatalogFile
from search.store.seal import SEAL_NAME, Seal, SealError, announce, read_seal, write_seal


def commit(index: Path, value: int = 0) -> None:
    catalog = Catalog.write(index)
    with catalog.transaction():
        catalog.set(test=value)
    catalog.close()


def generation(index: Path) -> int:
    catalog = Catalog.read(index)
    try:
        return catalog.generation()
    finally:
        catalog.close()


def test_a_seal_is_the_image(index: Path) -> None:
    import hashlib
    import zlib

    for number in range(3):
        commit(index, number)
        seal, data = read_seal(index), (index / CATALOG_NAME).read_bytes()
        assert seal is not None
        assert (seal.image.bytes, seal.image.crc32) == (len(data), zlib.crc32(data))
        assert seal.image.blake2b == hashlib.blake2b(data, digest_size=20).hexdigest()
        assert seal.generation == seal.announced == generation(index)


def test_a_commit_while_somebody_reads_is_sealed_too(index: Path) -> None:
    with open_index(index):  # keeps the log from being emptied
        for number in range(3):
            commit(index, number)
            assert (index / f"{CATALOG_NAME}-wal").stat().st_size > 0
            newest = Catalog.read(index, thorough=True)
            assert newest.sealed
            assert newest.settings()["test"] == number
            newest.close()
    assert inspect(index).findings == inspect(index).notes == []


def test_killed_between_commit_and_seal(index: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = (index / SEAL_NAME).read_bytes()
    commit(index)
    (index / SEAL_NAME).write_bytes(before)
    announce(index, generation_of(before) + 1)
    report = inspect(index)
    assert report.whole
    assert "not sealed yet" in report.notes[0]
    with open_index(index) as engine:
        assert len(engine) == 12
    commit(index)  # the next writer seals
    assert inspect(index).notes == []


def generation_of(data: bytes) -> int:
    return int(json.loads(data)["generation"])


def test_killed_between_announcement_and_commit(index: Path) -> None:
    announce(index, generation(index) + 1)
    assert inspect(index).findings == inspect(index).notes == []
    commit(index)
    assert inspect(index).whole


def test_a_generation_that_nobody_announced(index: Path) -> None:
    before = (index / SEAL_NAME).read_bytes()
    commit(index)
    (index / SEAL_NAME).write_bytes(before)
    with pytest.raises(IndexFolderError, match=r"catalog\.sqlite.*is at change"):
        open_index(index)
    assert inspect(index).findings[0].part == "catalog"
    with pytest.raises(IndexFolderError, match="is at change"):
        Catalog.write(index)


def test_a_lost_commit(index: Path) -> None:
    before = (index / CATALOG_NAME).read_bytes()
    commit(index)
    (index / CATALOG_NAME).write_bytes(before)
    with pytest.raises(IndexFolderError, match=r"catalog\.sqlite.*lost its last change"):
        open_index(index)


def test_a_log_that_was_cut_or_left_behind(index: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    with open_index(index):
        commit(index)
        log = (index / f"{CATALOG_NAME}-wal").read_bytes()
        main, seal = (index / CATALOG_NAME).read_bytes(), (index / SEAL_NAME).read_bytes()
    assert log
    rest = [log[: len(log) - cut] for cut in (1, 100, 4096, len(log) - 40, len(log))]
    flips = [log[:place] + bytes([log[place] ^ 16]) + log[place + 1 :] for place in range(0, len(log), 997)]
    for damaged in [*rest, *flips]:
        copy.mkdir()
        for name, data in ((CATALOG_NAME, main), (SEAL_NAME, seal), (f"{CATALOG_NAME}-wal", damaged)):
            (copy / name).write_bytes(data)
        with pytest.raises(IndexFolderError, match=r"catalog\.sqlite"):
            Catalog.read(copy)
        for file in copy.iterdir():
            file.unlink()
        copy.rmdir()


def test_a_missing_and_a_damaged_seal_are_named(index: Path) -> None:
    seal = index / SEAL_NAME
    data = seal.read_bytes()
    for damaged in (None, b"", b"{}", b"[" * 3000, data + b" ", data.replace(b": ", b":"), data * 2):
        seal.unlink() if damaged is None else seal.write_bytes(damaged)
        with pytest.raises(SealError, match=r"catalog\.seal"):
            open_index(index)
        with pytest.raises(SealError):
            Catalog.write(index)
        assert [finding.part for finding in inspect(index).findings] == ["seal"]
        seal.write_bytes(data)
    assert inspect(index).whole


def test_a_commit_that_cannot_be_announced_or_sealed(index: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import search.store.seal as sealing

    catalog, real = Catalog.write(index), sealing.write_seal
    at = catalog.generation()
    calls = 0

    def full(folder: Path, seal: Seal) -> None:
        nonlocal calls
        calls += 1
        if calls == failing:
            raise OSError(28, "No space left on device")
        real(folder, seal)

    monkeypatch.setattr(sealing, "write_seal", full)
    failing = 1
    with pytest.raises(OSError, match="No space"), catalog.transaction():
        catalog.set(test=1)
    assert catalog.generation() == at
    calls, failing = 0, 2
    with catalog.transaction():
        catalog.set(test=2)
    calls = 0
    with catalog.transaction():
        catalog.set(test=3)
    catalog.close()
    monkeypatch.undo()
    assert generation(index) == at + 2
    assert inspect(index).whole
    Catalog.write(index).close()
    assert inspect(index).notes == []


def test_write_seal_reads_back(tmp_path: Path) -> None:
    from search.store.seal import Image

    seal = Seal(7, Image(8192, 2**32 - 1, "ab" * 20), 9)
    write_seal(tmp_path, seal)
    assert read_seal(tmp_path) == seal
    assert [file.name for file in tmp_path.iterdir()] == [SEAL_NAME]


WRITE = """
import sys, time
from pathlib import Path
from search.store.catalog import Catalog
index, until, number = Path(sys.argv[1]), time.monotonic() + float(sys.argv[2]), 0
while time.monotonic() < until:
    catalog = Catalog.write(index)
    for _ in range(3):
        with catalog.transaction():
            number += 1
            catalog.set(test=number, twin=number, padding="x" * (number % 7 * 3000))
    catalog.close()
print(number)
"""


def test_readers_see_no_damage_while_a_writer_commits(index: Path) -> None:
    """Six readers here, which share the locks of one process, and a writer in another."""
    commit(index)
    wrong: list[str] = []
    reads = [0] * 6
    writer = subprocess.Popen([sys.executable, "-c", WRITE, str(index), "3"], stdout=subprocess.PIPE, text=True)

    def read(number: int) -> None:
        while writer.poll() is None:
            try:
                catalog = Catalog.read(index, verify=number != 5, thorough=bool(number % 2))
                for _ in range(1 + 20 * (number == 4)):  # one that holds on to its snapshot
                    told = catalog.settings()
                    if told.get("test") != told.get("twin", told.get("test")):
                        wrong.append(f"torn: {told['test']} and {told['twin']}")
                    time.sleep(0.01 * (number == 4))
                catalog.close()
                reads[number] += 1
            except Exception as error:
                wrong.append(repr(error))
                return

    threads = [threading.Thread(target=read, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert min(reads) > 2
    assert int(writer.communicate()[0]) > 3
    assert inspect(index).findings == []


HOLD = """
import sys
from pathlib import Path
from search.store.catalog import Catalog
catalog = Catalog.write(Path(sys.argv[1]))
with catalog.transaction():
    catalog.set(other=1)
catalog.close()
"""


@pytest.mark.skipif(os.name != "posix", reason="POSIX locks")
def test_verifying_keeps_the_locks_of_other_readers(index: Path) -> None:
    """A writer of another process that closes last would empty the log under a reader whose lock was lost."""
    first = Catalog.read(index)
    told = first.settings()
    for _ in range(3):
        Catalog.read(index, thorough=True).close()
    subprocess.run([sys.executable, "-c", HOLD, str(index)], check=True)
    assert (index / f"{CATALOG_NAME}-wal").exists(), "the writer took itself for the last one"
    assert first.settings() == told
    first.close()


def test_descriptors_are_given_back(index: Path) -> None:
    if not Path("/proc/self/fd").exists():
        pytest.skip("no /proc")
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(5):
        one, other = Catalog.read(index), Catalog.read(index, thorough=True)
        one.close()
        one.close()
        assert other.generation() == generation(index)
        other.close()
        other.close()
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_a_file_that_was_replaced_is_not_read(index: Path) -> None:
    raw = CatalogFile(index / CATALOG_NAME)
    data = (index / CATALOG_NAME).read_bytes()
    (index / CATALOG_NAME).rename(index / "aside")
    (index / CATALOG_NAME).write_bytes(data)
    with pytest.raises(OSError, match="replaced"):
        list(raw.blocks())
    raw.close()
