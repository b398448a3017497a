"""Bound what requests cost: the bytes and the time in which they are received, and how many are answered at once."""

from __future__ import annotations

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, TypeVar

from service.authority import values_of
from service.problems import ProblemError, response_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from service.config import Limits

Result = TypeVar("Result")


class BodyLimits:
    """ASGI middleware that stops a body that is too large or too slow, and all bodies together that are too many."""

    def __init__(self, app: ASGIApp, limits: Limits) -> None:
        self._app = app
        self._limits = limits
        self._held = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or pass on with a `receive` that raises ProblemError above a limit."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        length = values_of(scope, b"content-length")
        if length and length[0].isdecimal() and int(length[0][:20]) > self._limits.body:
            await response_of(self._too_large())(scope, receive, send)
            return
        body = _Receiving(self, receive, time.monotonic() + self._limits.receive_seconds)
        try:
            await self._app(scope, body.receive, send)
        finally:
            self._held -= body.size

    def hold(self, more: int, size: int) -> None:
        """Count bytes of a body that now has `size` bytes.

        Raises:
            ProblemError: it is too large, or all bodies together are.
        """
        self._held += more
        if size > self._limits.body:
            raise self._too_large()
        if self._held > self._limits.bodies:
            raise ProblemError("busy", f"all requests together have more than {self._limits.bodies:,} bytes: try again")

    def too_slow(self) -> ProblemError:
        """The problem of a body that was not received in time."""
        return ProblemError("too-slow", f"the request was not received within {self._limits.receive_seconds:g} s")

    def _too_large(self) -> ProblemError:
        return ProblemError("body-too-large", f"a request has at most {self._limits.body:,} bytes")


class _Receiving:
    """The body of one request."""

    def __init__(self, bodies: BodyLimits, receive: Receive, deadline: float) -> None:
        self._bodies = bodies
        self._receive = receive
        self._deadline = deadline
        self._complete = False
        self.size = 0

    async def receive(self) -> Message:
        if self._complete:  # what follows is the end of the connection, which may take any time
            return await self._receive()
        try:
            message = await asyncio.wait_for(self._receive(), max(0.0, self._deadline - time.monotonic()))
        except TimeoutError:
            raise self._bodies.too_slow() from None
        if message["type"] == "http.request":
            more = len(message.get("body", b""))
            self.size += more
            self._complete = not message.get("more_body", False)
            self._bodies.hold(more, self.size)
        return message


class Work:
    """Threads that answer requests, and a bounded queue before them."""

    def __init__(
        self, limits: Limits, observe: Callable[[int], None] = lambda count: None, *, threads: int | None = None
    ) -> None:
        """Start at most `threads` threads, by default those of the limits; `observe` gets each number of requests."""
        self._limits = limits
        self._observe = observe
        self._threads = limits.threads if threads is None else threads
        self._pool = ThreadPoolExecutor(self._threads, "answer")
        self._count = 0

    async def run(self, use: Callable[[], Result], seconds: float | None = None) -> Result:
        """Call a function in a thread; `seconds` defaults to the limit of the service.

        Raises:
            ProblemError: too many requests wait, or the function has not returned in time. It then runs to its end, and
                its place is free only after that.
        """
        if self._count >= self._threads + self._limits.queue:
            raise ProblemError("busy", f"{self._limits.queue:,} requests wait already: try again")
        seconds = self._limits.seconds if seconds is None else seconds
        self._changed(1)
        future = self._pool.submit(use)
        loop = asyncio.get_running_loop()
        future.add_done_callback(lambda _: _call_soon(loop, self._changed, -1))
        try:
            return await asyncio.wait_for(asyncio.wrap_future(future), seconds)
        except TimeoutError:
            raise ProblemError("too-slow", f"the request was not answered within {seconds:g} s") from None

    def stop(self) -> None:
        """Wait for the threads."""
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _changed(self, by: int) -> None:
        self._count += by
        self._observe(self._count)


def _call_soon(loop: asyncio.AbstractEventLoop, function: Callable[..., Any], *arguments: Any) -> None:
    if not loop.is_closed():
        loop.call_soon_threadsafe(function, *arguments)
