"""What the command line of an experiment says: where data, kept runs and pages are, and how long to train."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from experiments.page import DOCS, ROOT

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, slots=True)
class Options:
    """Folders and length of one call."""

    datasets: Path
    work: Path
    """Where runs are kept: the same command goes on where it was stopped, and trains nothing twice."""
    docs: Path
    steps: int | None = None
    """Batches of every training; None: as many as its recipe says."""
    seeds: int = 1


def parse(name: str, about: str, arguments: Sequence[str] | None = None, *, seeds: int = 1) -> Options:
    """Read the options that every experiment has; `seeds` is what it takes unless told."""
    parser = argparse.ArgumentParser(
        prog=f"python -m experiments.{name}", description=about, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--datasets", type=Path, default=ROOT / ".cache" / "datasets", help="unpacked there if missing")
    parser.add_argument("--work", type=Path, default=ROOT / ".cache" / "experiments" / name, help="where runs are kept")
    parser.add_argument("--docs", type=Path, default=DOCS, help="where the page and its pictures go")
    parser.add_argument("--steps", type=int, help="batches of every training, for a quick look (as its recipe says)")
    if seeds > 1:
        parser.add_argument("--seeds", type=int, default=seeds, help=f"trainings of each kind ({seeds})")
    given = parser.parse_args(arguments)
    return Options(given.datasets, given.work, given.docs, given.steps, getattr(given, "seeds", 1))
