"""The demonstration, and the app's server: from a checkout, or from an installed package."""

from __future__ import annotations

import ipaddress
import os
import socket
import sys
from importlib.util import find_spec
from pathlib import Path

from search.errors import DataError

HOME = Path(__file__).resolve().parents[2]
"""The checkout, or the folder that packages are installed into."""
SAMPLE = HOME / "data" / "sample"
DEMO_INDEX = HOME / "data" / "sample.index"
APP = HOME / "app.py"
CONFIG = Path(".streamlit", "config.toml")


def demo_query() -> Path:
    """The sample picture that the demonstration asks with.

    Raises:
        DataError: Twinlens was installed without the sample collection.
    """
    pictures = sorted(SAMPLE.glob("*/*.jpg"))
    if not pictures:
        raise DataError(
            f"{SAMPLE}: the sample collection is not here, as it is not part of the installed package. Run the demo "
            "from a checkout of the repository, or index pictures of yours: twinlens build PICTURES --index DIR, then "
            "twinlens app --index DIR"
        )
    return pictures[len(pictures) // 2]


def is_local(host: str) -> bool:
    """Whether an address is of this machine alone."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def url(host: str, port: int) -> str:
    """Where a browser finds the app."""
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def app_command(index: Path, port: int, host: str = "127.0.0.1") -> list[str]:
    """The command that serves the app for an index, without telemetry."""
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
    # -P: the folder that the server runs in holds modules of ours, which must not hide those of the library
    return [sys.executable, "-P", "-m", "streamlit", "run", str(APP), *flags, "--", "--index", str(index)]


def check_address(port: int, host: str = "127.0.0.1") -> None:
    """See that the app can be served there.

    Raises:
        DataError: the port is taken, the address is none of this machine, or the app is not installed.
    """
    if not APP.is_file() or find_spec("streamlit") is None:
        raise DataError(f"{APP}: the app is not installed here. Install Twinlens again, with its dependencies")
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except (socket.gaierror, UnicodeError) as error:
        raise DataError(f"{host}: no such address. Give another --host, such as 127.0.0.1") from error
    except OSError as error:
        raise DataError(
            f"port {port} of {host} cannot be used ({error.strerror}): stop what listens there, or give another --port"
        ) from error


def serve(index: Path, port: int, host: str = "127.0.0.1") -> None:
    """Become the app's server, at an address that `check_address` found free; does not return."""
    command = app_command(index.absolute(), port, host)
    os.chdir(_config_home())
    sys.stdout.flush()
    os.execv(command[0], command)  # no shell, and Ctrl-C goes straight to the server


def _config_home() -> Path:
    """The folder whose `.streamlit/config.toml` is the app's: Streamlit reads that of the folder it runs in."""
    places = (HOME, HOME / "app_parts")  # of a checkout, and of an installed package
    return next((place for place in places if (place / CONFIG).is_file()), HOME)
