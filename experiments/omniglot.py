"""One-shot recognition of characters: train on Omniglot's 30 background alphabets, test on 10 others.

    python -m experiments.omniglot                        complete, hours on one core; resumes after a stop
    python -m experiments.omniglot --steps 20 --seeds 1   a quick test
    python -m experiments.omniglot_settings loss=triplet  other settings, in a short run, on validation alphabets

Random trials of held-out alphabets come first, with one run; then the 20 runs of Lake et al., with encoders trained on
all 30 alphabets, one per seed. Writes docs/results/omniglot.md and docs/images/omniglot_*.png; runs are kept in
.cache/experiments/omniglot.

Source: Lake, Salakhutdinov, Tenenbaum, "Human-level concept learning through probabilistic program induction", Science
350, 2015; "The Omniglot challenge: a 3-year progress report", 2019.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.datasets import unpack
from experiments.omniglot_page import Findings, Heldout, write_findings
from experiments.one_shot_trials import Drawing, Trials, lake_trials, random_trials, read_drawings, wrong
from experiments.options import parse
from experiments.runs import minutes_of, trained
from experiments.stroke_views import AS_IT_IS, NINE_VIEWS, embed_views
from indexer.training import load_recipe

if TYPE_CHECKING:
    from collections.abc import Sequence

    from experiments.options import Options
    from indexer.training import TrainConfig
    from search.encoders.base import Encoder
    from search.types import Floats

VALIDATION = ("Armenian", "Early_Aramaic", "Japanese_(katakana)", "N_Ko", "Syriac_(Estrangelo)")
"""Alphabets for choosing settings: see `experiments.omniglot_settings`."""
HELD_OUT = ("Anglo-Saxon_Futhorc", "Bengali", "Burmese_(Myanmar)", "Greek", "Gujarati", "Korean")
"""Alphabets for the 10,000 trials: not used for training or for choosing settings."""
WAYS = 20
TRIALS = 10_000


def without(config: TrainConfig, alphabets: Sequence[str]) -> TrainConfig:
    """The settings with some alphabets held out."""
    return replace(config, held_out=tuple(f"{alphabet}/*" for alphabet in alphabets))


def heldout(options: Options, held_out: Sequence[str]) -> Heldout:
    """Measure random trials of held-out alphabets, with one run of the final settings and the first seed."""
    drawings = read_drawings(options.datasets / "omniglot", held_out)
    encoder = trained(options.datasets / "omniglot", options, "held-out", without(load_recipe("omniglot"), held_out))
    plain, averaged = (embedded(encoder, drawings, views) for views in (AS_IT_IS, NINE_VIEWS))
    within = trials_of(drawings, within_alphabet=True)
    by_alphabet = trials_of(drawings, within_alphabet=True, by="alphabet")
    easy = trials_of(drawings, within_alphabet=False)
    return Heldout(
        alphabets=tuple(sorted(held_out)),
        minutes=minutes_of(encoder),
        characters=within.groups,
        alphabet_of=by_alphabet.groups,
        within=wrong(plain, within),
        within_averaged=wrong(averaged, within),
        easy_characters=easy.groups,
        easy=wrong(plain, easy),
        easy_averaged=wrong(averaged, easy),
    )


def trials_of(drawings: Sequence[Drawing], *, within_alphabet: bool, by: str = "character") -> Trials:
    """Random trials, the same at every call."""
    return random_trials(drawings, count=TRIALS, ways=WAYS, within_alphabet=within_alphabet, by=by, seed=0)


def embedded(encoder: Encoder, drawings: Sequence[Drawing], views: Sequence[tuple[float, float, float]]) -> Floats:
    """Unit rows of the drawings, in order."""
    return embed_views(encoder, [drawing.path for drawing in drawings], views)


def run(options: Options) -> Findings:
    """Measure held-out alphabets, then the test, once."""
    unpack("omniglot", options.datasets)
    runs = unpack("omniglot-runs", options.datasets)
    there = {path.name for path in (options.datasets / "omniglot").iterdir()}
    apart = heldout(options, [name for name in HELD_OUT if name in there])
    paths, trials = lake_trials(runs)
    plain, averaged, minutes = [], [], []
    for seed in range(options.seeds):
        config = replace(load_recipe("omniglot"), seed=seed)
        encoder = trained(options.datasets / "omniglot", options, f"seed-{seed}", config)
        plain.append(embed_views(encoder, paths))
        averaged.append(embed_views(encoder, paths, NINE_VIEWS))
        minutes.append(minutes_of(encoder))
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
    """Run the missing trainings, and write the page."""
    options = parse("omniglot", __doc__ or "", arguments, seeds=3)
    write_findings(run(options), options.docs)


if __name__ == "__main__":
    main()
