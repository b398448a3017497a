"""One JSON line per request on standard error: what was asked for, by its address, and how it ended; no contents."""

from __future__ import annotations

import json
import logging
import sys
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from search.text import one_line

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from service.metrics import Metrics

REQUESTS = "twinlens.request"
_QUIET = frozenset({"/livez", "/readyz", "/metrics"})
"""Addresses that are asked for by the clock, and logged only if something is wrong."""


class RequestLog:
    """ASGI middleware that logs and counts every request; the outermost one."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics
        self._log = logging.getLogger(REQUESTS)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on, and log the answer."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began, seen = time.perf_counter(), {"status": 0, "bytes_in": 0, "bytes_out": 0}
        problem: list[str] = []

        async def received() -> Message:
            message = await receive()
            seen["bytes_in"] += len(message.get("body", b""))
            return message

        async def sent(message: Message) -> None:
            if message["type"] == "http.response.start":
                seen["status"] = message["status"]
                problem.extend(v.decode("latin-1") for k, v in message["headers"] if k == b"x-problem")
            seen["bytes_out"] += len(message.get("body", b""))
            await send(message)

        try:
            await self._app(scope, received, sent)
        except Exception:  # which the server logs, and answers with 500
            seen["status"] = 500
            raise
        finally:
            self._write(scope, seen, problem, time.perf_counter() - began)

    def _write(self, scope: Scope, seen: dict[str, int], problem: list[str], seconds: float) -> None:
        route = getattr(scope.get("route"), "path", "unknown")
        self._metrics.answered(_method(scope), route, seen["status"], seconds)
        if scope["path"] in _QUIET and seen["status"] < 500:
            return
        entry: dict[str, Any] = {"method": _method(scope), "route": route, "ms": round(seconds * 1e3, 1), **seen}
        if isinstance(index := scope.get("twinlens.index"), str):
            entry["index"] = index[:80]
        if problem:
            entry["problem"] = problem[0]
        self._log.info("answered", extra={"entry": entry})


def _method(scope: Scope) -> str:
    """The method, of which a caller can invent any number."""
    method = str(scope["method"])
    return method if method in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS") else "other"


class JsonLines(logging.Formatter):
    """Each record as one line of JSON."""

    def format(self, record: logging.LogRecord) -> str:
        """Time, level, source and message; of a request its figures, and of an exception where it was raised."""
        moment = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        plain = {"time": moment, "level": record.levelname.lower(), "source": record.name}
        entry = getattr(record, "entry", None)
        plain |= entry if isinstance(entry, dict) else {"message": one_line(record.getMessage())}
        if record.exc_info:
            plain["exception"] = self.formatException(record.exc_info)
        return json.dumps(plain)


def log_to_stderr() -> None:
    """Write the log of this process as JSON lines on standard error."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines())
    for name in ("twinlens", "uvicorn", "uvicorn.error"):
        logger = logging.getLogger(name)
        logger.handlers = [handler]
        logger.setLevel(logging.INFO)
        logger.propagate = False
    logging.getLogger("uvicorn.error").propagate = False
