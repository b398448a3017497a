"""Measure the encoder `small` and compare it with the colour baseline, its untrained network, and the teacher.

    python -m benchmarks.datasets --out .cache/datasets
    python -m benchmarks.small_encoder --card search/encoders/weights/small

Writes docs/results/small.md, and with `--card` the figures into the model card of that folder. The teacher's column
needs ai-edge-litert and the model (see benchmarks.teacher), and reuses the embeddings that were made for training.
"""

from __future__ import annotations

import argparse
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from benchmarks.datasets import datasets_folder
from benchmarks.held_out import COLLECTIONS, FULL_SIZE, PHOTOS, pictures_of, touched
from benchmarks.small_page import Column, page
from benchmarks.teacher import MODEL, TFLiteEncoder
from indexer.alterations import ALTERATIONS, COPIES
from indexer.evaluation.embed_in_memory import embed_in_memory
from indexer.evaluation.figures import Evaluation, measure, write_measured
from indexer.evaluation.robustness import measure_robustness
from indexer.training.teacher import PATHS_FILE, read_teacher
from search.chunks import chunks
from search.encoders import load_encoder
from search.encoders.base import unit_rows
from search.encoders.checkpoint import CheckpointEncoder
from search.encoders.networks import build_network
from search.errors import DataError
from search.pictures.decode import load_picture

if TYPE_CHECKING:
    from collections.abc import Sequence

    from PIL.Image import Image

    from indexer.alterations import Alteration
    from indexer.evaluation.robustness import Robustness
    from indexer.training.data import Split
    from indexer.training.teacher import Teacher
    from search.encoders.base import Encoder
    from search.types import Floats

ROOT = Path(__file__).resolve().parent.parent
COPIED = (PHOTOS, FULL_SIZE)
"""Collections whose altered copies are searched for; the second is too small for figures by label."""
QUERIES = 1000
QUERIES_BY_STRENGTH = 500
BATCH = 128
_TIMED = 256


@dataclass(frozen=True, slots=True)
class Bench:
    """The pictures, with methods to embed and measure them."""

    datasets: Path
    collections: dict[str, Split]
    known: Teacher | None
    """The teacher's stored embeddings; None without any."""
    queries: int

    def embed(self, encoder: Encoder, title: str) -> Floats:
        """Unit rows `(N, dim)` of a collection; the teacher computes only those that are not stored."""
        paths = self.collections[title].paths
        vectors = np.zeros((len(paths), encoder.dim), dtype=np.float32)
        if self.known is not None and isinstance(encoder, TFLiteEncoder):
            vectors = self.known.of(paths, self.datasets).astype(np.float32)
        lacking = np.flatnonzero(~vectors.any(axis=1))
        embedded = embed_in_memory(encoder, [paths[row] for row in lacking])
        if embedded.skipped:
            raise DataError(f"{embedded.skipped[0]}. Unpack the data sets again")
        vectors[lacking] = embedded.vectors
        return unit_rows(vectors)

    def measure(self, encoder: Encoder) -> Column:
        """Measure all figures of one encoder."""
        by_label: dict[str, Evaluation] = {}
        copies: dict[str, Robustness] = {}
        for title in self.collections:
            vectors = self.embed(encoder, title)
            if title != FULL_SIZE:
                by_label[title] = measure(vectors, self.labels(title), collection=title, encoder=encoder.name)
            if title in COPIED:
                copies[title] = self.altered(encoder, title, vectors, COPIES, self.queries)
        return Column(by_label, copies, speed(encoder, self.collections[PHOTOS].paths[:_TIMED]))

    def altered(
        self, encoder: Encoder, title: str, vectors: Floats, alterations: Sequence[Alteration], queries: int
    ) -> Robustness:
        """Alter pictures of a collection and search for them."""
        paths = self.collections[title].paths

        def load(row: int) -> Image:
            return load_picture(paths[row])

        return measure_robustness(encoder, load, vectors, self.labels(title), alterations=alterations, queries=queries)

    def labels(self, title: str) -> list[str]:
        """The label of every picture of a collection."""
        of = self.collections[title]
        return [of.names[number] for number in of.classes]


def speed(encoder: Encoder, paths: Sequence[Path]) -> float:
    """Pictures per second of `encode`, from decoded pictures, in batches; the best of three rounds."""
    images = [load_picture(path) for path in paths]
    rounds = []
    for _ in range(3):
        start = time.perf_counter()
        for batch in chunks(images, BATCH):
            encoder.encode(batch)
        rounds.append(len(images) / (time.perf_counter() - start))
    return max(rounds)


