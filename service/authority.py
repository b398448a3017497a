"""Names of servers in the headers `Host` and `Origin`, for the service and for the app."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

LOCAL = frozenset({"localhost", "127.0.0.1", "::1"})
EVERYWHERE = frozenset({"0.0.0.0", "::"})
"""Addresses to listen on that are not names."""
PORTS = {"http": "80", "https": "443"}
_AUTHORITY = re.compile(r"(?:\[(?P<six>[0-9a-f:.]{2,45})\]|(?P<name>[a-z0-9_.-]{1,253}))(?::(?P<port>\d{1,5}))?")


class Authority(NamedTuple):
    """Name and port of a `Host` or `Origin` header, in lower case; the port is empty if none is given."""

    name: str
    port: str

    @classmethod
    def read(cls, text: str, scheme: str = "") -> Authority | None:
        """Parse `name`, `name:port` or `[v6]:port`; None for anything else. The scheme's default port is dropped."""
        match = _AUTHORITY.fullmatch(text.lower())
        if match is None:
            return None
        port = match["port"] or ""
        return cls((match["six"] or match["name"]).rstrip("."), "" if port == PORTS.get(scheme) else port)


def matches(name: str, pattern: str) -> bool:
    """Match a pattern: `*` is any name, `*.example.com` any name below example.com."""
    return pattern == "*" or name == pattern or (pattern.startswith("*.") and name.endswith(pattern[1:]))


def values_of(scope: Mapping[str, Any], name: bytes) -> list[str]:
    """All values of a header; non-ASCII bytes stay distinct and match nothing."""
    return [value.decode("latin-1").strip() for key, value in scope["headers"] if key.lower() == name]
