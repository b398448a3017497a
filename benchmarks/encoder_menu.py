"""Write what the menu of encoders shows: figures of the benchmarks, and the table of docs/encoders_and_indexes.md.

    python -m benchmarks.encoder_menu

writes the table again, from the encoders and figures that are there. The benchmarks call `write_figures`.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from indexer.cli.encoders import cells_of
from search.encoders import available
from search.encoders.menu import FIGURES_FILE, MENU, WEIGHTS, read_figures

if TYPE_CHECKING:
    from collections.abc import Mapping

PAGE = Path(__file__).resolve().parent.parent / "docs" / "encoders_and_indexes.md"
BEGIN, END = "<!-- The table is written by `python -m benchmarks.encoder_menu`. -->", "<!-- End of the table. -->"
_HEAD = (
    "`--encoder`",
    "what it is for",
    "licence",
    "size",
    "dimensions",
    "pixels",
    "pictures/s",
    "R@1",
    "copies",
    "extra",
)


class Measured(Protocol):
    """The figures of one encoder."""

    @property
    def mean_recall(self) -> float:
        """Mean R@1 over collections."""

    @property
    def mean_copies(self) -> float:
        """Mean share of altered copies found first."""

    @property
    def pictures_per_second(self) -> float:
        """Speed of `encode` on the CPU."""


def write_figures(measured: Mapping[str, Measured], file: Path = WEIGHTS / FIGURES_FILE) -> None:
    """Add figures by name of encoder to the file that the package ships; names that the menu lacks are left out."""
    figures = read_figures(file)
    for name in (preset.name for preset in MENU if preset.name in measured):
        of = measured[name]
        figures[name] = {
            "recall_at_1": round(of.mean_recall, 4),
            "copies_found": round(of.mean_copies, 4),
            "pictures_per_second": round(of.pictures_per_second, 1),
        }
    file.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


def table() -> str:
    """The menu in Markdown."""
    extras = {preset.name: preset.extra for preset in MENU}
    lines = ["| " + " | ".join(_HEAD) + " |", "|---|---|---|" + "---:|" * 6 + "---|"]
    for entry in available():
        name, *cells = cells_of(entry)
        extra = f"`{extras[entry.name]}`" if extras[entry.name] else ""
        lines.append(f"| {' | '.join([f'`{name}`', *cells, extra])} |")
    return "\n".join(lines)


def with_table(page: str) -> str:
    """A page with the present table between its two marks."""
    before, after = page.split(BEGIN)[0], page.split(END)[1]
    return f"{before}{BEGIN}\n\n{table()}\n\n{END}{after}"


def main() -> None:
    """Write the table into the page."""
    PAGE.write_text(with_table(PAGE.read_text("utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
