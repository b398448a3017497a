"""Reject requests to the app's server that do not come from its own pages under its own name.

Otherwise any web page could talk to the app. With a name of its own that resolves to 127.0.0.1 (DNS rebinding), the
visitor's browser treats the app as part of that page; `Host` reveals this. A WebSocket may be opened across origins,
which `Origin` reveals. Streamlit checks both only for its WebSocket, checks `Host` only if `server.allowedHosts` is
set, and contacts a host on the internet for this machine's address before it rejects an `Origin`. Therefore requests
are rejected here, before Streamlit sees them, for every path.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import streamlit as st

from service.authority import EVERYWHERE, LOCAL, PORTS, Authority, matches, values_of

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send


class Guard:
    """ASGI middleware that answers 403 to requests for which `refusal` returns a reason."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer or pass on; a WebSocket is passed on without `Origin`, which Streamlit would check again."""
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
    """The reason to reject a request, and how to allow it; None to accept it.

    A request without `Origin` is not from a script of another page, unless the browser marks it as loading a resource
    such as a picture for one. Following a link to the app is allowed.
    """
    hosts, origins = values_of(scope, b"host"), values_of(scope, b"origin")
    host = Authority.read(hosts[0]) if len(hosts) == 1 else None
    if host is None:
        return "This request needs exactly one valid Host header."
    if not _named(host.name, scope):
        return (
            f"This app does not serve the host name {host.name}. To allow it, start the app with"
            f" --server.allowedHosts {host.name}; see docs/app.md."
        )
    if origins:
        return None if len(origins) == 1 and _own_origin(origins[0], hosts[0]) else _FOREIGN
    foreign = any(value.lower() in ("cross-site", "same-site") for value in values_of(scope, b"sec-fetch-site"))
    navigated = values_of(scope, b"sec-fetch-mode") == ["navigate"]
    return _FOREIGN if foreign and not navigated else None


_FOREIGN = (
    "This request comes from another web page (Origin). To allow that page, start the app with"
    " --server.corsAllowedOrigins and its address; see docs/app.md."
)


def _named(name: str, scope: Scope) -> bool:
    """Whether the server has a name: one of `server.allowedHosts` or, without that option, a local or configured one.

    A numeric address is accepted if the connection came in by it, because rebinding requires a name.
    """
    allowed = _listed("server.allowedHosts")
    if allowed:
        return any(matches(name, pattern) for pattern in allowed)
    configured = {str(st.get_option(option) or "").lower() for option in ("server.address", "browser.serverAddress")}
    server = scope.get("server")
    return name in LOCAL | (configured - EVERYWHERE) | ({server[0]} if server else set())


def _own_origin(origin: str, host: str) -> bool:
    """Whether a page of this origin may use the app at this host: its own pages, and origins that are allowed."""
    if not st.get_option("server.enableCORS") or origin in st.get_option("server.corsAllowedOrigins"):
        return True
    try:
        scheme, netloc, *rest = urlsplit(origin)
    except ValueError:
        return False
    if scheme not in PORTS or any(rest):
        return False
    page, own = Authority.read(netloc, scheme), Authority.read(host, scheme)
    if page is None or own is None:
        return False
    return page == own or (page.port == own.port and {page.name, own.name} <= LOCAL)


def _listed(option: str) -> list[str]:
    return [value.strip().lower().rstrip(".") for value in st.get_option(option)]
