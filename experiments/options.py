"""Command-line options of the experiments: folders of data, runs and pages, and the length of training."""

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
    """Options of one call."""

    datasets: Path
    work: Path
    """Folder of the runs: the same command resumes them, and trains nothing twice."""
    docs: Path
    steps: int | None = None
    """Batches of every training; defaults to those of its recipe."""
    seeds: int = 1


def parse(name: str, about: str, arguments: Sequence[str] | None = None, *, seeds: int = 1) -> Options:
    """Parse the options that all experiments share; `seeds` is the default number of seeds."""
    parser = argparse.ArgumentParser(
        prog=f"python -m experiments.{name}", description=about, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--datasets", type=Path, default=ROOT / ".cache" / "datasets", help="unpacked there if missing")
    parser.add_argument("--work", type=Path, default=ROOT / ".cache" / "experiments" / name, help="folder of the runs")
    parser.add_argument("--docs", type=Path, default=DOCS, help="folder of the page and its pictures")
    parser.add_argument("--steps", type=int, help="batches of every training, for a quick test (default: the recipe's)")
    if seeds > 1:
        parser.add_argument("--seeds", type=int, default=seeds, help=f"trainings of each kind (default: {seeds})")
    given = parser.parse_args(arguments)
    return Options(given.datasets, given.work, given.docs, given.steps, getattr(given, "seeds", 1))
