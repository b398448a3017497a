"""Runs `twinlens` commands in forked children: starting Python and importing everything once costs a second a run.

    python -m tests.indexer.crash.fork_server [LIBRARY]

One JSON request a line on standard input, one JSON answer a line on standard output; see `runner.py`, the other end.
A child is single-threaded at its birth, because nothing here starts a thread, and it runs
`indexer.cli.main`.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
import select
import signal
import sys
import time
import traceback
from dataclasses import asdict
from pathlib import Path
from typing import Any

from typer.main import get_command

from indexer.cli.app import app
from indexer.cli.base import run
from tests.indexer.crash.disk_faults import Fault, Library

COMMANDS: Any = get_command(app)
"""What `app` makes of itself at each call, which takes longer than a small command does."""
for name in COMMANDS.commands:
    COMMANDS.commands[name]  # imports and builds it, so that no child has to


def run_child(request: dict[str, Any], library: Library | None, outputs: list[int]) -> None:
    """Be the command; never returns."""
    code = 1
    try:
        for place, memory in enumerate(outputs[:2], 1):
            os.dup2(memory, place)
        sys.argv = ["twinlens", *request["words"]]
        known = set(sys.modules)
        if request["fault"]:
            assert library is not None
            library.arm(Fault(**{**request["fault"], "folder": Path(request["fault"]["folder"])}))
        try:
            run(COMMANDS)
            code = 0
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else int(end.code is not None)
        except BaseException:
            traceback.print_exc()
        sys.stdout.flush()
        sys.stderr.flush()
        os.write(outputs[2], "\n".join(name for name in sys.modules if name not in known).encode())
    finally:
        os._exit(code)


def answer(request: dict[str, Any], library: Library | None) -> dict[str, Any]:
    """Run one command to its end, or kill it after so many seconds."""
    outputs = [os.memfd_create(name) for name in ("out", "err", "modules")]
    start = time.perf_counter()
    child = os.fork()
    if child == 0:
        run_child(request, library, outputs)
    handle = os.pidfd_open(child)
    if not select.select([handle], [], [], request["kill_after"])[0]:
        os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    seconds = time.perf_counter() - start
    os.close(handle)
    texts = []
    for memory in outputs:
        os.lseek(memory, 0, os.SEEK_SET)
        with os.fdopen(memory, encoding="utf-8", errors="backslashreplace") as file:
            texts.append(file.read())
    if request["learn"]:
        for name in texts[2].split():
            with contextlib.suppress(Exception):  # a module that a library only tries to import
                importlib.import_module(name)
        gc.collect()
        gc.freeze()  # what was imported is not looked through, and so not copied, in every child
    seen = asdict(library.seen()) if library is not None and request["fault"] else {"count": 0, "calls": []}
    return {"status": os.waitstatus_to_exitcode(status), "out": texts[0], "err": texts[1], "seconds": seconds, **seen}


def serve() -> None:
    """Answer until standard input ends."""
    library = Library(Path(sys.argv[1])) if len(sys.argv) > 1 else None
    for line in sys.stdin:
        sys.stdout.write(json.dumps(answer(json.loads(line), library)) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    serve()
