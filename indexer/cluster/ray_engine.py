"""Embed the files of a build on a Ray cluster; only this module imports ray.

The pipeline has one stage: actors that hold the encoder take a block of files, read, decode and embed it, and return
its results, which this process stages as those of a local build. It has one stage on purpose. Where one stage of actors
decodes and another embeds, those of the first take every CPU of a small cluster, and each stage then waits for the
other for ever (Ray issue 44687). Here no work waits for a second resource: a single free CPU moves the build on. Pixels
are not copied between processes either; only paths and vectors travel.

A block is a transaction of the staging file, and Ray computes a block again whose worker or node was lost. A block that
arrives twice is staged once. A build that is killed continues with the files that are not staged.
"""

from __future__ import annotations

import logging
import os
import sys
import tempfile
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from indexer.cluster.block_results import BlockResults, packed_files, unpacked_files
from indexer.pipeline.embed import embed_files
from indexer.pipeline.progress import Silent, Stages
from search.chunks import chunks
from search.encoders import load_encoder
from search.errors import DataError, EncoderError
from search.files.writing import write_file

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from indexer.pipeline.embed import Sink
    from indexer.pipeline.known_contents import KnownContents
    from indexer.pipeline.scan import FoundFile
    from search.encoders.base import Encoder

BLOCK_FILES = 256
"""Files of a block: what a lost worker costs at most."""
_MOST_CPUS = 8
"""CPUs of an actor that holds a GPU: they decode for it."""


@dataclass(frozen=True, slots=True)
class _Plan:
    """What one actor asks for, and how many actors there are at most."""

    cpus: int
    gpus: int
    most: int


def embed_on_ray(
    files: list[FoundFile],
    encoder: Encoder,
    sink: Sink,
    known: KnownContents,
    *,
    batch_size: int,
    stages: Stages,
    address: str | None = None,
) -> int:
    """As `embed_files`, on the actors of a Ray cluster.

    Args:
        files: the files to read; every node must reach them by these paths.
        encoder: is saved, and loaded by each actor.
        sink: takes the results, a block at a time, in any order.
        known: the contents that need no embedding. Copies in different blocks are embedded in each.
        batch_size: pictures embedded at once.
        stages: measures the time and reports progress.
        address: of a running cluster. Defaults to RAY_ADDRESS, or to a cluster on this machine for this build alone.

    Returns:
        How many pictures were embedded.

    Raises:
        DataError: Ray is not installed, or there is no cluster at the address.
    """
    if not files:
        return 0
    embedded, staged = 0, set()
    with _cluster(address) as ray:
        rows = _results(ray, files, encoder, known.digests(), batch_size)
        for row in rows:
            if int(row["number"]) in staged:
                continue
            block = BlockResults.unpacked(row["results"], row["vectors"], encoder.dim)
            with stages.timed("stage"):
                sink.add(block.files, block.pairs())
            staged.add(int(row["number"]))
            embedded += len(block.embedded)
            stages.progress.advance(len(block.files))
    return embedded


@contextmanager
def _cluster(address: str | None) -> Iterator[Any]:
    """Connect to a cluster, or start one; a connection that the caller had already stays open."""
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"  # Ray reports its use to its makers unless this is set
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    try:
        import ray
        import ray.data
    except ImportError as error:
        raise DataError("the engine ray needs Ray. Install it: pip install 'twinlens[distributed]'") from error
    logging.getLogger("ray.data").setLevel(logging.ERROR)
    if ray.is_initialized():
        yield ray
        return
    place = address or os.environ.get("RAY_ADDRESS") or "local"
    own: dict[str, Any] = {}
    if place == "local":
        own = {"include_dashboard": False, "_node_ip_address": "127.0.0.1"}
    with redirect_stdout(sys.stderr):  # Ray prints that a node was lost, perhaps late; stdout has the command's report
        try:
            ray.init(address=place, log_to_driver=False, logging_level=logging.ERROR, **own)
        except (ConnectionError, RuntimeError, ValueError, OSError) as error:
            raise DataError(f"no Ray cluster answers at {place} ({error!s:.200}). Check the address") from error
        try:
            yield ray
        finally:
            ray.shutdown()


