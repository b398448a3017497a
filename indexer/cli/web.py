"""The commands `app` and `demo`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from indexer.cli.build import build
from indexer.cli.options import IndexOption
from indexer.cli.query import query
from search.text import one_line

PortOption = Annotated[int, typer.Option(help="Port that the app listens on.", min=1, max=65535)]
_PORT = 8501
_HERE = "127.0.0.1"


def serve_app(
    index: IndexOption,
    port: PortOption = _PORT,
    host: Annotated[str, typer.Option(help="Address that the app listens on: the default is this machine alone.")] = (
        _HERE
    ),
) -> None:
    """Serve the app for an index: upload or pick a picture, see its neighbours. Stop it with Ctrl-C."""
    from search.engine import open_index

    with open_index(index, device="cpu"):
        pass  # what is wrong with the index is reported here, and not in the page
    _serve(index, host, port)


def demo(
    port: PortOption = _PORT,
    open_app: Annotated[bool, typer.Option("--app/--no-app", help="Serve the app at the end.")] = True,
) -> None:
    """Index the sample collection, answer one query here, and open the app on it."""
    from indexer.cli import demo as demonstration

    picture = demonstration.demo_query()
    build(demonstration.SAMPLE, demonstration.DEMO_INDEX)
    query(demonstration.DEMO_INDEX, [str(picture)], k=5)
    if open_app:
        _serve(demonstration.DEMO_INDEX, _HERE, port)


def _serve(index: Path, host: str, port: int) -> None:
    from indexer.cli.demo import check_address, is_local, serve, url

    check_address(port, host)
    if not is_local(host):
        typer.secho(
            one_line(f"warning: whoever reaches {host} can use the app: it has no password"), fg="yellow", err=True
        )
    typer.echo(one_line(f"The app: {url(host, port)} (stop it with Ctrl-C)"))
    serve(index, port, host)