def untrained(encoder: CheckpointEncoder) -> CheckpointEncoder:
    """Make the encoder's network with random weights, without joined descriptors."""
    torch.manual_seed(0)
    spec = encoder.architecture["network"]
    spec = spec["learned"] if spec["kind"] == "joined" else spec
    return CheckpointEncoder(
        build_network(spec), spec, name="random weights", input_size=encoder.input_size, dim=spec["dim"], device="cpu"
    )


def teacher_column(model: Path) -> TFLiteEncoder | str:
    """Open the teacher, or return a remark about what is missing."""
    if not model.is_file():
        return f"The teacher is left out: {MODEL.name} was not there."
    try:
        encoder = TFLiteEncoder(model, threads=torch.get_num_threads())
    except ImportError:
        return "The teacher is left out: ai-edge-litert was not installed."
    encoder.name = "teacher"
    return encoder


def columns_of(encoder: CheckpointEncoder, model: Path, only: Sequence[str]) -> tuple[dict[str, Encoder], str]:
    """The encoders to measure by name, and a remark about one that is left out."""
    teacher = teacher_column(model)
    encoders: dict[str, Encoder] = {encoder.name: encoder, "color-layout": load_encoder("color-layout")}
    encoders["random weights"] = untrained(encoder)
    remark = teacher if isinstance(teacher, str) else ""
    if isinstance(teacher, TFLiteEncoder):
        encoders["teacher"] = teacher
    kept = {name: each for name, each in encoders.items() if not only or name == encoder.name or name in only}
    return kept, remark


def known_by(folder: Path) -> Teacher | None:
    """The teacher's stored embeddings; None if there are none."""
    return read_teacher(folder) if (folder / PATHS_FILE).is_file() else None


def options_of(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description="Measure the encoder `small`.")
    parser.add_argument("--datasets", type=Path, default=Path(".cache/datasets"))
    parser.add_argument("--encoder", default="small", help="the encoder, or the folder of a training run")
    parser.add_argument("--model", type=Path, default=datasets_folder() / MODEL, help="the teacher's file")
    parser.add_argument("--teacher", type=Path, default=Path(".cache/teacher"), help="folder of stored embeddings")
    parser.add_argument(
        "--only",
        nargs="+",
        default=(),
        metavar="COLUMN",
        help="columns to measure beside the encoder: color-layout, random weights, teacher",
    )
    parser.add_argument(
        "--limit", type=int, default=1_000_000, help="largest number of pictures per collection, and of copies"
    )
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "results" / "small.md")
    parser.add_argument("--card", type=Path, default=None, help="folder whose encoder.json receives the figures")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure the encoders and write the page."""
    options = options_of(arguments)
    encoder = load_encoder(options.encoder, device="cpu", runtime="torch")
    if not isinstance(encoder, CheckpointEncoder):
        sys.exit(f"error: {options.encoder} is not an encoder that training made")
    collections = {each.title: pictures_of(each, options.datasets, options.limit) for each in COLLECTIONS}
    if lacking := [title for title, of in collections.items() if not of.paths]:
        sys.exit(f"error: {options.datasets}: lacks {', '.join(lacking)}: run python -m benchmarks.datasets first")
    bench = Bench(options.datasets, collections, known_by(options.teacher), min(QUERIES, options.limit))
    encoders, remark = columns_of(encoder, options.model, options.only)
    columns = {}
    for name, each in encoders.items():
        start = time.perf_counter()
        columns[name] = bench.measure(each)
        print(f"{name}: {time.perf_counter() - start:.0f} s", flush=True)
    strengths = bench.altered(
        encoder, PHOTOS, bench.embed(encoder, PHOTOS), ALTERATIONS, min(QUERIES_BY_STRENGTH, options.limit)
    )
    contact = {
        each.title: touched(each, collections[each.title].paths, options.datasets, encoder.card.get("config"))
        for each in COLLECTIONS
    }
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(page(encoder, columns, strengths, contact, remark), encoding="utf-8")
    if options.card:
        write_card(options.card, columns[encoder.name])
    print(f"wrote {options.out}")


def write_card(folder: Path, of: Column) -> None:
    """Add the figures to the card in `encoder.json`."""
    for title, evaluation in of.by_label.items():
        write_measured(folder, title, replace(evaluation, robustness=of.copies.get(title)).figures())
    write_measured(folder, FULL_SIZE, {"copies_found": of.copies[FULL_SIZE].copies_found})


if __name__ == "__main__":
    main()
