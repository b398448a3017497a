"""The command `mcp`."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Annotated

import typer

from indexer.cli.options import DeviceOption
from search.config import QueryConfig
from search.errors import DataError


def mcp(
    index: Annotated[
        list[str],
        typer.Option(
            "--index",
            "-i",
            metavar="[NAME=]DIR",
            help="An index to look through; may be repeated. Its name is that of the folder, unless it is given.",
        ),
    ],
    device: DeviceOption = QueryConfig.device,
) -> None:
    """Serve indexes to an assistant by the Model Context Protocol, on standard input and output; read-only.

    An assistant starts this command itself: give it `twinlens mcp --index DIR` as the command of a server. See
    docs/service.md; the extra mcp is needed.
    """
    if find_spec("mcp") is None:
        raise DataError('mcp: not installed, and this command needs it: pip install "twinlens[mcp]"')
    from search.engine import open_index
    from service.config import Limits, Served, named_folders
    from service.mcp_server import mcp_server
    from service.opened import OpenIndex, OpenIndexes

    served = [Served(name, folder) for name, folder in named_folders(index).items()]
    for each in served:
        with open_index(each.folder, device="cpu"):
            pass  # an error of the index is reported here, and not by every tool
    mcp_server(OpenIndexes([OpenIndex(each, device) for each in served]), Limits()).run("stdio")
