"""One writer at a time: the second is told at once who is first, and a writer that died is in nobody's way."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.indexer.crash.prepared import Prepared, assert_goes_on
from tests.indexer.crash.runner import ROOT, Runner
from tests.indexer.crash.scenarios import every_scenario, one_scenario, reset
from tests.indexer.crash.state import assert_whole, read_state

HOLD = """
import sys
from pathlib import Path
from indexer.pipeline.lock import writer_lock

Path(sys.argv[1]).mkdir(exist_ok=True)
with writer_lock(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


@contextmanager
def holder(index: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that writes, and does nothing else."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(index)],
        cwd=ROOT,
        text=True,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process
    finally:
        process.kill()
        process.communicate()


@pytest.mark.thinned(3)
@every_scenario
def test_the_second_writer_is_told_who_is_first(prepared: Prepared, runner: Runner) -> None:
    index = reset(prepared.here)
    with holder(index) as first:
        began = time.monotonic()
        second = runner.run(prepared.command)
        assert time.monotonic() - began < 10, "it waited"
        assert second.status == 1, second
        said = re.fullmatch(r"error: (.*): is being written by process (\d+) since (\S+)\. .*", second.err.strip())
        assert said, second
        assert Path(said[1]) == index
        assert int(said[2]) == first.pid
        assert abs(datetime.fromisoformat(said[3]) - datetime.now(UTC)) < timedelta(minutes=5)
        assert read_state(index) == prepared.before
        first.kill()
        first.wait()
        assert (index / "writer.json").exists(), "the killed one told nobody"
        assert_goes_on(prepared, runner, second)


@one_scenario("first build")
@pytest.mark.parametrize("told", ["", "{", "[]", '{"process": 1}', '{"process": 999999, "since": "2020-01-01"}'])
def test_what_a_dead_writer_left_does_not_matter(told: str, prepared: Prepared, runner: Runner) -> None:
    index = reset(prepared.here)
    index.mkdir()
    (index / "writer.lock").touch()
    (index / "writer.json").write_text(told)
    assert_goes_on(prepared, runner, runner.run(prepared.command))


@one_scenario("first build")
@pytest.mark.parametrize("told", ["", "{", "[]", "null", '{"process": 1}'])
def test_the_second_writer_is_told_something_even_if_the_note_is_damaged(
    told: str, prepared: Prepared, runner: Runner
) -> None:
    index = reset(prepared.here)
    with holder(index):
        (index / "writer.json").write_text(told)
        second = runner.run(prepared.command)
    assert second.status == 1, second
    assert len(second.err.strip().splitlines()) == 1, second
    assert "is being written by another process" in second.err


@one_scenario("build of a changed folder")
def test_writers_that_start_together(prepared: Prepared) -> None:
    index = reset(prepared.here)
    words = [sys.executable, "-m", "indexer", *prepared.command, "--json"]
    together = [
        subprocess.Popen(
            words,
            cwd=ROOT,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
        for _ in range(3)
    ]
    ends = [(process.communicate(timeout=300), process.returncode) for process in together]
    embedded = 0
    for (out, err), code in ends:
        assert code in {prepared.exit, 1, *prepared.scenario.again}, err
        if code == 1:
            assert "is being written by" in err
        else:
            embedded += json.loads(out)["embedded"]
    assert embedded == 3, "once each: two added, one changed"
    assert_whole(index, prepared.after)
    assert read_state(index) == prepared.after
