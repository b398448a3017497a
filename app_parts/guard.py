"""Who may talk to the app's server: requests that name it as it is called, from its own pages.

Without this any web page could: a name of its own that it lets point to 127.0.0.1 (DNS rebinding) makes the visitor's
browser take the app for a part of that page, which `Host` betrays; and a WebSocket may be opened across origins, which
`Origin` betrays. Streamlit looks at both for its WebSocket only, at `Host` only where `server.allowedHosts` is set, and
asks a host on the internet for this machine's address before it refuses an `Origin`. So what is refused is refused
here, before Streamlit sees it, for whatever path.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

import streamlit as st

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

LOCAL = frozenset({"localhost", "127.0.0.1", "::1"})
EVERYWHERE = frozenset({"0.0.0.0", "::"})
"""Addresses to listen on that are not the name of anything."""
_AUTHORITY = re.compile(r"(?:\[(?P<six>[0-9a-f:.]{2,45})\]|(?P<name>[a-z0-9_.-]{1,253}))(?::(?P<port>\d{1,5}))?")
_PORTS = {"http": "80", "https": "443"}


class Authority(NamedTuple):
    """Name and port of a `Host` or an `Origin`, in lower case; the port is empty where none is given."""

    name: str
    port: str

    @classmethod
    def read(cls, text: str, scheme: str = "") -> Authority | None:
        """Parse `name`, `name:port` or `[v6]:port`; None of anything else. A scheme's own port is left out."""
        found = _AUTHORITY.fullmatch(text.lower())
        if found is None:
            return None
        port = found["port"] or ""
        return cls((found["six"] or found["name"]).rstrip("."), "" if port == _PORTS.get(scheme) else port)


class Guard:
    """ASGI middleware that answers 403 to what `refusal` refuses."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or pass on. A WebSocket is passed on without `Origin`, which Streamlit would look into again."""
        problem = None if scope["type"] == "lifespan" else refusal(scope)
        if problem is None:
            if scope["type"] == "websocket":
                scope = {**scope, "headers": [pair for pair in scope["headers"] if pair[0].lower() != b"origin"]}
            await self.app(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008, "reason": problem[:100]})
        else:
            headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"x-content-type-options", b"nosniff")]
            await send({"type": "http.response.start", "status": 403, "headers": headers})
            await send({"type": "http.response.body", "body": f"{problem}\n".encode()})


def refusal(scope: Scope) -> str | None:
    """Why a request is refused, and what to do if it should not be; None of one that is not.

    A request without `Origin` is no script of another page, unless the browser says that it loads a picture or the
    like for one: following a link to the app is allowed.
    """
    hosts, origins = _values(scope, b"host"), _values(scope, b"origin")
    host = Authority.read(hosts[0]) if len(hosts) == 1 else None
    if host is None:
        return "This request does not say which server it is for (Host)."
    if not _named(host.name, scope):
        return (
            f"This app does not go by the name {host.name}. If it should, start it with"
            f" --server.allowedHosts {host.name}; docs/app.md says more."
        )
    if origins:
        return None if len(origins) == 1 and _own_origin(origins[0], hosts[0]) else _FOREIGN
    foreign = any(value.lower() in ("cross-site", "same-site") for value in _values(scope, b"sec-fetch-site"))
    navigated = _values(scope, b"sec-fetch-mode") == ["navigate"]
    return _FOREIGN if foreign and not navigated else None


_FOREIGN = (
    "This request comes from another page (Origin). If that page may use the app, start it with"
    " --server.corsAllowedOrigins and its address; docs/app.md says more."
)


def _named(name: str, scope: Scope) -> bool:
    """Whether the server goes by a name: one of `server.allowedHosts`, or else a local or configured one.

    An address in numbers is fine if the connection came in by it, as a name is what rebinding needs.
    """
    allowed = _listed("server.allowedHosts")
    if allowed:
        return any(_matches(name, pattern) for pattern in allowed)
    configured = {str(st.get_option(option) or "").lower() for option in ("server.address", "browser.serverAddress")}
    server = scope.get("server")
    return name in LOCAL | (configured - EVERYWHERE) | ({server[0]} if server else set())


def _matches(name: str, pattern: str) -> bool:
    """As Streamlit reads a pattern: `*` is any name, `*.example.com` any below example.com."""
    return pattern == "*" or name == pattern or (pattern.startswith("*.") and name.endswith(pattern[1:]))


def _own_origin(origin: str, host: str) -> bool:
    """Whether a page of this origin may use the app at this host: its own page, or one that was allowed."""
    if not st.get_option("server.enableCORS") or origin in st.get_option("server.corsAllowedOrigins"):
        return True
    try:
        scheme, netloc, *rest = urlsplit(origin)
    except ValueError:
        return False
    if scheme not in _PORTS or any(rest):
        return False
    page, own = Authority.read(netloc, scheme), Authority.read(host, scheme)
    if page is None or own is None:
        return False
    return page == own or (page.port == own.port and {page.name, own.name} <= LOCAL)


def _listed(option: str) -> list[str]:
    return [value.strip().lower().rstrip(".") for value in st.get_option(option)]


def _values(scope: Scope, name: bytes) -> list[str]:
    """Every value of a header; bytes that are no ASCII stay distinct and match nothing."""
    return [value.decode("latin-1").strip() for key, value in scope["headers"] if key.lower() == name]
