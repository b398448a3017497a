"""Every command of `twinlens`, under its heading in the help. Each is thin: it reads options and makes one call."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cache
from importlib import import_module
from typing import Annotated, Any

import typer
from typer.core import TyperGroup
from typer.main import get_command

from indexer.cli.base import plain_app

SECTIONS = {
    "Index a collection": {
        "build": "build:build",
        "add": "changes:add",
        "remove": "changes:remove",
        "sync": "changes:sync",
        "rebuild": "build:rebuild",
        "embed": "shards:embed",
        "info": "info:info",
        "check": "check:check",
        "encoders": "encoders:encoders",
    },
    "Search it": {
        "query": "query:query",
        "app": "app_commands:serve_app",
        "serve": "serve:serve",
        "mcp": "mcp_command:mcp",
        "duplicates": "duplicates:duplicates",
        "map": "map:draw_map",
        "demo": "app_commands:demo",
    },
    "Store metadata, export and import": {
        "metadata": "metadata:metadata",
        "export": "exchange:export",
        "import": "exchange:import_vectors",
        "migrate": "migrate:migrate",
    },
    "Verify and evaluate": {
        "calibrate": "calibrate:calibrate",
        "verify": "verify:verify",
        "explain": "explain:explain",
        "evaluate": "evaluate:evaluate",
    },
    "Identify people": {
        "enroll": "people:enroll",
        "unenroll": "people:unenroll",
        "identities": "identify:identities",
        "identify": "identify:identify",
        "attend": "people:attend",
    },
    "Train an encoder": {"train": "train:train", "teach": "train:teach", "recipes": "train:recipes"},
}
"""Heading -> command -> `module:function` of this package. Only the module of the command that runs is imported."""
_PLACES = {name: place for commands in SECTIONS.values() for name, place in commands.items()}
_LONGEST_SENTENCE = 1_000
"""Characters after which the first sentence of a command's help would be cut."""


def function_of(name: str) -> Callable[..., None]:
    """The function of a command."""
    module, _, function = _PLACES[name].partition(":")
    found: Callable[..., None] = getattr(import_module(f"indexer.cli.{module}"), function)
    return found


@cache
def _command(name: str) -> Any:
    alone = plain_app()
    alone.command(name)(function_of(name))
    return get_command(alone)


class Commands(Mapping[str, Any]):
    """Name -> command, each built when it is first looked up. Building all of them took longer than a query by id."""

    def __getitem__(self, name: str) -> Any:
        if name not in _PLACES:
            raise KeyError(name)
        return _command(name)

    def __contains__(self, name: object) -> bool:
        return name in _PLACES

    def __iter__(self) -> Iterator[str]:
        return iter(_PLACES)

    def __len__(self) -> int:
        return len(_PLACES)


class Sections(TyperGroup):
    """Lists the commands under their headings, in the order of `SECTIONS`.

    Typer's own panels are drawn only if help is parsed as markup, which ours is not.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.commands: Any = Commands()

    def list_commands(self, ctx: Any) -> list[str]:
        """Names of all commands."""
        return list(_PLACES)

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write the sections; all names have one width, so that the texts are aligned."""
        width = max(map(len, _PLACES))
        for heading, commands in SECTIONS.items():
            with formatter.section(heading):
                formatter.write_dl(
                    [
                        (name.ljust(width), self.commands[name].get_short_help_str(_LONGEST_SENTENCE))
                        for name in commands
                    ]
                )


app = plain_app(
    name="twinlens",
    help="Find the pictures of a collection that look like a given picture.",
    no_args_is_help=True,
    cls=Sections,
)


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
