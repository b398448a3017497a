"""Pictures that are piped into a command."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest


def piped(data: bytes, *words: object) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-m", "indexer", *map(str, words)], input=data, capture_output=True, check=False
    )


@pytest.mark.thinned(2)
@pytest.mark.parametrize("name", ["-", "/dev/stdin", "/dev/fd/0", "/proc/self/fd/0"])
def test_a_query_from_standard_input(name: str, pictures: Path, index: Path) -> None:
    picture = sorted(pictures.rglob("*.png"))[3]
    done = piped(picture.read_bytes(), "query", name, "--index", index, "--json", "-k", 2)
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert answer["query"] == name
    assert (answer["hits"][0]["path"], answer["hits"][0]["distance"]) == (str(picture), 0.0)


def test_standard_input_redirected_from_a_file(pictures: Path, index: Path) -> None:
    picture = sorted(pictures.rglob("*.png"))[2]
    with picture.open("rb") as stream:
        words = [sys.executable, "-m", "indexer", "query", "/dev/stdin", "--index", str(index), "--json", "-k", "1"]
        done = subprocess.run(words, stdin=stream, capture_output=True, check=True)
    assert json.loads(done.stdout)["hits"][0]["path"] == str(picture)


def test_it_may_be_named_twice_and_stand_beside_files(pictures: Path, index: Path) -> None:
    first, second = sorted(pictures.rglob("*.png"))[:2]
    done = piped(first.read_bytes(), "query", "-", second, "-", "--index", index, "--json", "-k", 1)
    found = [json.loads(line)["hits"][0]["path"] for line in done.stdout.splitlines()]
    assert found == [str(first), str(second), str(first)]


def test_together_and_not(pictures: Path, index: Path) -> None:
    first, second = sorted(pictures.rglob("*.png"))[:2]
    together = piped(first.read_bytes(), "query", "-", second, "--together", "--index", index, "--json")
    named = piped(b"", "query", first, second, "--together", "--index", index, "--json")
    assert json.loads(together.stdout)["hits"] == json.loads(named.stdout)["hits"]
    without = piped(first.read_bytes(), "query", second, "--not", "-", "--index", index, "--json")
    named = piped(b"", "query", second, "--not", first, "--index", index, "--json")
    assert json.loads(without.stdout)["hits"] == json.loads(named.stdout)["hits"]


@pytest.mark.parametrize("data", [b"", b"no picture"])
def test_a_pipe_without_a_picture(data: bytes, index: Path) -> None:
    done = piped(data, "query", "-", "--index", index)
    assert done.returncode in (1, 3)
    assert done.stderr.startswith(b"error: -: ")
    assert b"Traceback" not in done.stderr


def test_a_terminal_is_not_waited_for(index: Path) -> None:
    controller, terminal = os.openpty()
    try:
        words = [sys.executable, "-m", "indexer", "query", "-", "--index", str(index)]
        done = subprocess.run(words, stdin=terminal, capture_output=True, check=False, timeout=120)
    finally:
        os.close(controller)
        os.close(terminal)
    assert b"standard input is a terminal" in done.stderr


def test_verify(pictures: Path) -> None:
    first, second = sorted(pictures.rglob("*.png"))[:2]
    done = piped(first.read_bytes(), "verify", "-", second, "--encoder", "color-layout", "--json")
    named = piped(b"", "verify", first, second, "--encoder", "color-layout", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["distance"] == json.loads(named.stdout)["distance"]


@pytest.mark.skipif(os.name != "posix", reason="no shell with process substitution")
def test_process_substitution(pictures: Path, index: Path) -> None:
    picture = sorted(pictures.rglob("*.png"))[4]
    script = '"$0" -m indexer query <(cat "$1") --index "$2" --json -k 1'
    done = subprocess.run(
        ["bash", "-c", script, sys.executable, str(picture), str(index)], capture_output=True, check=True
    )
    assert json.loads(done.stdout)["hits"][0]["path"] == str(picture)
