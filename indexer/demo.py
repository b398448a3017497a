"""The demonstration: index the sample collection, answer one query, open the app."""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path

from search.errors import DataError

HOME = Path(__file__).resolve().parent.parent
SAMPLE = HOME / "data" / "sample"
DEMO_INDEX = HOME / "data" / "sample.index"
APP = HOME / "app.py"


def demo_query() -> Path:
    """The sample picture that the demonstration asks with.

    Raises:
        DataError: Twinlens was installed without the sample collection.
    """
    pictures = sorted(SAMPLE.glob("*/*.jpg"))
    if not pictures or not APP.is_file():
        raise DataError(f"{SAMPLE}: the sample collection is not here. Run the demo from a checkout of the repository")
    return pictures[len(pictures) // 2]


def app_command(index: Path, port: int) -> list[str]:
    """The command that serves the app for an index, on this machine only and without telemetry."""
    options = {
        "--server.address": "127.0.0.1",
        "--server.port": str(port),
        "--server.headless": "true",
        "--server.enableCORS": "true",
        "--server.enableXsrfProtection": "true",
        "--browser.serverAddress": "127.0.0.1",
        "--browser.gatherUsageStats": "false",
    }
    flags = [word for pair in options.items() for word in pair]
    return [sys.executable, "-m", "streamlit", "run", str(APP), *flags, "--", "--index", str(index)]


def serve(index: Path, port: int) -> None:
    """Become the app's server; does not return.

    Raises:
        DataError: the port is taken.
    """
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise DataError(
                f"port {port} of 127.0.0.1 is taken: stop what listens there, or give another --port"
            ) from error
    os.chdir(HOME)  # where .streamlit/config.toml lies
    command = app_command(index, port)
    os.execv(command[0], command)  # no shell, and Ctrl-C goes straight to the server
