"""One-shot recognition of characters: an encoder trained on Omniglot's 30 background alphabets, asked about 10 others.

    python -m experiments.omniglot                        all of it, hours on one core; goes on where it was stopped
    python -m experiments.omniglot --steps 20 --seeds 1   a quick look
    python -m experiments.omniglot --try loss=triplet     other settings, in a short run, on validation alphabets

Random trials of alphabets held out from one run come first; then the 20 runs of Lake et al., by encoders trained on all
30 alphabets, one a seed. Writes docs/results/omniglot.md and docs/images/omniglot_*.png; kept runs lie in
.cache/experiments/omniglot.

Source: Lake, Salakhutdinov, Tenenbaum, "Human-level concept learning through probabilistic program induction", Science
350, 2015; "The Omniglot challenge: a 3-year progress report", 2019.
"""

from __future__ import annotations

import argparse
import hashlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.datasets import unpack
from experiments.omniglot_page import Findings, Heldout, write_findings
from experiments.one_shot_trials import Drawing, Trials, lake_trials, random_trials, read_drawings, wrong
from experiments.page import DOCS, ROOT
from experiments.runs import kept_run
from experiments.stroke_views import AS_IT_IS, NINE_VIEWS, embed_views
from indexer.training import load_recipe
from indexer.training.settings import with_settings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from indexer.training import TrainConfig
    from search.encoders.base import Encoder
    from search.types import Floats

VALIDATION = ("Armenian", "Early_Aramaic", "Japanese_(katakana)", "N_Ko", "Syriac_(Estrangelo)")
"""By which settings are chosen: `python -m experiments.omniglot --try loss=triplet`. The recipe says what was tried."""
HELD_OUT = ("Anglo-Saxon_Futhorc", "Bengali", "Burmese_(Myanmar)", "Greek", "Gujarati", "Korean")
"""For the 10,000 trials: neither trained on nor chosen by in the run that they judge."""
WAYS = 20
TRIALS = 10_000

TRY_STEPS = 300
"""Of a short run by which settings are compared."""


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line says."""

    datasets: Path
    work: Path
    docs: Path
    seeds: int
    steps: int | None
    trials: int = TRIALS


def trained(config: TrainConfig, name: str, options: Options) -> tuple[Encoder, float]:
    """Give the encoder of a kept or resumed run, or a new one, and the minutes that it took."""
    config = replace(config, name=f"omniglot-{name}", steps=options.steps or config.steps)
    return kept_run(options.datasets / "omniglot", options.work / name, config)


def without(config: TrainConfig, alphabets: Sequence[str]) -> TrainConfig:
    """Hold alphabets out."""
    return replace(config, held_out=tuple(f"{alphabet}/*" for alphabet in alphabets))


def validated(texts: Sequence[str], options: Options) -> str:
    """Train shortly with changed settings, without the validation and held-out alphabets; errors on the former."""
    config = replace(load_recipe("omniglot"), steps=options.steps or TRY_STEPS)
    config = without(with_settings(config, texts), [*VALIDATION, *HELD_OUT])
    name = "try-" + hashlib.sha256(repr((sorted(texts), config.steps)).encode()).hexdigest()[:12]
    encoder, minutes = trained(config, name, options)
    drawings = read_drawings(options.datasets / "omniglot", VALIDATION)
    trials = trials_of(drawings, options.trials, within_alphabet=True)
    one, nine = (wrong(embedded(encoder, drawings, views), trials).mean() for views in (AS_IT_IS, NINE_VIEWS))
    return f"{' '.join(texts) or 'the recipe'}: {minutes:.1f} minutes, error {one:.2%}, of nine views {nine:.2%}"


def heldout(options: Options, held_out: Sequence[str]) -> Heldout:
    """Random trials of alphabets that one run of the final settings, the first seed, never opened."""
    drawings = read_drawings(options.datasets / "omniglot", held_out)
    encoder, minutes = trained(without(load_recipe("omniglot"), held_out), "held-out", options)
    plain, averaged = (embedded(encoder, drawings, views) for views in (AS_IT_IS, NINE_VIEWS))
    within = trials_of(drawings, options.trials, within_alphabet=True)
    by_alphabet = trials_of(drawings, options.trials, within_alphabet=True, by="alphabet")
    easy = trials_of(drawings, options.trials, within_alphabet=False)
    return Heldout(
        alphabets=tuple(sorted(held_out)),
        minutes=minutes,
        characters=within.groups,
        alphabet_of=by_alphabet.groups,
        within=wrong(plain, within),
        within_averaged=wrong(averaged, within),
        easy_characters=easy.groups,
        easy=wrong(plain, easy),
        easy_averaged=wrong(averaged, easy),
    )


def trials_of(drawings: Sequence[Drawing], count: int, *, within_alphabet: bool, by: str = "character") -> Trials:
    """The same trials at every call."""
    return random_trials(drawings, count=count, ways=WAYS, within_alphabet=within_alphabet, by=by, seed=0)


def embedded(encoder: Encoder, drawings: Sequence[Drawing], views: Sequence[tuple[float, float, float]]) -> Floats:
    """Unit rows of drawings, in their order."""
    return embed_views(encoder, [drawing.path for drawing in drawings], views)


def run(options: Options) -> Findings:
    """Choose, judge on held-out alphabets, then look at the test once."""
    unpack("omniglot", options.datasets)
    runs = unpack("omniglot-runs", options.datasets)
    there = {path.name for path in (options.datasets / "omniglot").iterdir()}
    apart = heldout(options, [name for name in HELD_OUT if name in there])
    paths, trials = lake_trials(runs)
    plain, averaged, minutes = [], [], []
    for seed in range(options.seeds):
        encoder, took = trained(replace(load_recipe("omniglot"), seed=seed), f"seed-{seed}", options)
        plain.append(embed_views(encoder, paths))
        averaged.append(embed_views(encoder, paths, NINE_VIEWS))
        minutes.append(took)
    return Findings(
        heldout=apart,
        paths=paths,
        trials=trials,
        minutes=minutes,
        wrong=np.stack([wrong(vectors, trials) for vectors in plain]),
        wrong_averaged=np.stack([wrong(vectors, trials) for vectors in averaged]),
        vectors=averaged,
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """Run what is not run yet, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--datasets", type=Path, default=ROOT / ".cache" / "datasets")
    parser.add_argument("--work", type=Path, default=ROOT / ".cache" / "experiments" / "omniglot")
    parser.add_argument("--docs", type=Path, default=DOCS, help="folder of the page and its pictures")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=None, help="batches of every run, for a quick look")
    parser.add_argument("--trials", type=int, default=TRIALS, help="random trials on held-out alphabets")
    parser.add_argument(
        "--try",
        nargs="*",
        dest="texts",
        metavar="NAME=VALUE",
        help=("train shortly with these settings, and print the error on the validation alphabets; no page is written"),
    )
    given = parser.parse_args(arguments)
    options = Options(given.datasets, given.work, given.docs, given.seeds, given.steps, given.trials)
    if given.texts is not None:
        unpack("omniglot", options.datasets)
        print(validated(given.texts, options))
    else:
        print(write_findings(run(options), options.docs))


if __name__ == "__main__":
    main()
