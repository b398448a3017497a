"""Embed the data sets with a MobileNetV2 in TFLite format: a teacher for distillation, and a baseline.

    pip install ai-edge-litert
    python -m benchmarks.datasets --out .cache/datasets
    python -m benchmarks.teacher --datasets .cache/datasets --out .cache/teacher

The model is read from the data sets' folder (`TWINLENS_DATASETS`). A trained encoder contains nothing of it; only its
embeddings are used in training. Takes eleven minutes on two cores for 65,000 pictures; stored embeddings are not
computed again.
"""

from __future__ import annotations

import argparse
import hashlib
import os
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from benchmarks.datasets import datasets_folder
from indexer.training.teacher import PATHS_FILE, embed_for_training, read_teacher, write_teacher
from search.chunks import chunks
from search.encoders.base import Encoder
from search.encoders.preprocessing import squash
from search.errors import UnsupportedError
from search.pictures.decode import PICTURE_SUFFIXES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from PIL.Image import Image

    from search.config import Device
    from search.types import Floats

MODEL = Path("teacher", "mobilenet_v2_1.0_224_quant.tflite")
EMBEDDING = "AvgPool"
"""Part of the name of the tensor before the last layer."""
_PORTION = 2000


class TFLiteEncoder(Encoder):
    """A quantised TFLite network, run on one picture at a time; its pooled features are the embedding."""

    family: ClassVar[str] = "tflite"

    def __init__(self, model: Path, threads: int = 1) -> None:
        from ai_edge_litert.interpreter import Interpreter

        self.name = model.stem
        self.fingerprint = hashlib.sha256(model.read_bytes()).hexdigest()[:32]
        self._network = Interpreter(str(model), num_threads=threads)
        self._network.allocate_tensors()
        (entry,) = self._network.get_input_details()
        (pooled,) = (each for each in self._network.get_tensor_details() if EMBEDDING in each["name"])
        self._entry, self._pooled = int(entry["index"]), int(pooled["index"])
        self.input_size, self.dim = int(entry["shape"][1]), int(pooled["shape"][-1])

    def prepare(self, image: Image) -> NDArray[np.uint8]:
        """Resize to the network's square of bytes; the quantised network normalises them itself."""
        return squash(image, self.input_size)

    def forward(self, batch: NDArray[Any]) -> Floats:
        """Pooled features `(B, dim)`, not dequantised: the zero point is 0, so the scale cancels in a unit row."""
        rows = []
        for picture in batch:
            self._network.set_tensor(self._entry, picture[None])
            self._network.invoke()
            rows.append(self._network.get_tensor(self._pooled).reshape(-1))
        return np.stack(rows).astype(np.float32)

    def save(self, folder: Path) -> None:
        """Not supported: this network is only a baseline."""
        raise UnsupportedError(f"{self.name} cannot be saved into an index")

    @classmethod
    def load(cls, folder: Path, device: Device = "auto") -> TFLiteEncoder:
        """Not supported, like `save`."""
        raise UnsupportedError("a TFLite network cannot be loaded from an index")


_encoder: TFLiteEncoder | None = None
"""The network of this worker process; it cannot be sent to another process."""


def _start(model: Path) -> None:
    global _encoder
    _encoder = TFLiteEncoder(model)


def _portion(paths: list[Path], root: Path) -> tuple[list[str], Floats]:
    assert _encoder is not None
    return embed_for_training(_encoder, paths, root)


def embed_all(model: Path, root: Path, folders: Sequence[str], out: Path, workers: int) -> None:
    """Embed every picture below these folders of `root` that `out` lacks; intermediate results are saved."""
    known = read_teacher(out) if (out / PATHS_FILE).is_file() else None
    names = list(known.rows) if known else []
    parts: list[Any] = [np.asarray(known.vectors)] if known else []
    done = set(names)
    inside = (path for folder in folders for path in sorted((root / folder).rglob("*")))
    paths = [path for path in inside if path.suffix.lower() in PICTURE_SUFFIXES]
    paths = [path for path in paths if path.relative_to(root).as_posix() not in done]
    portions = list(chunks(paths, _PORTION))
    with ProcessPoolExecutor(workers, initializer=_start, initargs=(model,)) as pool:
        for embedded, vectors in pool.map(_portion, portions, [root] * len(portions)):
            names += embedded
            parts.append(vectors.astype(np.float16))
            print(f"{len(names)} pictures", flush=True)
            if len(parts) % 8 == 0:
                write_teacher(out, names, np.concatenate(parts))
    if parts:
        write_teacher(out, names, np.concatenate(parts))


def main(arguments: Sequence[str] | None = None) -> None:
    """Embed the data sets."""
    parser = argparse.ArgumentParser(description="Embed the data sets with the teacher.")
    parser.add_argument("--datasets", type=Path, default=Path(".cache/datasets"))
    parser.add_argument("--only", nargs="*", default=["tiny-imagenet/train", "clothing"], help="folders below it")
    parser.add_argument("--model", type=Path, default=datasets_folder() / MODEL)
    parser.add_argument("--out", type=Path, default=Path(".cache/teacher"))
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    options = parser.parse_args(arguments)
    if not options.model.is_file():
        parser.exit(1, f"error: {options.model}: no such model. Set TWINLENS_DATASETS to the folder that holds it\n")
    embed_all(options.model, options.datasets, options.only, options.out, options.workers)


if __name__ == "__main__":
    main()