def _plan(ray: Any) -> _Plan:
    """One actor per GPU with a share of its node's CPUs; without any GPU, one per CPU.

    An actor asks for one CPU where there is no GPU, so that it fits on every node; several of them on a node compute as
    much as one with all CPUs.
    """
    nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    gpus = int(sum(node.get("GPU", 0) for node in nodes))
    if not gpus:
        return _Plan(1, 0, max(1, int(sum(node.get("CPU", 0) for node in nodes))))
    shares = [int(node.get("CPU", 0) // node["GPU"]) for node in nodes if node.get("GPU", 0) >= 1]
    return _Plan(min(max(1, min(shares, default=1)), _MOST_CPUS), 1, gpus)


def _results(
    ray: Any, files: list[FoundFile], encoder: Encoder, known: NDArray[np.bytes_], batch_size: int
) -> Iterator[dict[str, Any]]:
    """The results of each block, as they are computed."""
    plan = _plan(ray)
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    context.execution_options.preserve_order = False
    blocks = [
        {"number": number, "files": packed_files(block)} for number, block in enumerate(chunks(files, BLOCK_FILES))
    ]
    how = {
        "saved": ray.put(_saved(encoder)),
        "known": ray.put(known),
        "fingerprint": encoder.fingerprint,
        "device": "cuda" if plan.gpus else "cpu",
        "batch_size": batch_size,
        "workers": plan.cpus,
    }
    data = ray.data.from_items(blocks, override_num_blocks=len(blocks)).map_batches(
        EmbeddingActor,
        fn_constructor_kwargs=how,
        batch_size=1,
        batch_format="numpy",
        compute=ray.data.ActorPoolStrategy(min_size=1, max_size=min(plan.most, len(blocks))),
        num_cpus=plan.cpus,
        num_gpus=plan.gpus,
    )
    yield from data.iter_rows()


class EmbeddingActor:
    """Holds the encoder on one node, and embeds blocks."""

    def __init__(self, saved: Any, known: Any, fingerprint: str, device: Any, batch_size: int, workers: int) -> None:
        """Load the encoder; `saved` and `known` are references to what `embed_on_ray` put in the object store."""
        import ray

        self._known = _Digests(ray.get(known))
        self._batch_size, self._workers = batch_size, workers
        with tempfile.TemporaryDirectory(prefix="twinlens-encoder-") as folder:
            for name, data in ray.get(saved).items():
                write_file(Path(folder, name), data)
            self._encoder = load_encoder(Path(folder), device=device)
            if self._encoder.fingerprint != fingerprint:
                raise EncoderError("the encoder that arrived is not the one that was sent")

    def __call__(self, batch: dict[str, NDArray[Any]]) -> dict[str, list[Any]]:
        """Embed the blocks of a batch, which is one."""
        numbers, texts, vectors = [], [], []
        for number, files in zip(batch["number"], batch["files"], strict=True):
            results = BlockResults(self._encoder.dim)
            embed_files(
                unpacked_files(str(files)),
                self._encoder,
                results,
                self._known,
                batch_size=self._batch_size,
                workers=self._workers,
                stages=Stages(Silent()),
            )
            numbers.append(int(number))
            texts.append(results.packed())
            vectors.append(results.packed_vectors())
        return {"number": numbers, "results": texts, "vectors": vectors}


class _Digests:
    """Contents as a sorted array, which all actors of a node share."""

    def __init__(self, sorted_digests: NDArray[np.bytes_]) -> None:
        self._sorted = sorted_digests

    def __contains__(self, content: str) -> bool:
        digest = np.array(bytes.fromhex(content), dtype=self._sorted.dtype)[()]
        place = int(np.searchsorted(self._sorted, digest)) if len(self._sorted) else 0
        return place < len(self._sorted) and bool(self._sorted[place] == digest)


def _saved(encoder: Encoder) -> dict[str, bytes]:
    """The files of an encoder: a node need not have its folder, or the package that its name means."""
    with tempfile.TemporaryDirectory(prefix="twinlens-encoder-") as folder:
        encoder.save(Path(folder))
        return {file.name: file.read_bytes() for file in sorted(Path(folder).iterdir())}
