"""Every command of `twinlens`. Thin: options come from the configuration's defaults, the work is one call away."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

import typer

from indexer.cli.base import plain_app
from indexer.cli.build import build, rebuild
from indexer.cli.calibrate import calibrate
from indexer.cli.changes import add, remove, sync
from indexer.cli.check import check
from indexer.cli.duplicates import duplicates
from indexer.cli.evaluate import evaluate
from indexer.cli.exchange import export, import_vectors
from indexer.cli.identify import identify, identities
from indexer.cli.info import info
from indexer.cli.map import draw_map
from indexer.cli.metadata import metadata
from indexer.cli.people import attend, enroll, unenroll
from indexer.cli.query import query
from indexer.cli.sections import Sections
from indexer.cli.train import recipes, teach, train
from indexer.cli.verify import verify
from indexer.cli.web import demo, serve_app

SECTIONS: dict[str, dict[str, Callable[..., None]]] = {
    "Index a collection": {
        "build": build,
        "add": add,
        "remove": remove,
        "sync": sync,
        "rebuild": rebuild,
        "info": info,
        "check": check,
    },
    "Search it": {"query": query, "app": serve_app, "duplicates": duplicates, "map": draw_map, "demo": demo},
    "Metadata, and vectors in and out": {"metadata": metadata, "export": export, "import": import_vectors},
    "Same or different": {"calibrate": calibrate, "verify": verify, "evaluate": evaluate},
    "Who is it": {
        "enroll": enroll,
        "unenroll": unenroll,
        "identities": identities,
        "identify": identify,
        "attend": attend,
    },
    "Train an encoder": {"train": train, "teach": teach, "recipes": recipes},
}
"""Every command, under its heading in the help."""

app = plain_app(
    name="twinlens",
    help="Find the pictures of a collection that look like a given picture.",
    no_args_is_help=True,
    cls=Sections,
)
for heading, commands in SECTIONS.items():
    for name, command in commands.items():
        app.command(name, rich_help_panel=heading)(command)


def _show_version(wanted: bool) -> None:
    if wanted:
        from search import __version__

        typer.echo(f"twinlens {__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version and end.", callback=_show_version, is_eager=True)
    ] = False,
) -> None:
    """Options of `twinlens` itself, before any command."""
