"""Every command, run in this process as the console script runs it: what it printed and with which code it ended."""

from __future__ import annotations

import io
import re
import signal
import sys
import traceback
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from typing import TYPE_CHECKING

import typer.main

from indexer.cli.app import app
from indexer.cli.base import run
from search import TwinlensError, open_index

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

PATIENCE = 120
"""Seconds after which a command is taken to hang."""
_COMMANDS = typer.main.get_command(app)
"""Made once: typer takes a quarter of a second to make them, each time that it is called."""
_CODES = {0, 1, 2, 3}
_WRONG = re.compile(r"Traceback|Error\(")


@dataclass(frozen=True, slots=True)
class Ended:
    """How a command ended; `fault` is None where it did as a command should."""

    code: int
    out: str
    err: str
    fault: str | None = None


def readers(index: Path, folder: Path) -> dict[str, list[str]]:
    """Commands that read an index; `folder` is that of `catalog_seed.make`."""
    picture, place, out = str(folder / "p" / "label0" / "0000.png"), str(index), str(index.parent / "out")
    return {
        "info": ["info", place],
        "info as JSON": ["info", place, "--json"],
        "query": ["query", picture, "--index", place, "-k", "20", "--show", "*"],
        "query, where": ["query", picture, "--index", place, "--where", "label = label0 and count < 5", "--same-only"],
        "query, as JSON": ["query", picture, "--index", place, "--collapse", "--json"],
        "duplicates": ["duplicates", place, "--threshold", "1.2", "--csv", f"{out}.csv"],
        "identities": ["identities", "--index", place],
        "identify": ["identify", str(folder / "people" / "person1-0.png"), "--index", place],
        "verify": ["verify", picture, picture, "--index", place],
        "evaluate": ["evaluate", place],
        "map": ["map", place, "--out", f"{out}.png", "--html", f"{out}.html"],
        "export": ["export", place, "--out", out, "--format", "npy", "--force"],
        "remove, dry": ["remove", "--glob", "*", "--index", place, "--dry-run"],
        "check": ["check", place],
    }


def writers(index: Path, folder: Path) -> dict[str, list[str]]:
    """Commands that change an index."""
    pictures, place = str(folder / "p"), str(index)
    return {
        "build": ["build", pictures, "--index", place],
        "sync": ["sync", pictures, "--index", place],
        "add": ["add", str(folder / "new"), "--index", place],
        "remove": ["remove", "--where", "label = label0", "--index", place],
        "remove, by id": ["remove", "--id", "1", "--id", "4", "--index", place],
        "rebuild": ["rebuild", "--index", place, "--kind", "flat"],
        "rebuild, embedding": ["rebuild", "--index", place, "--encoder", "color-layout", "--drop-missing"],
        "repair": ["check", place, "--repair"],
        "enroll": ["enroll", "Bob", str(folder / "people" / "person2-0.png"), "--index", place],
        "unenroll": ["unenroll", "Ada", "--index", place],
        "metadata": ["metadata", str(folder / "columns.csv"), "--index", place],
        "metadata, exif": ["metadata", "--exif", "--index", place],
        "metadata, drop": ["metadata", "--drop", "size", "--index", place],
        "calibrate": ["calibrate", place, "--resamples", "5", "--eer"],
        "attend": ["attend", str(folder / "people"), "--index", place, "--log", f"{index.parent}/log.csv", "--once"],
    }


def use_engine(index: Path) -> None:
    """What the app and Python code ask of an engine."""
    with open_index(index, device="cpu") as engine:
        for picture in engine.pictures():
            engine.picture(picture.id)
        ids = engine.ids()
        engine.metadata(ids)
        asks: tuple[Callable[[], object], ...] = (
            engine.info,
            engine.labels,
            engine.columns,
            engine.identities,
            lambda: engine.calibration,
            engine.vectors,
            lambda: engine.search_id(ids[0], 5),
            lambda: engine.count("fine = true"),
            engine.refresh,
        )
        for ask in asks:
            ask()


def engine_fault(index: Path) -> str | None:
    """What is wrong with how an engine answers: anything but an answer or an error of ours."""
    try:
        with watchdog():
            use_engine(index)
    except TwinlensError as error:
        return None if "\n" not in str(error) else f"several lines: {error}"
    except Exception:
        return traceback.format_exc()
    return None


def command(words: list[str]) -> Ended:
    """Run one command; its fault is a traceback, more than one line beside an error, or time without end."""
    out, err = io.StringIO(), io.StringIO()
    before, sys.argv = sys.argv, ["twinlens", *words]
    code = 0
    try:
        with watchdog(), redirect_stdout(out), redirect_stderr(err):
            run(_COMMANDS)  # type: ignore[arg-type]  (called, as the app is)
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        return Ended(-1, out.getvalue(), err.getvalue(), traceback.format_exc())
    finally:
        sys.argv = before
    return Ended(code, out.getvalue(), err.getvalue(), _fault(code, out.getvalue(), err.getvalue()))


def _fault(code: int, out: str, err: str) -> str | None:
    if code not in _CODES:
        return f"exit code {code}"
    if _WRONG.search(out + err):
        return f"a traceback in words: {out}{err}"
    errors = [line for line in err.splitlines() if line.strip()]
    if code == 1 and len(errors) > 1:
        return f"more than one line: {err}"
    return None


@contextmanager
def watchdog() -> Iterator[None]:
    """End what hangs with a TimeoutError."""

    def late(number: int, frame: object) -> None:
        raise TimeoutError(f"no end after {PATIENCE} s")

    before = signal.signal(signal.SIGALRM, late)
    signal.setitimer(signal.ITIMER_REAL, PATIENCE)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
