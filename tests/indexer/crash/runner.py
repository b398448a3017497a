"""Commands run in a warm process, undisturbed, killed or with a disk that fails."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from tests.indexer.crash.disk_faults import Fault

ROOT = Path(__file__).parent.parent.parent.parent
KILLED = -9


@dataclass(frozen=True)
class Done:
    """How a command ended: its exit code (-9: killed), what it printed, and which changes of files were counted."""

    words: list[str]
    status: int
    out: str
    err: str
    seconds: float
    count: int
    calls: list[tuple[str, str]]

    def __str__(self) -> str:
        last = " ".join(self.calls[-1]) if self.calls else "none"
        return f"{' '.join(self.words)}: exit {self.status}, {self.count} changes, last: {last}\n{self.out}\n{self.err}"


class Runner:
    """The other end of `fork_server.py`."""

    def __init__(self, library: Path | None = None) -> None:
        words = [sys.executable, "-m", "tests.indexer.crash.fork_server", *([str(library)] if library else [])]
        single = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
        path = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
        self._server = subprocess.Popen(
            words,
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, **single, "PYTHONPATH": path},
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._server.communicate()

    def run(
        self, words: list[str], *, fault: Fault | None = None, kill_after: float | None = None, learn: bool = False
    ) -> Done:
        """Run one command to its end, or kill -9 it after some seconds.

        Args:
            words: the command line after `twinlens`.
            fault: what happens to its changes of files.
            kill_after: seconds.
            learn: import in the server what the command imported, so that the next run need not.
        """
        assert self._server.stdin is not None
        assert self._server.stdout is not None
        planned = None if fault is None else {**asdict(fault), "folder": str(fault.folder)}
        request = {"words": words, "fault": planned, "kill_after": kill_after, "learn": learn}
        self._server.stdin.write(json.dumps(request) + "\n")
        self._server.stdin.flush()
        line = self._server.stdout.readline()
        assert line, "the fork server died"
        reply = json.loads(line)
        return Done(words, **{**reply, "calls": [tuple(call) for call in reply["calls"]]})
