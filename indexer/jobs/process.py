"""The process of a job: `python -P -m indexer.jobs.process`, with a request on standard input.

It writes one JSON object per line: `{"begin": stage, "total": n}`, `{"done": n}`, and at the end `{"report": {...}}`,
`{"error": text}` or `{"stopped": true}`. SIGTERM stops it cleanly. So does the end of standard input, which the server
holds open: a job does not outlive its server. A stopped build continues when it is run again.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
import traceback
from typing import TYPE_CHECKING, Any

import indexer
from indexer.jobs.request import JobRequest
from search.errors import TwinlensError
from search.text import reason_of

if TYPE_CHECKING:
    from types import FrameType

EVERY = 0.1
"""Seconds between two lines of progress."""
NICENESS = 5
"""Lowest niceness of a job, which gives way to the searches of the server."""


class LineProgress:
    """Progress as lines of JSON, at most one per `EVERY` seconds within a stage."""

    def __init__(self, output: int) -> None:
        self._output = output
        self._done, self._written = 0, 0.0

    def begin(self, stage: str, total: int | None) -> None:
        """Report a new stage."""
        self._finish()
        self.write({"begin": stage, "total": total})

    def advance(self, count: int) -> None:
        """Add to what is done in this stage."""
        self._done += count
        if time.monotonic() - self._written >= EVERY:
            self.write({"done": self._done})
            self._written = time.monotonic()

    def end(self, event: dict[str, Any]) -> None:
        """Report how the job ended."""
        self._finish()
        self.write(event)

    def write(self, event: dict[str, Any]) -> None:
        """Write one line completely."""
        line = json.dumps(event).encode("ascii") + b"\n"
        while line:
            line = line[os.write(self._output, line) :]

    def _finish(self) -> None:
        if self._done:
            self.write({"done": self._done})
        self._done, self._written = 0, 0.0


def main() -> int:
    """Run one job; the exit code is 0 unless the job failed."""
    progress = LineProgress(_own_output())
    event: dict[str, Any]
    try:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, _interrupt)
        if hasattr(os, "nice"):
            os.nice(max(0, NICENESS - os.nice(0)))
        with open(0, "rb", buffering=0, closefd=False) as stream:
            request = JobRequest.of_line(stream.readline())
        threading.Thread(target=_stop_at_the_end_of_input, daemon=True).start()
        event, code = {"report": run(request, progress)}, 0
    except TwinlensError as error:
        event, code = {"error": str(error)}, 1
    except (KeyboardInterrupt, BrokenPipeError):
        event, code = {"stopped": True}, 0
    except Exception as error:
        traceback.print_exc()
        event, code = {"error": f"unexpected error ({type(error).__name__}): {reason_of(error)}"}, 1
    try:
        progress.end(event)
    except OSError:  # the server is gone
        code = 1
    return code


def run(request: JobRequest, progress: LineProgress) -> dict[str, Any]:
    """Do what is requested; returns the report as plain values."""
    index, config = request.index, request.config
    if request.verb == "build":
        return indexer.build(request.pictures, index, config, progress=progress).to_dict()
    if request.verb == "add":
        return indexer.add(index, [request.pictures], config, progress=progress).to_dict()
    if request.verb == "sync":
        return indexer.sync(request.pictures, index, config, progress=progress).to_dict()
    if request.verb == "rebuild":
        return indexer.rebuild(index, config, progress=progress).to_dict()
    progress.begin("verify", None)
    return indexer.inspect(index).to_dict()


def _own_output() -> int:
    """Reserve standard output for the lines of this module: what a library prints goes to standard error."""
    output = os.dup(1)
    os.dup2(2, 1)
    return output


def _stop_at_the_end_of_input() -> None:
    while os.read(0, 4096):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


def _interrupt(number: int, frame: FrameType | None) -> None:
    """Raise KeyboardInterrupt once: a second signal must not interrupt what cleans up."""
    del number, frame
    for each in (signal.SIGTERM, signal.SIGINT):
        signal.signal(each, signal.SIG_IGN)
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
