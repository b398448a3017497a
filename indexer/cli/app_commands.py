"""The commands `app` and `demo`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from indexer.cli.base import warn
from indexer.cli.build import build
from indexer.cli.query import query
from search.errors import DataError
from search.text import one_line

if TYPE_CHECKING:
    from indexer.cli.app_server import Serving

PortOption = Annotated[int, typer.Option(help="Port that the app listens on.", min=1, max=65535)]
_PORT = 8501
_THIS_MACHINE = "127.0.0.1"
_QUESTION = "football/02.jpg"
"""The picture of the sample that the demo asks about; the other views of that thing are the right answer."""
_VIEWS = 5
"""Pictures of each thing in the sample."""


def serve_app(
    index: Annotated[
        Path | None,
        typer.Option(
            "--index", "-i", help="The index folder. Without one, the app shows how to make one.", show_default=False
        ),
    ] = None,
    port: PortOption = _PORT,
    host: Annotated[
        str,
        typer.Option(
            help="Address that the app listens on; the default is reachable from this machine only, any other needs a "
            "password."
        ),
    ] = _THIS_MACHINE,
    manage: Annotated[
        bool,
        typer.Option(
            "--manage",
            help="Let visitors make and change indexes in the browser. They can then read folders of this machine.",
        ),
    ] = False,
    runs: Annotated[
        Path | None, typer.Option(metavar="DIR", help="A folder of training runs to show.", show_default=False)
    ] = None,
    log: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="The log of `twinlens attend`, for the page People.", show_default=False),
    ] = None,
    password_file: Annotated[
        Path | None,
        typer.Option(
            "--password-file",
            metavar="FILE",
            help="A file with the password that visitors must give; or set TWINLENS_APP_PASSWORD.",
            show_default=False,
        ),
    ] = None,
    service: Annotated[
        str | None,
        typer.Option(
            "--url",
            metavar="ADDRESS",
            help="Search an index of `twinlens serve` at this address, such as http://127.0.0.1:8080, instead of "
            "--index. Its API key is set by TWINLENS_API_KEY.",
            show_default=False,
        ),
    ] = None,
    index_name: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="With --url: name of the index, if the service has several.", show_default=False
        ),
    ] = None,
) -> None:
    """Serve the app for an index: upload or pick a picture, see its neighbours. Stop it with Ctrl-C."""
    from indexer.cli.app_server import Serving
    from search.engine import open_index
    from search.store.catalog import has_catalog

    if service is not None and (index is not None or manage):
        raise DataError(
            "--url searches an index of a service, and changes none: give either --url or "
            + ("--index" if index is not None else "--manage")
        )
    if index_name is not None and service is None:
        raise DataError("--index-name names an index of a service: give its address by --url")
    if service is not None:
        _check_service(service, index_name)
    if index is not None and (has_catalog(index) or not manage):
        with open_index(index, device="cpu"):
            pass  # an error of the index is reported here, and not on the page
    _serve(Serving(index, manage, runs, log, password_file, service, index_name), host, port)


def _check_service(url: str, name: str | None) -> None:
    """Report here, and not on the page, what is wrong with a service; one that does not answer may begin later.

    Raises:
        TwinlensError: the address is none, or the service refuses the key or has no such index.
    """
    from search.client import Client, ServiceError
    from search.client.endpoint import check_url, key_of_environment

    try:
        with Client(check_url(url), name, key=key_of_environment()) as client:
            client.info()
    except ServiceError as error:
        if error.kind:
            raise
        warn(f"{error}. The app is served, and asks again")


def demo(
    port: PortOption = _PORT,
    open_app: Annotated[bool, typer.Option("--app/--no-app", help="Serve the app at the end.")] = True,
) -> None:
    """Index the sample collection, answer one query here, and serve the app for it."""
    from indexer.cli.app_server import DATA, Serving

    sample, index = DATA / "sample", DATA / "sample.index"
    picture = _sample_picture(sample)
    build(sample, index)
    thing = picture.parent.name
    typer.echo(f"\nWhich of the other pictures look like {thing}/{picture.name}?")
    query(str(index), [str(picture)], k=_VIEWS - 1, where=[f"path not glob '*/{thing}/{picture.name}'"])
    if open_app:
        _serve(Serving(index), _THIS_MACHINE, port)


def _sample_picture(sample: Path) -> Path:
    """The picture of the sample collection to ask about.

    Raises:
        DataError: Twinlens was installed without it.
    """
    picture = sample / _QUESTION
    if not picture.is_file():
        raise DataError(
            f"{sample}: the sample collection is not here, as it is not part of the installed package. Run the demo "
            "from a checkout of the repository, or index your own pictures: twinlens build PICTURES --index DIR, then "
            "twinlens app --index DIR"
        )
    return picture


def _serve(serving: Serving, host: str, port: int) -> None:
    from indexer.cli.app_server import check_address, check_password, is_local, serve, url

    check_address(port, host)
    check_password(host, serving.password_file)
    if not is_local(host):
        warn(f"anyone who can reach {host} and has the password can use the app; it is not encrypted")
    typer.echo(one_line(f"The app: {url(host, port)} (stop it with Ctrl-C)"))
    serve(serving, port, host)
