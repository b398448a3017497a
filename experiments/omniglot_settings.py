"""Try other settings in a short run without the validation and held-out alphabets, measured on the validation ones.

    python -m experiments.omniglot_settings                                the recipe's settings, 300 batches
    python -m experiments.omniglot_settings loss=triplet margin=0.2 --steps 500

Writes no page; the results are in the recipe's docstring. Runs are kept in .cache/experiments/omniglot_settings.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.datasets import unpack
from experiments.omniglot import HELD_OUT, VALIDATION, embedded, trials_of, without
from experiments.one_shot_trials import read_drawings, wrong
from experiments.options import Options
from experiments.page import DOCS, ROOT
from experiments.runs import minutes_of, trained
from experiments.stroke_views import AS_IT_IS, NINE_VIEWS
from indexer.training import load_recipe
from indexer.training.settings import with_settings

if TYPE_CHECKING:
    from collections.abc import Sequence

STEPS = 300


def validated(texts: Sequence[str], options: Options) -> str:
    """Train with changed settings, and describe the errors of trials within the validation alphabets."""
    config = without(with_settings(load_recipe("omniglot"), texts), [*VALIDATION, *HELD_OUT])
    config = replace(config, name="omniglot-try")
    name = hashlib.sha256(repr(sorted(texts)).encode()).hexdigest()[:12]
    encoder = trained(unpack("omniglot", options.datasets), options, name, config)
    drawings = read_drawings(options.datasets / "omniglot", VALIDATION)
    trials = trials_of(drawings, within_alphabet=True)
    one, nine = (wrong(embedded(encoder, drawings, views), trials).mean() for views in (AS_IT_IS, NINE_VIEWS))
    name = " ".join(texts) or "the recipe"
    return f"{name}: {minutes_of(encoder):.1f} minutes, error {one:.2%}, with nine views {nine:.2%}"


def main(arguments: Sequence[str] | None = None) -> None:
    """Train and print the errors."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("settings", nargs="*", metavar="NAME=VALUE", help="changes to the recipe")
    parser.add_argument("--datasets", type=Path, default=ROOT / ".cache" / "datasets")
    parser.add_argument("--work", type=Path, default=ROOT / ".cache" / "experiments" / "omniglot_settings")
    parser.add_argument("--steps", type=int, default=STEPS)
    given = parser.parse_args(arguments)
    options = Options(given.datasets, given.work, DOCS, given.steps)
    sys.stdout.write(validated(given.settings, options) + "\n")


if __name__ == "__main__":
    main()
