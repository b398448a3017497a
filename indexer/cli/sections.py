"""The list of commands in `twinlens --help`, under a heading for each sort.

A panel of Typer's own would be drawn only where help is parsed as markup, which ours is not.
"""

from __future__ import annotations

from typing import Any

from typer.core import TyperGroup

_WHOLE_SENTENCE = 1_000
"""Characters after which the first sentence of a command's help would be cut."""


class Sections(TyperGroup):
    """Commands under the headings that they were given as `rich_help_panel`, in the order of their first command."""

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write the sections; all names have one width, so that the texts stand below one another."""
        commands = {name: self.get_command(ctx, name) for name in self.list_commands(ctx)}
        width = max(map(len, commands))
        sections: dict[str, list[tuple[str, str]]] = {}
        for name, command in commands.items():
            if command is not None and not command.hidden:
                heading = str(getattr(command, "rich_help_panel", None) or "Commands")
                text = command.get_short_help_str(_WHOLE_SENTENCE)
                sections.setdefault(heading, []).append((name.ljust(width), text))
        for heading, rows in sections.items():
            with formatter.section(heading):
                formatter.write_dl(rows)
