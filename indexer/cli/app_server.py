"""The process that serves the app, from a checkout or from an installed package."""

from __future__ import annotations

import ipaddress
import os
import socket
import sys
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from search.errors import DataError

HOME = Path(__file__).resolve().parents[2]
"""The checkout, or the folder that packages are installed into."""
DATA = HOME / "data"
"""The sample collection and its index, which only a checkout has."""
APP = HOME / "app.py"
PASSWORD = "TWINLENS_APP_PASSWORD"
"""The environment variable that holds the password of the app."""
CONFIG = Path(".streamlit", "config.toml")


def is_local(host: str) -> bool:
    """Whether an address is reachable from this machine only."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def url(host: str, port: int) -> str:
    """The address of the app for a browser."""
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


@dataclass(frozen=True)
class Serving:
    """What the app serves, and how it may be used."""

    index: Path | None
    """None for an app that helps to make one."""
    manage: bool = False
    runs: Path | None = None
    log: Path | None = None
    """The log of visits that `twinlens attend` writes."""
    password_file: Path | None = None
    url: str | None = None
    """Address of a service that is searched instead of an index."""
    index_name: str | None = None
    """Name of the index of the service."""


def app_command(serving: Serving, port: int, host: str = "127.0.0.1") -> list[str]:
    """The command that serves the app, without telemetry."""
    options = {
        "--server.address": host,
        "--server.port": str(port),
        "--server.headless": "true",
        "--server.enableCORS": "true",
        "--server.enableXsrfProtection": "true",
        "--browser.serverAddress": "127.0.0.1",
        "--browser.gatherUsageStats": "false",
    }
    flags = [word for pair in options.items() for word in pair]
    # -P: modules in the folder that the server runs in must not hide those of the library
    return [sys.executable, "-P", "-m", "streamlit", "run", str(APP), *flags, "--", *_words(serving)]


def _words(serving: Serving) -> list[str]:
    """The app's own options, which `app_parts/arguments.py` reads. Paths are absolute: the server runs elsewhere."""
    paths = {
        "--index": serving.index,
        "--runs": serving.runs,
        "--log": serving.log,
        "--password-file": serving.password_file,
    }
    named = [word for name, path in paths.items() if path is not None for word in (name, str(path.absolute()))]
    texts = {"--url": serving.url, "--index-name": serving.index_name}
    named += [f"{name}={text}" for name, text in texts.items() if text is not None]
    return [*named, *["--manage"] * serving.manage]


def check_password(host: str, password_file: Path | None) -> None:
    """Check that an app which other machines can reach has a password; the app checks the password itself.

    Raises:
        DataError: it has none.
    """
    if not is_local(host) and password_file is None and PASSWORD not in os.environ:
        raise DataError(
            f"{host} can be reached from other machines, and the app would have no password. Set {PASSWORD}, or give "
            "--password-file"
        )


def check_address(port: int, host: str = "127.0.0.1") -> None:
    """Check that the app can be served at an address.

    Raises:
        DataError: the port is taken, the address is not one of this machine, or the app is not installed.
    """
    if not APP.is_file() or find_spec("streamlit") is None:
        raise DataError(f"{APP}: the app is not installed here. Install Twinlens again, with its dependencies")
    check_free(port, host)


def check_free(port: int, host: str) -> None:
    """Check that a server can listen on an address.

    Raises:
        DataError: the port is taken, or the address is not one of this machine.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except (socket.gaierror, UnicodeError) as error:
        raise DataError(f"{host}: no such address. Give another --host, such as 127.0.0.1") from error
    except OSError as error:
        raise DataError(
            f"port {port} of {host} cannot be used ({error.strerror}). Stop what listens there, or give another --port"
        ) from error


def serve(serving: Serving, port: int, host: str = "127.0.0.1") -> None:
    """Replace this process by the app's server, at an address that passed `check_address`; does not return."""
    command = app_command(serving, port, host)
    os.chdir(_config_home())
    sys.stdout.flush()
    os.execv(command[0], command)  # no shell, and Ctrl-C reaches the server directly


def _config_home() -> Path:
    """The folder that the app must run in, because Streamlit reads `.streamlit/config.toml` of its current folder."""
    places = (HOME, HOME / "app_parts")  # of a checkout, and of an installed package
    return next((place for place in places if (place / CONFIG).is_file()), HOME)
