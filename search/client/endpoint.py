"""Where a service is, and the key that it is asked with."""

from __future__ import annotations

import os
from urllib.parse import urlsplit

from search.errors import DataError

KEY = "TWINLENS_API_KEY"
"""The environment variable that holds the API key of a client."""


def key_of_environment() -> str | None:
    """The API key of the environment; None if there is none.

    Raises:
        DataError: no header can hold it.
    """
    key = os.environ.get(KEY, "").strip()
    if not (key.isascii() and key.isprintable()):
        raise DataError(f"{KEY}: a key has printable ASCII characters only. Copy it from the keys of the service")
    return key or None


def check_url(url: str) -> str:
    """Return the address of a service.

    Raises:
        DataError: it is none, or it holds a name or a password, which all users of the machine would see.
    """
    try:
        parts = urlsplit(url)
        named = parts.hostname and parts.port != 0  # `port` raises ValueError
    except ValueError:
        parts, named = urlsplit(""), ""
    if parts.scheme not in ("http", "https") or not named or parts.query or parts.fragment:
        raise DataError(f"{url}: this is not the address of a service, which is like http://127.0.0.1:8080")
    if parts.username is not None or parts.password is not None:
        raise DataError(f"the address of a service holds no name or password: set {KEY} to an API key of the service")
    return url
