"""Wrong values anywhere in a sealed catalog: one line from every command, and `check` finds them."""

from __future__ import annotations

import json
import os
import re
import resource
import selectors
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from indexer.health.check import inspect
from tests.indexer.hostile import catalog_seed, doors
from tests.indexer.hostile.catalog_mutations import COLUMNS, SETTINGS, mutate
from tests.indexer.hostile.catalog_seed import opened
from tests.indexer.hostile.mutation_worker import look

FEW, MANY = 50, 10_000
PATIENCE = 600
"""Seconds after which a silent worker is taken to hang; each command has its own watchdog."""
ADDRESSES = 8 << 30
ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def seed() -> Iterator[Path]:
    with catalog_seed.quick_folder() as folder:
        catalog_seed.make(folder)
        yield folder


def test_the_seed_has_rows_in_every_table_and_is_sound(seed: Path, tmp_path: Path) -> None:
    index = catalog_seed.copy(seed / "i", tmp_path / "i")
    assert inspect(index).findings == []
    with opened(index) as connection:
        tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        assert tables == set(COLUMNS)
        for table, columns in COLUMNS.items():
            assert connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0] > 0
            there = {row[1]: row[5] for row in connection.execute(f"PRAGMA table_info({table})")}
            keys = {"id", "picture"} | ({"name"} if table == "sqlite_sequence" else set())
            assert columns.keys() == there.keys() - keys
        settings = {key for (key,) in connection.execute("SELECT key FROM settings")}
        assert settings == set(SETTINGS)


@pytest.mark.parametrize("name", [*doors.readers(Path("i"), Path("f")), *doors.writers(Path("i"), Path("f"))])
def test_every_command_ends_well_on_the_sound_one(name: str, seed: Path, tmp_path: Path) -> None:
    index = catalog_seed.copy(seed / "i", tmp_path / "i")
    words = {**doors.readers(index, seed), **doors.writers(index, seed)}[name]
    ended = doors.command(words)
    assert (ended.fault, ended.code in (0, 3)) == (None, True), ended


def test_a_number_always_does_the_same(seed: Path, tmp_path: Path) -> None:
    done = [[mutate(catalog_seed.copy(seed / "i", tmp_path / "i"), number) for number in range(20)] for _ in range(2)]
    assert done[0] == done[1]
    assert len(set(done[0])) == 20


def test_mutated_values(seed: Path, tmp_path: Path) -> None:
    with catalog_seed.quick_folder() as folder:
        outcomes = [look(number, seed, folder) for number in range(FEW)]
    assert [each for each in outcomes if each["faults"]] == []


@pytest.mark.parametrize(
    ("sql", "named"),
    [
        (
            "UPDATE pictures SET label = x'ff' WHERE id = 3",
            r"pictures\.label: b'\\xff' instead of text or nothing.* row 3",
        ),
        ("UPDATE settings SET value = '\"286\"' WHERE key = 'dim'", "the setting dim has the invalid value '286'"),
        ("UPDATE metadata SET c3 = 'many' WHERE c3 = 3", r"metadata column 'count': .*'many'.* row \d"),
        (
            "UPDATE segments SET parameters = '[]' WHERE id = 2",
            "segments.parameters: .* invalid parameters: '\\[\\]'.* row 2",
        ),
        ("UPDATE files SET name = '../x' WHERE name LIKE '%.npy'", "outside of the index folder"),
        ("DELETE FROM columns WHERE id = 3", "columns are not those that the table of columns names .c3"),
        ("DELETE FROM settings WHERE key = 'fingerprint'", "the setting fingerprint is missing"),
        ("UPDATE pictures SET row = 10000 WHERE id = 3", "1 rows do not exist .10000"),
        ("UPDATE digests SET crc32 = x'01'", r"digests\.crc32: .* instead of checksums of four bytes each"),
        ("UPDATE digests SET crc32 = x'0102030405060708'", "was not written for"),
        ("UPDATE digests SET crc32 = x'01020304'", "wrong checksums of its blocks"),
    ],
)
def test_check_names_the_value_and_its_row(sql: str, named: str, seed: Path, tmp_path: Path) -> None:
    index = catalog_seed.copy(seed / "i", tmp_path / "i")
    with opened(index) as connection:
        connection.execute(sql.replace("UPDATE", "UPDATE OR REPLACE", 1))
    found = [str(finding) for finding in inspect(index).findings]
    assert any(re.search(named, each) for each in found), found
    ended = doors.command(["check", str(index)])
    assert (ended.code, ended.fault) == (1, None)
    assert re.search(named, ended.out + ended.err)


