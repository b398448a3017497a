"""Every command of `twinlens`, under its heading in the help. Each is thin: it reads options and makes one call."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from indexer.cli.base import plain_app
from indexer.cli.build import build, rebuild
from indexer.cli.calibrate import calibrate
from indexer.cli.changes import add, remove, sync
from indexer.cli.check import check
from indexer.cli.duplicates import duplicates
from indexer.cli.encoders import encoders
from indexer.cli.evaluate import evaluate
from indexer.cli.exchange import export, import_vectors
from indexer.cli.explain import explain
from indexer.cli.identify import identify, identities
from indexer.cli.info import info
from indexer.cli.map import draw_map
from indexer.cli.metadata import metadata
from indexer.cli.people import attend, enroll, unenroll
from indexer.cli.query import query
from indexer.cli.serve import demo, serve_app
from indexer.cli.train import recipes, teach, train
from indexer.cli.verify import verify

SECTIONS: dict[str, dict[str, Callable[..., None]]] = {
    "Index a collection": {
        "build": build,
        "add": add,
        "remove": remove,
        "sync": sync,
        "rebuild": rebuild,
        "info": info,
        "check": check,
        "encoders": encoders,
    },
    "Search it": {"query": query, "app": serve_app, "duplicates": duplicates, "map": draw_map, "demo": demo},
    "Store metadata, export and import": {"metadata": metadata, "export": export, "import": import_vectors},
    "Verify and evaluate": {"calibrate": calibrate, "verify": verify, "explain": explain, "evaluate": evaluate},
    "Identify people": {
        "enroll": enroll,
        "unenroll": unenroll,
        "identities": identities,
        "identify": identify,
        "attend": attend,
    },
    "Train an encoder": {"train": train, "teach": teach, "recipes": recipes},
}
"""Heading -> command -> function."""
_LONGEST_SENTENCE = 1_000
"""Characters after which the first sentence of a command's help would be cut."""


class Sections(TyperGroup):
    """Lists the commands under the headings that they were given as `rich_help_panel`.

    Typer's own panels are drawn only if help is parsed as markup, which ours is not.
    """

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write the sections; all names have one width, so that the texts are aligned."""
        commands = {name: self.get_command(ctx, name) for name in self.list_commands(ctx)}
        width = max(map(len, commands))
        sections: dict[str, list[tuple[str, str]]] = {}
        for name, command in commands.items():
            if command is not None and not command.hidden:
                heading = str(getattr(command, "rich_help_panel", None) or "Commands")
                text = command.get_short_help_str(_LONGEST_SENTENCE)
                sections.setdefault(heading, []).append((name.ljust(width), text))
        for heading, rows in sections.items():
            with formatter.section(heading):
                formatter.write_dl(rows)


app = plain_app(
    name="twinlens",
    help="Find the pictures of a collection that look like a given picture.",
    no_args_is_help=True,
    cls=Sections,
)
for heading, commands in SECTIONS.items():
    for name, command in commands.items():
        app.command(name, rich_help_panel=heading)(command)


def _show_version(given: bool) -> None:
    if given:
        from search import __version__

        typer.echo(f"twinlens {__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version and exit.", callback=_show_version, is_eager=True)
    ] = False,
) -> None:
    """Options of `twinlens` itself, before any command."""
