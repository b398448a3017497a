"""One part of indexing in a process of its own, for `benchmarks.indexing`; prints its figures as JSON.

    python -m benchmarks.indexing_parts decode|forward|build|loader PICTURES ENCODER PRECISION [INDEX]

`decode` reads, hashes and decodes with one thread per core, as a build does. `forward` embeds pictures that are decoded
already. `build` makes a new index as `indexer.build` does, after the encoder is loaded and compiled. `loader` is the
loop that one would write with torch: a `DataLoader` with one worker per core that decodes and resizes with Pillow, and
the network in the main process.
"""

from __future__ import annotations

import json
import os
import resource
import shutil
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from PIL import Image

from indexer.collection.sync import FolderUpdate
from indexer.pipeline.content_hash import content_hash
from indexer.pipeline.progress import Stages
from indexer.pipeline.scan import scan
from indexer.pipeline.writer import open_writer
from search.config import BuildConfig
from search.encoders import load_encoder
from search.errors import PictureError
from search.pictures.decode import decode
from search.pictures.source import read_steady

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from search.config import Precision
    from search.encoders.base import Encoder

BATCH = BuildConfig.batch_size
CORES = os.cpu_count() or 1


def timed(work: Callable[[], Any]) -> dict[str, float]:
    """Wall seconds, and CPU seconds of this process and of those that it has waited for."""
    start, before = time.perf_counter(), os.times()
    work()
    after = os.times()
    return {"seconds": time.perf_counter() - start, "cpu": sum(after[:4]) - sum(before[:4])}


def prepared(pictures: Path, encoder: Encoder) -> list[NDArray[Any]]:
    """Every readable picture as the encoder's input."""

    def one(path: Path) -> NDArray[Any] | None:
        try:
            data, _ = read_steady(path)
            content_hash(data)
            return encoder.prepare(decode(data, name=str(path), target=encoder.input_size))
        except PictureError:
            return None

    with ThreadPoolExecutor(CORES) as pool:
        return [each for each in pool.map(one, [file.path for file in scan(pictures)]) if each is not None]


def of_decoding(pictures: Path, encoder: Encoder) -> dict[str, float]:
    """The figures of `decode`."""
    arrays: list[NDArray[Any]] = []
    figures = timed(lambda: arrays.extend(prepared(pictures, encoder)))
    return {**figures, "pictures": len(arrays)}


def of_forward(pictures: Path, encoder: Encoder) -> dict[str, float]:
    """The figures of `forward`."""
    arrays = prepared(pictures, encoder)
    batches = [np.stack(arrays[start : start + BATCH]) for start in range(0, len(arrays), BATCH)]
    encoder.encode_prepared(batches[0])  # compiles, or starts threads
    return {**timed(lambda: [encoder.encode_prepared(batch) for batch in batches]), "pictures": len(arrays)}


class Marks:
    """Wall and CPU seconds when the first file is read, and when the last batch is staged."""

    def __init__(self) -> None:
        self.embedding = self.staged = (0.0, 0.0)

    def begin(self, stage: str, total: int | None) -> None:
        """Take the time when files begin to be read."""
        if stage == "embed":
            self.embedding = now()

    def advance(self, count: int) -> None:
        """Take the time when a batch is staged."""
        self.staged = now()


def now() -> tuple[float, float]:
    """Wall and CPU seconds until now."""
    return time.perf_counter(), sum(os.times()[:4])


def of_build(pictures: Path, name: str, precision: Precision, index: Path) -> dict[str, Any]:
    """The figures of `build`: those of the pipeline, of all stages, and of the loading of the encoder."""
    shutil.rmtree(index, ignore_errors=True)
    marks = Marks()
    config = BuildConfig(encoder=name, precision=precision, device="cpu", kind="flat")
    start = time.perf_counter()
    encoder = load_encoder(name, device="cpu", precision=precision)
    encoder.encode([Image.new("RGB", (8, 8))])  # converts and compiles
    loaded = time.perf_counter()
    update = FolderUpdate.scan(pictures, index, config, Stages(marks))
    with open_writer(index, create=True) as catalog:
        report = update.run(catalog, encoder)
    ended = time.perf_counter()
    return {
        "seconds": marks.staged[0] - marks.embedding[0],
        "cpu": marks.staged[1] - marks.embedding[1],
        "pictures": report.images,
        "all_seconds": ended - loaded,
        "load": loaded - start,
        "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
    }


def of_loader(pictures: Path, encoder: Encoder) -> dict[str, float]:
    """The figures of `loader`; the network is torch's, in float32."""
    import torch
    from torch.utils.data import DataLoader, Dataset

    from search.encoders.torch_base import TorchEncoder

    network, size, preprocessing = (of := cast("TorchEncoder", encoder)).network, of.input_size, of.preprocessing
    mean, std = (torch.tensor(values).view(3, 1, 1) for values in (preprocessing.mean, preprocessing.std))
    paths = [file.path for file in scan(pictures)]

    class Pictures(Dataset[torch.Tensor]):
        def __len__(self) -> int:
            return len(paths)

        def __getitem__(self, place: int) -> torch.Tensor:
            image = Image.open(paths[place]).convert("RGB").resize((size, size), Image.Resampling.BILINEAR)
            return (torch.from_numpy(np.array(image)).permute(2, 0, 1) / 255 - mean) / std

    def loop() -> None:
        with torch.inference_mode():
            for batch in DataLoader(Pictures(), batch_size=BATCH, num_workers=CORES):
                network(batch)

    return {**timed(loop), "pictures": len(paths)}


def main() -> None:
    """Measure the part that the arguments name."""
    part, pictures, name = sys.argv[1], Path(sys.argv[2]), sys.argv[3]
    precision = cast("Precision", sys.argv[4])
    if part == "build":
        figures = of_build(pictures, name, precision, Path(sys.argv[5]))
    elif part == "loader":
        figures = of_loader(pictures, load_encoder(name, device="cpu", runtime="torch"))
    else:
        measure = {"decode": of_decoding, "forward": of_forward}[part]
        figures = measure(pictures, load_encoder(name, device="cpu", precision=precision))
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
