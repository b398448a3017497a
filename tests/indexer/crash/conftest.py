"""A warm process for commands, and every scenario prepared once."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.indexer.crash.disk_faults import compile_library
from tests.indexer.crash.prepared import Prepared, prepare
from tests.indexer.crash.runner import Runner
from tests.indexer.crash.scenarios import Scenario

MEMORY = Path("/dev/shm")


@pytest.fixture(scope="session")
def fault_library(tmp_path_factory: pytest.TempPathFactory) -> Path | str:
    """The compiled `disk_faults.c`, or the reason why there is none."""
    if sys.platform != "linux":
        return "system calls are trapped on Linux only"
    return compile_library(tmp_path_factory.mktemp("library"))


@pytest.fixture(scope="session")
def runner(fault_library: Path | str) -> Iterator[Runner]:
    if not hasattr(os, "pidfd_open"):
        pytest.skip("processes are forked and killed on Linux only")
    with Runner(fault_library if isinstance(fault_library, Path) else None) as warm:
        yield warm


@pytest.fixture(scope="session")
def faults(fault_library: Path | str) -> None:
    """Skips where faults cannot be made."""
    if isinstance(fault_library, str):
        pytest.skip(fault_library)


@pytest.fixture(scope="session")
def crash_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """In memory where there is such a place: a kill loses no file that a disk would have kept, and syncs are free."""
    if MEMORY.is_dir() and os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free > 2**30:
        with tempfile.TemporaryDirectory(dir=MEMORY, prefix="twinlens-crash-") as folder:
            yield Path(folder)
    else:
        yield tmp_path_factory.mktemp("crash")


@pytest.fixture(scope="session")
def prepared_scenarios() -> dict[str, Prepared]:
    return {}


@pytest.fixture
def prepared(
    request: pytest.FixtureRequest,
    runner: Runner,
    fault_library: Path | str,
    crash_folder: Path,
    prepared_scenarios: dict[str, Prepared],
) -> Prepared:
    """The scenario that the test is parametrized by."""
    scenario: Scenario = request.param
    if scenario.name not in prepared_scenarios:
        here = crash_folder / f"scenario{len(prepared_scenarios)}"
        prepared_scenarios[scenario.name] = prepare(scenario, here, runner, watched=isinstance(fault_library, Path))
    return prepared_scenarios[scenario.name]