def test_check_finds_every_one_of_many(seed: Path, tmp_path: Path) -> None:
    index = catalog_seed.copy(seed / "i", tmp_path / "i")
    with opened(index) as connection:
        connection.execute("UPDATE pictures SET label = x'ff' WHERE id IN (3, 5)")
        connection.execute("UPDATE pictures SET width = 'wide' WHERE id = 4")
        connection.execute("UPDATE skipped SET reason = x'00'")
        connection.execute("UPDATE settings SET value = '7' WHERE key = 'roots'")
    found = "\n".join(str(finding) for finding in inspect(index).findings)
    for each in ("pictures.label", "(2 rows)", "pictures.width", "skipped.reason", "roots"):
        assert each in found


@pytest.mark.slow
def test_ten_thousand_mutated_folders(seed: Path) -> None:
    with ThreadPoolExecutor(2) as pool:
        parts = pool.map(lambda first: watched(range(first, MANY, 2), seed), (0, 1))
        outcomes = [each for part in parts for each in part]
    assert [each for each in outcomes if each["faults"]] == []
    assert len(outcomes) == MANY


def watched(numbers: range, seed: Path) -> list[dict]:
    """Outcomes of a worker, and of another one after each that died or fell silent."""
    outcomes: list[dict] = []
    left = list(numbers)
    while left:
        words = [sys.executable, "-m", "tests.indexer.hostile.mutation_worker", str(seed)]
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
        with subprocess.Popen(
            words,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            stderr=subprocess.DEVNULL,
            env=environment,
            preexec_fn=_bounded,
        ) as worker:
            while left and (outcome := _ask(worker, number := left.pop(0))) is not None:
                outcomes.append(outcome)
            else:
                if outcome is None:
                    worker.kill()
                    outcomes.append({"number": number, "faults": [f"died or hung, code {worker.wait()}"]})
            worker.stdin.close()
    return outcomes


def _ask(worker: subprocess.Popen[str], number: int) -> dict | None:
    try:
        worker.stdin.write(f"{number}\n")
        worker.stdin.flush()
    except BrokenPipeError:
        return None
    with selectors.DefaultSelector() as selector:
        selector.register(worker.stdout, selectors.EVENT_READ)
        line = worker.stdout.readline() if selector.select(PATIENCE) else ""
    return json.loads(line) if line else None


def _bounded() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (ADDRESSES, ADDRESSES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def test_a_row_of_a_segment_that_does_not_exist(seed: Path, tmp_path: Path) -> None:
    for where in ("segment = 99", "row = 10000"):
        index = catalog_seed.copy(seed / "i", tmp_path / "i")
        with opened(index) as connection:
            connection.execute(f"UPDATE pictures SET {where} WHERE id = 5")
        ended = doors.command(["duplicates", str(index)])
        assert (ended.code, ended.fault) == (1, None), where


def test_a_calibration_whose_format_is_no_number(seed: Path, tmp_path: Path) -> None:
    index = catalog_seed.copy(seed / "i", tmp_path / "i")
    with opened(index) as connection:
        ((text,),) = connection.execute("SELECT value FROM settings WHERE key = 'calibration'").fetchall()
        stored = json.dumps({**json.loads(text), "format": True})
        connection.execute("UPDATE settings SET value = ? WHERE key = 'calibration'", (stored,))
    assert inspect(index).findings
