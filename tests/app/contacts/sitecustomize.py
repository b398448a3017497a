"""Loaded by the Python of a server under test: writes down, and refuses, whatever leaves this machine.

What is opened below the folder TWINLENS_FORBIDDEN, if that is set, is refused too.

Python imports a module of this name at its start from the folders of PYTHONPATH. `TWINLENS_CONTACTS` names the file.
"""

import os
import socket
import sys

FILE = os.environ["TWINLENS_CONTACTS"]
LOCAL = {"127.0.0.1", "::1", "localhost", "0.0.0.0", "::", "", None}
OWN = socket.socket


def refused(what: str, host: object) -> OSError:
    """Write down an attempt; what it gets."""
    with open(FILE, "a", encoding="utf-8") as file:  # noqa: PTH123  (at the start of Python the less is imported the better)
        file.write(f"{what} {host!r}\n")
    return OSError(f"the test lets nothing out: {what} {host!r}")


def local(address: object) -> bool:
    """Whether an address is one of this machine: a path of a Unix socket, or a loopback address."""
    return not isinstance(address, tuple) or address[0] in LOCAL


class Socket(OWN):
    """A socket that connects to this machine only."""

    def connect(self, address):
        if not local(address):
            raise refused("connect", address)
        return super().connect(address)

    def connect_ex(self, address):
        if not local(address):
            raise refused("connect", address)
        return super().connect_ex(address)

    def sendto(self, data, *rest):
        if not local(rest[-1]):
            raise refused("sendto", rest[-1])
        return super().sendto(data, *rest)


def guarded(name):
    """A look-up of names that knows this machine only."""
    own = getattr(socket, name)

    def look_up(host, *rest, **named):
        if host not in LOCAL:
            raise refused(name, host)
        return own(host, *rest, **named)

    return look_up


socket.socket = Socket
for each in ("getaddrinfo", "gethostbyname", "gethostbyname_ex"):
    setattr(socket, each, guarded(each))


def watch(event, arguments):
    """Refuse to open a file of the folder that stands for another machine."""
    if event in ("open", "os.scandir", "os.listdir") and isinstance(arguments[0], str | bytes | os.PathLike):
        path = os.fsdecode(arguments[0])
        if path.startswith(os.environ["TWINLENS_FORBIDDEN"]):
            raise refused(event, path)


if "TWINLENS_FORBIDDEN" in os.environ:
    sys.addaudithook(watch)
