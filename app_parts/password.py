"""The password of the app: where it comes from, who gave it, and how often it may be tried."""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import os
import secrets
import time
from collections import OrderedDict
from pathlib import Path

from search.errors import DamagedFileError, DataError
from search.files.reading import open_regular

VARIABLE = "TWINLENS_APP_PASSWORD"
SHORTEST = 8
"""Fewest characters of a password."""
LONGEST = 1024
"""Most bytes of a password, and of one that is tried."""
SESSION_SECONDS = 12 * 3600
"""How long a sign-in is valid."""
ATTEMPTS, ATTEMPTS_OF_ALL, WINDOW_SECONDS = 5, 100, 300
"""Wrong passwords per visitor and of all visitors, in a window of so many seconds."""
_VISITORS = 10_000
"""Visitors whose attempts are counted; the oldest are forgotten."""


def read_password(file: str | None) -> str | None:
    """The password from a file, or from `TWINLENS_APP_PASSWORD`; None if neither is given.

    Raises:
        DataError: the file cannot be read, or the password is too short or too long.
    """
    if file is not None:
        password, where = _first_line(Path(file)), f"{file}"
    elif VARIABLE in os.environ:
        password, where = os.environ[VARIABLE], VARIABLE
    else:
        return None
    if len(password) < SHORTEST or len(_bytes(password)) > LONGEST:
        raise DataError(
            f"{where}: the password has {len(password)} characters; it needs at least {SHORTEST}, and at most "
            f"{LONGEST} bytes"
        )
    return password


def _first_line(file: Path) -> str:
    try:
        with open_regular(file) as stream:
            text = stream.read(LONGEST + 3).decode("utf-8")
    except UnicodeDecodeError:
        raise DataError(f"{file}: the password is not UTF-8") from None
    except DamagedFileError:
        raise DataError(f"{file}: this is not a file. Name a file that holds the password") from None
    except OSError as error:
        raise DataError(f"{file}: the password cannot be read ({error.strerror})") from error
    return text.removesuffix("\n").removesuffix("\r")


class Tickets:
    """Signed proofs that a visitor gave the password: `ID.EXPIRY.HMAC`, with a key made at the start.

    A restart of the server therefore ends all sessions. The password itself is not kept, only its HMAC.
    """

    def __init__(self, password: str) -> None:
        self._key = secrets.token_bytes(32)
        self._password = self._mac(_bytes(password))
        self._ended: OrderedDict[str, float] = OrderedDict()

    def is_password(self, tried: str) -> bool:
        """Compare in constant time, whatever the lengths."""
        return hmac.compare_digest(self._mac(_bytes(tried)), self._password)

    def issue(self) -> str:
        """A new ticket."""
        text = f"{secrets.token_hex(16)}.{int(time.time()) + SESSION_SECONDS}"
        return f"{text}.{self._mac(text.encode()).hex()}"

    def is_valid(self, ticket: str) -> bool:
        """Whether this server issued it, and it has not expired or ended."""
        text, _, signature = ticket.rpartition(".")
        if not hmac.compare_digest(self._mac(_bytes(text)).hex().encode(), _bytes(signature)):
            return False  # what follows reads only what this server wrote
        name, _, expiry = text.partition(".")
        return time.time() < int(expiry) and name not in self._ended

    def end(self, ticket: str) -> None:
        """Sign out: the ticket is invalid from now on."""
        if self.is_valid(ticket):
            name, expiry, _ = ticket.split(".")
            self._ended[name] = float(expiry)
            while self._ended and next(iter(self._ended.values())) < time.time():
                self._ended.popitem(last=False)

    def _mac(self, text: bytes) -> bytes:
        return hmac.new(self._key, text, hashlib.sha256).digest()


class Attempts:
    """Counts wrong passwords in a window of time, for each visitor and for all."""

    def __init__(self) -> None:
        self._wrong: OrderedDict[str, list[float]] = OrderedDict()
        self._all: list[float] = []

    def wait(self, address: str) -> int:
        """Seconds until a visitor may try again; 0 for now."""
        own, everyone = _recent(self._wrong.get(_visitor(address), [])), _recent(self._all)
        limits = ((own, ATTEMPTS), (everyone, ATTEMPTS_OF_ALL))
        ends = [times[-most] + WINDOW_SECONDS for times, most in limits if len(times) >= most]
        return max(0, int(max(ends) - time.monotonic()) + 1) if ends else 0

    def failed(self, address: str) -> None:
        """Count a wrong password."""
        now, visitor = time.monotonic(), _visitor(address)
        self._wrong[visitor] = [*_recent(self._wrong.pop(visitor, [])), now]
        self._all = [*_recent(self._all), now]
        if len(self._wrong) > _VISITORS:
            self._wrong.popitem(last=False)


def _recent(times: list[float]) -> list[float]:
    return [moment for moment in times if time.monotonic() - moment < WINDOW_SECONDS]


def _visitor(address: str) -> str:
    """The address of a visitor; of IPv6 its network, because one visitor has all addresses of it."""
    try:
        known = ipaddress.ip_address(address)
    except ValueError:
        return address
    return str(ipaddress.ip_network((known, 64), strict=False)) if known.version == 6 else str(known)


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")
