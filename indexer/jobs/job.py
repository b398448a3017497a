"""One job: its process, and a thread that follows what the process reports."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
import threading
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from indexer.jobs.view import JobView, Stage

if TYPE_CHECKING:
    from collections.abc import Sequence

    from indexer.jobs.request import JobRequest

HOME = Path(__file__).resolve().parents[2]
"""The checkout, or the folder that packages are installed into."""
COMMAND = (sys.executable, "-P", "-m", "indexer.jobs.process")
GRACE_SECONDS = 20.0
"""A process that does not stop in this time is killed, which an index survives."""


class Job:
    """A job that was started."""

    def __init__(self, number: int, request: JobRequest, command: Sequence[str] = COMMAND) -> None:
        """Start the process, which gets its request on standard input."""
        self._view = JobView(number, request, "running")
        self._changing = threading.Lock()
        self._began = time.monotonic()
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,  # stays open as long as this process: its end stops the job
            stdout=subprocess.PIPE,
            env=_environment(),
            start_new_session=True,  # Ctrl-C reaches the server, which then ends, and the job with it
        )
        self._follower = threading.Thread(target=self._follow, name=f"job-{number}", daemon=True)
        self._follower.start()

    @property
    def view(self) -> JobView:
        """How far it is."""
        view = self._view
        return replace(view, seconds=time.monotonic() - self._began) if view.running else view

    @property
    def process_id(self) -> int:
        """The number of its process."""
        return self._process.pid

    def stop(self) -> None:
        """Ask the process to stop; does not wait. Nothing happens if it has ended."""
        with self._changing:
            if self._view.status != "running":
                return
            self._view = replace(self._view, status="stopping")
        self._process.terminate()
        killer = threading.Timer(GRACE_SECONDS, self._process.kill)
        killer.daemon = True
        killer.start()

    def wait(self, seconds: float) -> JobView:
        """Wait for its end, at most so long."""
        self._follower.join(seconds)
        return self.view

    def _follow(self) -> None:
        """Read events until the process ends. The state says that it ended only once the process is gone."""
        process = self._process
        assert process.stdin is not None
        assert process.stdout is not None
        ending: dict[str, Any] = {}
        with process:
            try:
                process.stdin.write(self._view.request.to_line())
                process.stdin.flush()
            except OSError:  # the process is gone already; its exit code is reported below
                with suppress(OSError):
                    process.stdin.close()  # or else the end of `with` would try to send the rest once more
            for line in process.stdout:
                event = _event(line)
                if not self._took(event):
                    ending = event or ending
        self._end(ending, process.returncode)

    def _took(self, event: dict[str, Any]) -> bool:
        """Update the stage; whether the event was about one."""
        with self._changing:
            view = self._view
            name, total, done = event.get("begin"), event.get("total"), event.get("done")
            if isinstance(name, str) and (total is None or isinstance(total, int)):
                stage = Stage(name, total, time.monotonic())
                self._view = replace(view, stage=stage, stages=(*view.stages, name))
                return True
            if isinstance(done, int) and view.stage is not None:
                self._view = replace(view, stage=replace(view.stage, done=done))
                return True
        return False

    def _end(self, event: dict[str, Any], code: int) -> None:
        report, error = event.get("report"), event.get("error")
        with self._changing:
            stopped = event.get("stopped") is True or (self._view.status == "stopping" and not event)
            ended = replace(self._view, seconds=time.monotonic() - self._began)
            if isinstance(report, dict):
                self._view = replace(ended, status="done", report=report)
            elif stopped:
                self._view = replace(ended, status="stopped")
            else:
                self._view = replace(ended, status="failed", error=str(error) if error else _lost(code))


def _event(line: bytes) -> dict[str, Any]:
    """What a line reports; empty for a line that is no JSON object, such as one that a library printed."""
    try:
        event = json.loads(line)
    except ValueError:
        return {}
    return event if isinstance(event, dict) else {}


def _lost(code: int) -> str:
    how = f"it was killed by signal {-code}" if code < 0 else f"exit code {code}"
    return (
        f"the process of the job ended without a report ({how}). The index answers as before the job; start the job "
        "again to continue. The log of the server may say more"
    )


def _environment() -> dict[str, str]:
    """That of the server, with the folder of this package on Python's path: `-P` leaves the current folder out."""
    environment = dict(os.environ)
    if str(HOME) not in (sysconfig.get_path("purelib"), sysconfig.get_path("platlib")):
        environment["PYTHONPATH"] = os.pathsep.join(filter(None, [str(HOME), environment.get("PYTHONPATH")]))
    return environment
