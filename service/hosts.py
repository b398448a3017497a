"""Reject requests under another name than that of the service, and from scripts of web pages that are not allowed.

A web page could otherwise reach a service on 127.0.0.1 by a name of its own (DNS rebinding), or change an index by a
form. A browser marks both: by `Host`, and by `Origin` or `Sec-Fetch-Site`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from service.authority import EVERYWHERE, LOCAL, Authority, matches, values_of
from service.problems import ProblemError, response_of

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

    from service.config import ServiceConfig


class HostCheck:
    """ASGI middleware that answers 403 to requests from elsewhere."""

    def __init__(self, app: ASGIApp, config: ServiceConfig) -> None:
        self._app = app
        own = {config.host.lower()} - EVERYWHERE
        self._names = LOCAL | own
        self._patterns = tuple(name.lower().rstrip(".") for name in config.allowed_hosts)
        self._origins = frozenset(origin.lower().rstrip("/") for origin in config.origins)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer or pass on."""
        problem = self._refusal(scope) if scope["type"] == "http" else None
        if problem is None:
            await self._app(scope, receive, send)
        else:
            await response_of(ProblemError("foreign-request", problem))(scope, receive, send)

    def _refusal(self, scope: Scope) -> str | None:
        hosts = values_of(scope, b"host")
        host = Authority.read(hosts[0]) if len(hosts) == 1 else None
        if host is None:
            return "the request needs exactly one valid Host header"
        if not self._is_own(host.name, scope):
            return f"the service has not the name {host.name}: start it with --allowed-host {host.name}"
        return self._foreign(scope)

    def _is_own(self, name: str, scope: dict[str, Any] | Scope) -> bool:
        """Whether the service has a name. A numeric address is its own if the connection came in by it."""
        server = scope.get("server")
        came_in = {str(server[0]).lower()} if server else set()
        return name in self._names or name in came_in or any(matches(name, each) for each in self._patterns)

    def _foreign(self, scope: Scope) -> str | None:
        origins = values_of(scope, b"origin")
        if origins:
            if len(origins) == 1 and origins[0].lower() in self._origins:
                return None
            return "scripts of this web page (Origin) may not use the service: start it with --allow-origin"
        sites = {value.lower() for value in values_of(scope, b"sec-fetch-site")}
        navigated = values_of(scope, b"sec-fetch-mode") == ["navigate"] and scope["method"] == "GET"
        if sites & {"cross-site", "same-site"} and not navigated:
            return "web pages of other origins may not use the service: start it with --allow-origin"
        return None
