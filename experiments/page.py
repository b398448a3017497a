"""Write pages of docs/results in Markdown: provenance, sections, tables and pictures."""

from __future__ import annotations

import os
import platform
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from search.text import utc_today

if TYPE_CHECKING:
    from collections.abc import Sequence

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"


def write_page(
    name: str, title: str, lead: str, sections: Sequence[tuple[str, str]], minutes: float, docs: Path = DOCS
) -> Path:
    """Write `docs/results/NAME.md`: title, provenance, lead, and (heading, Markdown) sections; return its path.

    `name` is the module `experiments.NAME` that writes the page; `minutes` is the time of its trainings and
    measurements, including those kept from earlier calls.
    """
    provenance = (
        f"Written by `python -m experiments.{name}` on {utc_today()}: {took(minutes)}, "
        f"{torch.get_num_threads()} of {os.cpu_count()} cores, perhaps shared with other work, {platform.machine()}, "
        f"torch {torch.__version__}."
    )
    parts = [f"# {title}", provenance, lead]
    for heading, text in sections:
        parts += [f"## {heading}", text]
    path = docs / "results" / f"{name}.md"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n\n".join(part.strip() for part in parts) + "\n", encoding="utf-8")
    return path


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table; the first column is text, aligned left, the others are figures, aligned right.

    Raises:
        ValueError: a row with another number of columns than the header.
    """
    lines = [_line(header), "|---|" + "---:|" * (len(header) - 1)]
    for row in rows:
        if len(row) != len(header):
            raise ValueError(f"{len(row)} columns under a header of {len(header)}: {row}")
        lines.append(_line(row))
    return "\n".join(lines)


def mean_and_spread(values: Sequence[float], digits: int = 4) -> str:
    """Mean ± half the width of its 95 % interval by Student's t over the values, one per seed; a single value alone.

    Raises:
        ValueError: no values.
    """
    if len(values) == 0:
        raise ValueError("no values to average")
    mean = f"{np.mean(values):.{digits}f}"
    if len(values) == 1:
        return mean
    return f"{mean} ± {half_width(values):.{digits}f}"


def half_width(values: Sequence[float]) -> float:
    """Half the width of the 95 % interval of the mean of two or more values, by Student's t."""
    from scipy.stats import t

    return float(t.ppf(0.975, len(values) - 1) * np.std(values, ddof=1) / len(values) ** 0.5)


def figure_path(name: str, docs: Path = DOCS) -> Path:
    """Path of a picture, `docs/images/NAME.png`; creates the folder. NAME begins with the experiment's name."""
    folder = docs / "images"
    folder.mkdir(parents=True, exist_ok=True)
    return folder / f"{name}.png"


def figure(name: str, about: str) -> str:
    """Markdown for the picture of `figure_path(name)`; `about` is its alternative text."""
    return f"![{about}](../images/{name}.png)"


def took(minutes: float) -> str:
    """Minutes in words, rounded."""
    if minutes < 1:
        return "less than a minute"
    return f"{minutes:.0f} minutes" if minutes >= 1.5 else "a minute"


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"
