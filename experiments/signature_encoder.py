"""Measure the encoder `signatures` on writers and scripts that its fit left out, beside `small` and untrained Lite0.

    python -m experiments.signature_encoder                         docs/results/signature_encoder.md
    python -m experiments.signature_encoder --calibrate FOLDER      the same for the encoder in FOLDER

With a folder, the encoder is also calibrated, on the test writers' pairs by thin pens against the same name by another
writer: forgers write the right name. The threshold is that of the equal error rate, because at a FAR of 1 % most
genuine pairs would be rejected. The figures are added to the model card.
"""

from __future__ import annotations

import argparse
import csv
import json
import sys
import time
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.datasets import unpack
from experiments.drawn_names import Amount, alphabets, draw_names
from experiments.page import DOCS, ROOT, table, write_page
from experiments.signature_pairs import pairs_against, read_signatures, split_writers
from experiments.signature_training import UNSEEN
from experiments.signatures_page import rate
from experiments.verification_trials import equal_error
from indexer.calibration.calibrate import calibrate
from indexer.calibration.config import CalibrateConfig
from indexer.calibration.pairs import Pairs
from search.chunks import chunks
from search.encoders import load_encoder
from search.encoders.checkpoint import CheckpointEncoder
from search.encoders.manifest import MANIFEST_FILE
from search.encoders.networks import build_network
from search.files.writing import write_file
from search.pictures.decode import load_picture
from search.recognition.stored import encoder_calibration

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from PIL.Image import Image

    from experiments.drawn_names import DrawnName
    from experiments.signature_pairs import Signature
    from search.encoders.base import Encoder
    from search.recognition.calibration import Calibration, ErrorRate
    from search.types import Floats

LITE = {"kind": "efficientnet_lite", "variant": "lite0", "pooled": ["mean"], "dim": None}
DRAWN = Amount(names=1, drawers=4, times=2)
THIN = (2, 3)
"""Media with thin pens, which differ least: a writer's pictures in other media look like two pens."""
DRAWS = 300
RECIPE = "signatures_lite"
CALIBRATED_ON = "test writers, thin pens, same name.csv"
DATA = {
    "written": "handwritten Chinese names by 50 of 70 writers, four media each (sig_crossmedia): MIT",
    "drawn": "names of characters of Omniglot, alphabets A to J, by experiments.drawn_names: MIT",
}
"""What the encoder is fitted to, and the licences."""
LEAD = """
EfficientNet-Lite0, with its ImageNet weights as they are, joined with the encoder `small`; a linear projection is
fitted to names by 50 writers and to drawn names of 14 alphabets (recipe `signatures_lite`, which states what was
tried). The figures are for 20 other writers and for names drawn in other alphabets, measured after all settings were
fixed. In *thin pens* both pictures of a pair are by thin pens, as in most collections of signatures; in *all media*
most pairs differ in the medium too. Drawn names are characters of Omniglot, altered at random for each picture; *copied
by a forger* is the same drawing with a bend that all copies have. No person tried to imitate a signature here.
"""
SAME_NAME, RANDOM, COPIED = "the same name by another", "another name by another", "copied by a forger"


@dataclass(frozen=True, slots=True, eq=False)
class Trial:
    """A kind of pairs among the pictures of a collection."""

    name: str
    forgeries: str
    pairs: Pairs


@dataclass(frozen=True, slots=True)
class Collection:
    """Pictures, which are decoded when they are embedded, and trials among them."""

    pictures: Sequence[Callable[[], Image]]
    trials: tuple[Trial, ...]


def untrained() -> Encoder:
    """Lite0 with ImageNet weights at 224 pixels, the mean of its last map."""
    network = build_network(LITE, pretrained=True)
    return CheckpointEncoder(network, LITE, name="lite0", input_size=224, dim=1280, device="cpu")


def written(signatures: Sequence[Signature]) -> Collection:
    """Names by the test writers: pairs with two thin pens, and pairs in all media."""
    trials = []
    for name, media in (("written, thin pens", THIN), ("written, all media", range(4))):
        rows = np.flatnonzero([each.medium in media for each in signatures])
        for about, kind in ((RANDOM, "random"), (SAME_NAME, "same-name")):
            of = pairs_against([signatures[row] for row in rows.tolist()], kind)
            trials.append(Trial(name, f"{about} writer", replace(of, a=rows[of.a], b=rows[of.b])))
    return Collection([partial(load_picture, each.path) for each in signatures], tuple(trials))


def drawn(names: Sequence[DrawnName]) -> Collection:
    """Names drawn in unseen alphabets; a subject is one name by one drawer."""
    kinds = ((f"{RANDOM} drawer", "random"), (f"{SAME_NAME} drawer", "same-name"), (COPIED, "copied"))
    trials = tuple(Trial("drawn, alphabets K to Z", about, drawn_pairs(names, kind)) for about, kind in kinds)
    return Collection([partial(getattr, each, "picture") for each in names], trials)


def drawn_pairs(names: Sequence[DrawnName], forgeries: str) -> Pairs:
    """Pairs by one hand, and pairs with forgeries.

    `random`: another name. `same-name`: the same name by another drawer. `copied`: a drawer's name and a forger's copy.
    """
    _, subjects = np.unique([f"{each.name} {each.drawer}" for each in names], return_inverse=True)
    _, named = np.unique([each.name for each in names], return_inverse=True)
    forged = np.array([each.forged for each in names])
    a, b = np.triu_indices(len(names), k=1)
    one_name, one_drawer = named[a] == named[b], subjects[a] == subjects[b]
    genuine = one_drawer & (forged[a] == forged[b])
    own = ~forged[a] & ~forged[b]
    different = {
        "random": own & ~one_name,
        "same-name": own & one_name & ~one_drawer,
        "copied": one_drawer & (forged[a] != forged[b]),
    }[forgeries]
    kept = genuine | different
    subjects = subjects.astype(np.int64)
    return Pairs(a[kept], b[kept], genuine[kept], subjects[a[kept]], subjects[b[kept]])


