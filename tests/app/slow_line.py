"""A connection between a page and the app that can hold back what the app sends, as a busy browser does."""

from __future__ import annotations

import re
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

from tests.app.browser import WAIT_MS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from playwright.sync_api import Page, WebSocketRoute
    from streamlit.proto.ClientState_pb2 import ClientState


class SlowLine:
    """To be made before the page goes to its address."""

    def __init__(self, page: Page) -> None:
        self._asked: list[ClientState] = []
        self._page = page
        self._held: list[bytes] | None = None
        self._route: WebSocketRoute | None = None
        page.route_web_socket(re.compile("/_stcore/stream"), self._connect)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Deliver what the app sends meanwhile only at the end."""
        self._asked.clear()
        self._held = []
        yield
        assert self._route is not None
        while self._held:  # what comes while these are sent is sent after them
            self._route.send(self._held.pop(0))
        self._held = None

    def steps(self) -> int:
        """Steps back or forward that the app was asked for since the hold."""
        return sum(run.is_history_navigation for run in self._asked)

    def looks(self) -> int:
        """Runs by the clock that the app was asked for since the hold."""
        return sum(run.is_auto_rerun for run in self._asked)

    def runs_finished(self) -> int:
        """Runs of the whole page, none of them cut short, whose last message is held back."""
        success = ForwardMsg.FINISHED_SUCCESSFULLY
        messages = [ForwardMsg.FromString(message) for message in self._held or []]
        return sum(
            each.WhichOneof("type") == "script_finished" and each.script_finished == success for each in messages
        )

    def wait(self, condition: Callable[[], bool]) -> None:
        """Let messages pass until a condition holds."""
        deadline = time.monotonic() + WAIT_MS / 1000
        while not condition():
            assert time.monotonic() < deadline, "the messages that were waited for did not come"
            self._page.wait_for_timeout(20)

    def _connect(self, route: WebSocketRoute) -> None:
        server, self._route = route.connect_to_server(), route

        def to_app(message: str | bytes) -> None:
            asked = BackMsg.FromString(message if isinstance(message, bytes) else message.encode())
            if asked.WhichOneof("type") == "rerun_script":
                self._asked.append(asked.rerun_script)
            server.send(message)

        def to_page(message: str | bytes) -> None:
            if self._held is None or not isinstance(message, bytes):
                route.send(message)
            else:
                self._held.append(message)

        route.on_message(to_app)
        server.on_message(to_page)
