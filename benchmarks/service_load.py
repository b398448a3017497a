"""Clients of a service for measurements: threads that send prepared requests over connections of their own."""

from __future__ import annotations

import http.client
import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

BOUNDARY = "twinlens-boundary"


@dataclass(frozen=True)
class Request:
    """A prepared request."""

    path: str
    body: bytes
    kind: str

    @classmethod
    def of_picture(cls, data: bytes, path: str = "/v1/search") -> Request:
        """Search with a picture, sent as a file."""
        head = f'--{BOUNDARY}\r\ncontent-disposition: form-data; name="picture"; filename="q"\r\n\r\n'
        body = head.encode() + data + f"\r\n--{BOUNDARY}--\r\n".encode()
        return cls(path, body, f"multipart/form-data; boundary={BOUNDARY}")

    @classmethod
    def of_json(cls, body: object, path: str = "/v1/search") -> Request:
        """Send JSON."""
        return cls(path, json.dumps(body).encode(), "application/json")


@dataclass
class Load:
    """What clients saw: seconds of each answer, and what went wrong."""

    seconds: list[float] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    elapsed: float = 0.0

    @property
    def rate(self) -> float:
        """Answers per second."""
        return len(self.seconds) / self.elapsed

    def percentile(self, share: float) -> float:
        """Seconds within which this share of the answers came."""
        ordered = sorted(self.seconds)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def load(
    port: int,
    requests: Sequence[Request],
    clients: int,
    seconds: float,
    check: Callable[[Request, bytes], str | None] = lambda request, answer: None,
) -> Load:
    """Let clients send requests, each the next one when the last is answered, for so many seconds."""
    seen, lock, end = Load(), threading.Lock(), time.perf_counter() + seconds

    def client(number: int) -> None:
        connection, at = http.client.HTTPConnection("127.0.0.1", port, timeout=120), number
        own, failures = [], []
        while time.perf_counter() < end:
            request = requests[at % len(requests)]
            at += 1
            began = time.perf_counter()
            try:
                connection.request("POST", request.path, request.body, {"content-type": request.kind})
                answer = connection.getresponse()
                data = answer.read()
            except (OSError, http.client.HTTPException) as error:
                failures.append(f"{type(error).__name__}: {error}")
                connection.close()
                continue
            own.append(time.perf_counter() - began)
            wrong = f"status {answer.status}" if answer.status != 200 else check(request, data)
            if wrong is not None:
                failures.append(wrong)
        connection.close()
        with lock:
            seen.seconds += own
            seen.failures += failures

    threads = [threading.Thread(target=client, args=(number,)) for number in range(clients)]
    began = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seen.elapsed = time.perf_counter() - began
    return seen


@contextmanager
def serving(
    *words: object,
    seconds: float = 180.0,
    log: Path | None = None,
    port: int | None = None,
    hidden: Sequence[str] = (),
) -> Iterator[tuple[int, subprocess.Popen[bytes]]]:
    """Run `twinlens serve`, and wait until it is ready: its port, a free one by default, and its process.

    Packages of the names `hidden` are as if they were not installed.
    """
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1] if port is None else port
    script = f"import sys; sys.modules.update(dict.fromkeys({list(hidden)})); from indexer.cli import main; main()"
    command = [sys.executable, "-c", script, "serve", "--port", str(port), *map(str, words)]
    with (log or Path(os.devnull)).open("wb") as stream:
        process = subprocess.Popen(command, stderr=stream, stdout=stream)
        try:
            wait_ready(port, process, seconds)
            yield port, process
        finally:
            process.terminate()
            process.wait(60)


def wait_ready(port: int, process: subprocess.Popen[bytes], seconds: float) -> None:
    """Wait until a service is ready.

    Raises:
        RuntimeError: it ended, or is not ready in time.
    """
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and process.poll() is None:
        try:
            if get(port, "/readyz")[0] == 200:
                return
        except (OSError, http.client.HTTPException):
            pass
        time.sleep(0.05)
    raise RuntimeError(f"the service is not ready (exit code {process.poll()})")


def get(port: int, path: str) -> tuple[int, bytes]:
    """Status and body of one answer."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request("GET", path)
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    return answer.status, body