def embedded(encoder: Encoder, collection: Collection) -> Floats:
    """Unit rows of the pictures, in order."""
    parts = [encoder.encode([read() for read in batch]) for batch in chunks(collection.pictures, 64)]
    vectors: Floats = np.concatenate(parts)
    return vectors


def measured(encoders: dict[str, Encoder], collections: Sequence[Collection]) -> dict[Trial, dict[str, ErrorRate]]:
    """The equal error rate of every encoder in every trial."""
    found: dict[Trial, dict[str, ErrorRate]] = {}
    for collection in collections:
        vectors = {name: embedded(encoder, collection) for name, encoder in encoders.items()}
        for trial in collection.trials:
            found[trial] = {
                name: equal_error(trial.pairs.measured(each), draws=DRAWS) for name, each in vectors.items()
            }
    return found


def calibrated(folder: Path, signatures: Sequence[Signature], file: Path) -> None:
    """Calibrate the encoder in a folder on pairs by thin pens against the same name by another writer."""
    thin = [each for each in signatures if each.medium in THIN]
    pairs = pairs_against(thin, "same-name")
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("w", newline="", encoding="utf-8") as stream:
        rows = csv.writer(stream)
        rows.writerow(("a", "b", "same", "subject_a", "subject_b"))
        for a, b, same in zip(pairs.a.tolist(), pairs.b.tolist(), pairs.same.tolist(), strict=True):
            one, other = thin[a], thin[b]
            rows.writerow((one.path.resolve(), other.path.resolve(), int(same), one.writer, other.writer))
    calibrate(folder, pairs=file, config=CalibrateConfig(eer=True, prior=0.5))


def add_to_card(folder: Path, found: dict[Trial, dict[str, ErrorRate]]) -> None:
    """Write the data, its licences and the figures of `signatures` into the model card of an encoder's folder."""
    file = folder / MANIFEST_FILE
    manifest = json.loads(file.read_text(encoding="utf-8"))
    rates = {f"{trial.name}, {trial.forgeries}": each["signatures"].to_dict() for trial, each in found.items()}
    manifest["card"] |= {"recipe": RECIPE, "data": DATA, "measured": {"eer": rates}}
    write_file(file, json.dumps(manifest, indent=2, ensure_ascii=False) + "\n")


def page(found: dict[Trial, dict[str, ErrorRate]], calibration: Calibration | None, minutes: float, docs: Path) -> Path:
    """Write the page."""
    encoders = list(next(iter(found.values())))
    rows = [
        [
            trial.name,
            trial.forgeries,
            f"{np.count_nonzero(trial.pairs.same):,}",
            *(rate(each[name]) for name in encoders),
        ]
        for trial, each in found.items()
    ]
    sections = [
        (
            "Equal error rates",
            table(["pictures", "forgeries", "same pairs", *encoders], rows)
            + f"\n\nIntervals are 95 %, by {DRAWS} bootstrap samples of writers, or of names by one drawer. "
            "`Lite0 untrained` is the mean of the last map of EfficientNet-Lite0 with ImageNet weights, at 224 pixels.",
        )
    ]
    if calibration is not None:
        sections.append(
            (
                "The calibration that ships with the encoder",
                f"On the pairs by thin pens of the {calibration.subjects} test writers, against the same name by "
                f"another writer. Threshold {calibration.threshold:.3f}, at equal errors: FAR {rate(calibration.far)}, "
                f"FRR {rate(calibration.frr)}; the intervals are for new writers. Probabilities hold if half of the "
                f"pairs are genuine and the others are such forgeries; their mean error is {rate(calibration.ece)}. "
                "Expect skilled forgeries to be accepted more often. Other names are accepted hardly ever.",
            )
        )
    return write_page("signature_encoder", "The encoder `signatures`", LEAD, sections, minutes, docs)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, and write the page."""
    parser = argparse.ArgumentParser(
        prog="python -m experiments.signature_encoder",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--datasets", type=Path, default=ROOT / ".cache" / "datasets", help="unpacked there if missing")
    parser.add_argument("--work", type=Path, default=ROOT / ".cache" / "experiments" / "signature_encoder")
    parser.add_argument("--docs", type=Path, default=DOCS, help="folder of the page")
    parser.add_argument("--calibrate", type=Path, metavar="FOLDER", help="the encoder to measure and to calibrate")
    options = parser.parse_args(arguments)
    start = time.monotonic()
    root = unpack("signatures", options.datasets)
    every = read_signatures(root)
    writers = split_writers(sorted({each.writer for each in every}))[2]
    test = [each for each in every if each.writer in writers]
    names = list(draw_names(alphabets(unpack("omniglot", options.datasets), *UNSEEN), DRAWN, seed=1))
    encoders = {
        "small": load_encoder("small", device="cpu"),
        "Lite0 untrained": untrained(),
        "signatures": load_encoder(options.calibrate or "signatures", device="cpu"),
    }
    found = measured(encoders, (written(test), drawn(names)))
    if options.calibrate is not None:
        calibrated(options.calibrate, test, options.work / CALIBRATED_ON)
        add_to_card(options.calibrate, found)
    calibration = encoder_calibration(options.calibrate or "signatures", encoders["signatures"].fingerprint)
    sys.stdout.write(f"{page(found, calibration, (time.monotonic() - start) / 60, options.docs)}\n")


if __name__ == "__main__":
    main()
