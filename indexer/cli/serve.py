"""The command `serve`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from indexer.cli.base import warn
from indexer.cli.options import DeviceOption, read_size
from search.config import QueryConfig


def serve(
    index: Annotated[
        list[str],
        typer.Option(
            "--index",
            "-i",
            metavar="[NAME=]DIR",
            help="An index to serve; may be repeated. Its name in addresses is that of the folder, unless it is given.",
        ),
    ],
    port: Annotated[int, typer.Option(help="Port that the service listens on.", min=1, max=65535)] = 8080,
    host: Annotated[
        str,
        typer.Option(
            help="Address that the service listens on; the default is reachable from this machine only, any other "
            "needs API keys."
        ),
    ] = "127.0.0.1",
    keys: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="A file of API keys: lines of `read KEY` and `write KEY`. Or set TWINLENS_READ_KEYS and "
            "TWINLENS_WRITE_KEYS.",
            show_default=False,
        ),
    ] = None,
    write: Annotated[
        bool, typer.Option("--write", help="Let callers change the indexes: one worker, and a key to write if any.")
    ] = False,
    pictures: Annotated[
        list[str] | None,
        typer.Option(
            metavar="[NAME=]DIR",
            help="With --write: the folder that jobs build from and sync with. May be repeated."
            "  [default: the folder that the index follows]",
            show_default=False,
        ),
    ] = None,
    uploads: Annotated[
        list[str] | None,
        typer.Option(
            metavar="[NAME=]DIR",
            help="With --write: a folder to store pictures in that callers add or enroll. May be repeated.",
            show_default=False,
        ),
    ] = None,
    workers: Annotated[
        int, typer.Option(help="Processes that answer; they share the mapped vectors.", min=1, max=64)
    ] = 1,
    allowed_host: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="A further name of the service in the header Host; *.example.com is any name below. May be repeated.",
            show_default=False,
        ),
    ] = None,
    allow_origin: Annotated[
        list[str] | None,
        typer.Option(
            metavar="ORIGIN",
            help="A web page whose scripts may use the service, such as https://shop.example.com. May be repeated.",
            show_default=False,
        ),
    ] = None,
    max_body: Annotated[
        int | None,
        typer.Option(metavar="SIZE", parser=read_size, help="Largest request.  [default: 64MB]", show_default=False),
    ] = None,
    max_pixels: Annotated[
        int | None,
        typer.Option(help="Pixels of the largest picture.  [default: what the decoder allows]", show_default=False),
    ] = None,
    max_k: Annotated[int, typer.Option(help="Largest number of hits.", min=1)] = 1_000,
    queue: Annotated[int, typer.Option(help="Requests that wait at most; more are refused.", min=0)] = 256,
    timeout: Annotated[float, typer.Option(help="Seconds to receive a request, and to answer it.", min=0.1)] = 60.0,
    device: DeviceOption = QueryConfig.device,
) -> None:
    """Serve indexes over HTTP to other programs, with the answers and defaults of the Python API.

    Stop it with Ctrl-C or SIGTERM: requests that run are answered first. Commits of other processes are served within a
    second. See docs/service.md; the extra service is needed.
    """
    from indexer.cli.service_server import limits_of, require_service, run_service, served
    from service.config import ServiceConfig

    require_service()
    config = ServiceConfig(
        served(index, pictures or [], uploads or [], write=write),
        write=write,
        host=host,
        allowed_hosts=tuple(allowed_host or ()),
        origins=tuple(allow_origin or ()),
        keys=None if keys is None else keys.absolute(),
        device=device,
        limits=limits_of(max_body, max_pixels, max_k, queue, timeout),
    )
    run_service(config, port, workers, warn)
