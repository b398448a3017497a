"""Ask visitors for the password before anything of the app: pages, pictures, uploads and the WebSocket.

The app needs a password if it can be reached from other machines; without one it then answers nothing. Only
`/_stcore/health` is open, which says that the server runs.
"""

from __future__ import annotations

import ipaddress
import os
from http.cookies import CookieError, SimpleCookie
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import parse_qs, quote

import streamlit as st

from app_parts.password import LONGEST, VARIABLE, Attempts, Tickets, read_password
from app_parts.sign_in_page import sign_in_page, sign_out_page
from search.errors import DataError
from search.text import one_line

if TYPE_CHECKING:
    from collections.abc import Iterable

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

OPEN = "/_stcore/health"
SIGN_IN, SIGN_OUT = "/sign-in", "/sign-out"
_LARGEST_FORM = 4 * LONGEST
_HEADERS = {
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "content-security-policy": (
        "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
}
UNPROTECTED = (
    f"This app can be reached from other machines, and has no password. Set {VARIABLE}, or start it with"
    " --password-file FILE, or leave it on 127.0.0.1; see docs/app.md."
)


COOKIE = "twinlens-"
"""Start of the name of the cookie."""


def password_or_exit(file: str | None, address: str | None) -> str | None:
    """The password for a server at an address; ends the process if it is wrong, or missing where it is needed.

    The environment of this process loses it, so that no process that the app starts gets it.
    """
    try:
        password = read_password(file)
    except DataError as error:
        raise SystemExit(one_line(f"error: {error}")) from None
    os.environ.pop(VARIABLE, None)
    if password is None and is_exposed(address):
        raise SystemExit(f"error: {UNPROTECTED}")
    return password


def is_exposed(address: str | None) -> bool:
    """Whether an address to listen on can be reached from other machines; None is every address."""
    if address is None:
        return True
    if address.startswith("unix:") or address == "localhost":
        return False
    try:
        return not ipaddress.ip_address(address).is_loopback
    except ValueError:
        return True


class _Reply(NamedTuple):
    status: int
    body: str
    kind: str = "text/plain"
    headers: tuple[tuple[str, str], ...] = ()


class SignIn:
    """ASGI middleware that passes on the requests of visitors who gave the password."""

    def __init__(self, app: ASGIApp, password: str | None) -> None:
        self._app = app
        self._tickets = None if password is None else Tickets(password)
        self._attempts = Attempts()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on, ask for the password, or refuse."""
        if scope["type"] == "lifespan" or _path(scope) == OPEN:
            await self._app(scope, receive, send)
        elif self._tickets is None:
            if _is_reachable(scope):
                await _refuse(scope, send, _Reply(403, UNPROTECTED))
            else:
                await self._app(scope, receive, send)
        elif scope["type"] == "websocket":
            await self._websocket(scope, receive, send, self._tickets)
        else:
            await self._request(scope, receive, send, self._tickets)

    async def _websocket(self, scope: Scope, receive: Receive, send: Send, tickets: Tickets) -> None:
        """Pass on messages as long as the visitor is signed in."""
        ticket = _ticket(scope, tickets)
        if ticket is None:
            await _refuse(scope, send, _Reply(401, "Sign in first."))
            return

        async def checked() -> Message:
            message = await receive()
            return message if tickets.is_valid(ticket) else {"type": "websocket.disconnect", "code": 1008}

        await self._app(scope, checked, send)

    async def _request(self, scope: Scope, receive: Receive, send: Send, tickets: Tickets) -> None:
        path, ticket = _path(scope), _ticket(scope, tickets)
        if path == SIGN_IN and scope["method"] == "POST":
            reply = await self._sign_in(scope, receive, tickets)
        elif path == SIGN_OUT and scope["method"] == "POST":
            if ticket is not None:
                tickets.end(ticket)
            reply = _Reply(303, "", headers=(("location", _base() + "/"), ("set-cookie", _cookie(scope, "", 0))))
        elif ticket is not None and path == SIGN_OUT:
            reply = _Reply(200, sign_out_page(_base() + SIGN_OUT, _base() + "/"), "text/html")
        elif ticket is not None:
            await self._app(scope, receive, send)
            return
        elif scope["method"] in ("GET", "HEAD") and "text/html" in _header(scope, b"accept"):
            reply = self._form(scope, 401, _asked(scope))
        else:
            reply = _Reply(401, "Sign in first.")
        await _refuse(scope, send, reply)

    async def _sign_in(self, scope: Scope, receive: Receive, tickets: Tickets) -> _Reply:
        """Check a password that was sent; the way back leads to a path of this app only."""
        fields = parse_qs(await _body(receive), keep_blank_values=True, errors="replace")
        target = _own_path(fields.get("next", [""])[-1])
        address = str((scope.get("client") or ("",))[0])
        if seconds := self._attempts.wait(address):
            problem = f"Too many wrong passwords. Try again in {seconds} seconds."
            reply = self._form(scope, 429, target, problem)
            return reply._replace(headers=(*reply.headers, ("retry-after", str(seconds))))
        if not tickets.is_password(fields.get("password", [""])[-1]):
            self._attempts.failed(address)
            return self._form(scope, 403, target, "This is not the password.")
        cookie = _cookie(scope, tickets.issue(), None)
        return _Reply(303, "", headers=(("location", target), ("set-cookie", cookie)))

    def _form(self, scope: Scope, status: int, target: str, problem: str = "") -> _Reply:
        body = "" if scope["method"] == "HEAD" else sign_in_page(_base() + SIGN_IN, target, problem)
        return _Reply(status, body, "text/html")


def _is_reachable(scope: Scope) -> bool:
    """Whether the app listens on, or this request came in by, an address that other machines can reach."""
    server = scope.get("server")
    came_in = server is not None and server[1] is not None and is_exposed(str(server[0]))
    return is_exposed(st.get_option("server.address")) or came_in


def _base() -> str:
    base = str(st.get_option("server.baseUrlPath") or "").strip("/")
    return f"/{base}" if base else ""


def _path(scope: Scope) -> str:
    return str(scope["path"]).removeprefix(_base())


def _asked(scope: Scope) -> str:
    """Path and query of a request, to return to after the sign-in."""
    query = scope.get("query_string", b"").decode("latin-1")
    return _own_path(quote(str(scope["path"]), safe="/!$&'()*+,;=:@-._~") + (f"?{query}" if query else ""))


def _own_path(text: str) -> str:
    """A path of this app for a header; anything else becomes its first page."""
    printable = text.isascii() and text.isprintable() and "\\" not in text
    own = text.startswith("/") and not text.startswith("//") and len(text) < _LARGEST_FORM // 2
    return text if printable and own else f"{_base()}/"


def _cookie_name(scope: Scope) -> str:
    """With the port, because a browser sends the cookies of a host to all of its ports."""
    server = scope.get("server")
    return f"{COOKIE}{server[1] if server and server[1] else 'app'}"


def _cookie(scope: Scope, value: str, age: int | None) -> str:
    limit = "" if age is None else f"; Max-Age={age}"
    secure = "; Secure" if scope.get("scheme") == "https" else ""
    return f"{_cookie_name(scope)}={value}; Path={_base()}/; HttpOnly; SameSite=Strict{limit}{secure}"


def _ticket(scope: Scope, tickets: Tickets) -> str | None:
    """The valid ticket of a request, if it has one."""
    for text in _headers(scope, b"cookie"):
        try:
            found = SimpleCookie(text).get(_cookie_name(scope))
        except CookieError:
            continue
        if found is not None and tickets.is_valid(str(found.value)):
            return str(found.value)
    return None


async def _body(receive: Receive) -> str:
    """The body of a form; empty if it is larger than any sign-in."""
    body: bytes = b""
    while len(body) <= _LARGEST_FORM:
        message = await receive()
        body += bytes(message.get("body", b""))
        if not message.get("more_body"):
            return body.decode("ascii", "replace")
    return ""


async def _refuse(scope: Scope, send: Send, reply: _Reply) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1008, "reason": reply.body[:100]})
        return
    named = [*_HEADERS.items(), ("content-type", f"{reply.kind}; charset=utf-8"), *reply.headers]
    headers = [(name.encode(), value.encode("latin-1")) for name, value in named]
    await send({"type": "http.response.start", "status": reply.status, "headers": headers})
    await send({"type": "http.response.body", "body": reply.body.encode()})


def _header(scope: Scope, name: bytes) -> str:
    return ", ".join(_headers(scope, name))


def _headers(scope: Scope, name: bytes) -> Iterable[str]:
    return [value.decode("latin-1") for key, value in scope["headers"] if key.lower() == name]
