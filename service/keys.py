"""API keys: from a file or the environment, compared in constant time.

Each line of the file is `read KEY` or `write KEY`; a key to write may read too. Only the digests of keys are kept.
"""

from __future__ import annotations

import hashlib
import hmac
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from search.errors import DamagedFileError, DataError
from search.files.reading import open_regular
from service.authority import values_of
from service.problems import ProblemError, response_of

if TYPE_CHECKING:
    from pathlib import Path

    from starlette.types import ASGIApp, Receive, Scope, Send

VARIABLES = {"read": "TWINLENS_READ_KEYS", "write": "TWINLENS_WRITE_KEYS"}
"""What keys allow -> the environment variable that holds them, separated by blanks."""
SHORTEST = 16
"""Fewest characters of a key: it can be tried as often as the network allows."""
LONGEST = 512
_MOST = 10_000
"""Most keys."""
OPEN = frozenset({"/livez", "/readyz"})
"""Addresses that need no key."""
ACCESS = "twinlens.access"
"""Entry of a request's scope: `read` or `write`."""


@dataclass(frozen=True, slots=True)
class Keys:
    """The keys of a service, as digests."""

    read: tuple[bytes, ...] = ()
    write: tuple[bytes, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.read or self.write)

    @classmethod
    def load(cls, file: Path | None) -> Keys:
        """Read the keys of a file and of the environment.

        Raises:
            DataError: the file cannot be read, or a key is too short, too long, or given twice.
        """
        lines = [] if file is None else _lines(file)
        for access, variable in VARIABLES.items():
            lines += [(variable, f"{access} {key}") for key in os.environ.get(variable, "").split()]
        found: dict[str, list[bytes]] = {access: [] for access in VARIABLES}
        seen: set[bytes] = set()
        for where, line in lines:
            access, _, key = line.partition(" ")
            digest = _digest(key.strip())
            if access not in found or not SHORTEST <= len(key.strip()) <= LONGEST or len(key.split()) != 1:
                raise DataError(
                    f"{where}: a key is `read KEY` or `write KEY`, with {SHORTEST} to {LONGEST} characters and without"
                    " blanks"
                )
            if digest in seen:
                raise DataError(f"{where}: this key is given twice")
            seen.add(digest)
            found[access].append(digest)
        return cls(tuple(found["read"]), tuple(found["write"]))

    def access(self, given: str) -> str | None:
        """What a key allows: `read`, `write`, or None. Every key is compared, whichever matches."""
        digest = _digest(given)
        write = sum([hmac.compare_digest(digest, each) for each in self.write])
        read = sum([hmac.compare_digest(digest, each) for each in self.read])
        return "write" if write else "read" if read else None


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).digest()


def _lines(file: Path) -> list[tuple[str, str]]:
    """Place and text of each line that has a key."""
    try:
        with open_regular(file) as stream:
            text = stream.read((LONGEST + 8) * _MOST).decode("utf-8")
    except UnicodeDecodeError:
        raise DataError(f"{file}: the keys are not UTF-8") from None
    except DamagedFileError:
        raise DataError(f"{file}: this is not a file. Name a file that holds API keys") from None
    except OSError as error:
        raise DataError(f"{file}: the API keys cannot be read ({error.strerror})") from error
    numbered = enumerate(text.splitlines(), 1)
    lines = [(f"{file}, line {number}", line.strip()) for number, line in numbered]
    kept = [(where, line) for where, line in lines if line and not line.startswith("#")]
    if not kept:
        raise DataError(f"{file}: has no API key. Write lines such as: read {'x' * SHORTEST}")
    return kept


class KeyCheck:
    """ASGI middleware that answers 401 to requests without a key, if there are keys, and notes what a key allows."""

    def __init__(self, app: ASGIApp, keys: Keys) -> None:
        self._app = app
        self._keys = keys

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer or pass on."""
        if scope["type"] != "http" or not self._keys:
            scope[ACCESS] = "write"
            await self._app(scope, receive, send)
            return
        access = self._keys.access(_given(scope))
        if access is None and scope["path"] not in OPEN:
            problem = ProblemError("key-missing", "send an API key of this service: Authorization: Bearer KEY")
            await response_of(problem)(scope, receive, send)
            return
        scope[ACCESS] = access
        await self._app(scope, receive, send)


def _given(scope: Scope) -> str:
    """The key of a request; empty without one."""
    headers = values_of(scope, b"authorization")
    kind, _, key = headers[0].partition(" ") if len(headers) == 1 else ("", "", "")
    return key.strip() if kind.lower() == "bearer" else ""
