"""Text from data for rich, which would take `[red]` for a colour, `:cat:` for an emoji and `[/b]` for an error."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from search.text import one_line

if TYPE_CHECKING:
    from rich.table import Table
    from rich.text import Text


def literal(text: object, **style: Any) -> Text:
    """One line that rich prints as it is."""
    from rich.text import Text

    return Text(one_line(str(text)), **style)


def literal_table(*headers: object, **options: Any) -> Table:
    """A table without lines; its cells must be `literal` too."""
    from rich.table import Column, Table

    return Table(*(Column(literal(header)) for header in headers), box=None, **options)
