"""Write the pictures that the encoder `signatures` is fitted to, one folder per name and hand.

    python -m experiments.signature_training --datasets .cache/datasets --out .cache/signatures

    OUT/written/WRITER-NAME/*.png  the training and validation writers of the data set of signatures
    OUT/drawn/NAME-DRAWER/*.png    names drawn by `experiments.drawn_names` in the alphabets of Omniglot from A to J

The test writers and the alphabets from K to Z are left out: docs/results/signature_encoder.md is measured on them.
"""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.datasets import unpack
from experiments.drawn_names import Amount, alphabets, draw_names
from experiments.page import ROOT
from experiments.signature_pairs import read_signatures, split_writers
from search.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Sequence

DRAWN = Amount(names=2, drawers=5, times=3)
TRAINED, UNSEEN = ("A", "J"), ("K", "Z")
"""First letters of the alphabets that are drawn for the fit, and of those for the test."""


def write_training(datasets: Path, out: Path) -> None:
    """Write both folders.

    Raises:
        DataError: `out` exists, or a data set is missing.
    """
    if out.exists():
        raise DataError(f"{out}: exists. Name a new folder, or delete it first")
    signatures = read_signatures(unpack("signatures", datasets))
    train, validation, _ = split_writers(sorted({each.writer for each in signatures}))
    for each in signatures:
        if each.writer in (*train, *validation):
            folder = out / "written" / f"{each.writer}-{each.name}"
            folder.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(each.path, folder / each.path.name)
    folders = alphabets(unpack("omniglot", datasets), *TRAINED)
    for number, drawn in enumerate(draw_names(folders, DRAWN, seed=0)):
        folder = out / "drawn" / drawn.hand
        folder.mkdir(parents=True, exist_ok=True)
        drawn.picture.save(folder / f"{number}.png")


def main(arguments: Sequence[str] | None = None) -> None:
    """Write the folders from the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, prog="experiments.signature_training"
    )
    parser.add_argument("--datasets", type=Path, default=ROOT / ".cache" / "datasets", help="unpacked there if missing")
    parser.add_argument("--out", type=Path, default=ROOT / ".cache" / "signatures", help="folder to write")
    options = parser.parse_args(arguments)
    try:
        write_training(options.datasets, options.out)
    except DataError as error:
        parser.exit(1, f"error: {error}\n")


if __name__ == "__main__":
    main()
