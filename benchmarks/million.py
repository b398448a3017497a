"""Grow an index to a million vectors in batches with removals, rebuild it, and measure times, memory and recall.

    python -m benchmarks.million INDEX_OR_NPY --rows 1000000 --work WORK --out docs/results/million.md

INDEX_OR_NPY holds real embeddings: an index folder, or unit rows `(N, D) float32`. Each vector is one of them plus
`--noise` times the difference of two others, scaled to unit length, so that the noise has the directions in which real
embeddings differ. Each step runs in its own process, so that its peak memory can be measured. With `--work` a stopped
run resumes after its last finished step.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import json
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.million_page import page
from benchmarks.million_vectors import Collection, Grown, K, real_embeddings
from search.files.writing import write_file
from search.indexes import KINDS, index_class

if TYPE_CHECKING:
    from search.types import Floats, Rows

_ROUNDING = 1e-5
"""Distances that differ by less than this are equal: float32 vectors, summed in another order."""
_SAMPLE_EVERY = 0.02
"""Seconds between two samples of a step's memory."""

BEGIN = """
import json, sys, time
from pathlib import Path
words = json.loads(sys.argv[1])
begun = time.perf_counter()
result = {}
"""
END = """
result["seconds"] = time.perf_counter() - begun
status = Path("/proc/self/status").read_text()
result["resident"] = int(status.split("VmHWM:")[1].split()[0]) * 1024
print(json.dumps(result))
"""
IMPORT = """
from indexer.exchange.config import ImportConfig
from indexer.exchange.import_vectors import import_vectors
config = ImportConfig(encoder="benchmark", foreign=True, paths=Path(words["paths"]), kind=words["kind"], device="cpu")
report = import_vectors(words["vectors"], words["index"], config)
result |= {"added": report.added, "kind": report.kind, "recall": report.recall}
"""
REMOVE = """
from indexer.collection.remove import remove
from search import QueryError
try:
    result["removed"] = remove(words["index"], ids=json.loads(Path(words["ids"]).read_text())).removed
except QueryError:
    result["removed"] = 0
"""
REBUILD = """
from indexer.collection.rebuild import rebuild
from search.config import BuildConfig
report = rebuild(words["index"], BuildConfig(kind=words["kind"], device="cpu"))
result |= {"images": report.images, "kind": report.kind, "recall": report.recall}
"""
NOTHING = """
import numpy
import indexer.exchange.import_vectors
from search.indexes import index_class
index_class(words["kind"])(device="cpu").build(numpy.random.default_rng(0).random((1000, 64), dtype=numpy.float32))
"""
CHECK = """
from indexer.health.check import check
result["findings"] = check(words["index"])
"""
SEARCH = """
import numpy as np
from search import open_index
with open_index(words["index"], device="cpu") as engine:
    result["open"] = time.perf_counter() - begun
    queries = np.load(words["queries"])
    engine.search_vectors(queries[:1], words["k"])
    took = []
    for query in queries[:50]:
        start = time.perf_counter()
        engine.search_vectors(query, words["k"])
        took.append(time.perf_counter() - start)
    result["median"] = float(np.median(took))
    hits = engine.search_vectors(queries, words["k"])
    result["segments"] = len(engine.info().segments)
    result["size"] = engine.info().size
result["ids"] = [[hit.id for hit in found] for found in hits]
result["distances"] = [[hit.distance for hit in found] for found in hits]
"""


def step(script: str, **words: Any) -> dict[str, Any]:
    """Run one step in its own process.

    Returns:
        The step's results, with `seconds`, without the start of Python; `resident`, its peak resident memory in bytes
        including mapped files; and `peak`, its peak anonymous memory in bytes.
    """
    process = subprocess.Popen(
        [sys.executable, "-c", BEGIN + script + END, json.dumps(words)], stdout=subprocess.PIPE, text=True
    )
    status, peak = Path(f"/proc/{process.pid}/status"), 0
    try:
        while process.poll() is None:
            with contextlib.suppress(OSError, IndexError):  # the process has just ended
                peak = max(peak, int(status.read_text().split("RssAnon:")[1].split()[0]) * 1024)
            time.sleep(_SAMPLE_EVERY)
        output = process.communicate()[0]
    finally:
        process.kill()
    if process.returncode:
        raise SystemExit(f"a step failed with exit code {process.returncode}: {words}")
    result: dict[str, Any] = json.loads(output)
    return {**result, "peak": peak}


class Steps:
    """The results of finished steps, in a file, so that none of them runs again."""

    def __init__(self, file: Path, options: dict[str, Any]) -> None:
        """Read the file if it exists; exits with an error if it belongs to other options."""
        self._file = file
        self._results: dict[str, Any] = {"options": options}
        if file.exists():
            self._results = json.loads(file.read_text("utf-8"))
        if self._results["options"] != options:
            raise SystemExit(f"{file.parent}: holds a run with other options. Delete it, or name another folder")

    def run(self, name: str, script: str, **words: Any) -> dict[str, Any]:
        """Run a step, or return its stored results."""
        if name not in self._results:
            self._results[name] = step(script, **words)
            sys.stderr.write(
                f"{name}: {self._results[name]['seconds']:.1f} s, {self._results[name]['peak'] >> 20} MiB\n"
            )
            self._write()
        result: dict[str, Any] = dict(self._results[name])
        return result

    def forget(self, kind: str) -> None:
        """Delete the results of a kind."""
        self._results = {name: each for name, each in self._results.items() if not name.startswith(f"{kind}, ")}
        self._write()

    def _write(self) -> None:
        write_file(self._file, json.dumps(self._results))


class ResultsLostError(Exception):
    """The run was stopped after the commit of a step but before its results were stored."""


def grow(kind: str, collection: Collection, truth: tuple[Floats, Rows], steps: Steps, index: Path) -> Grown:
    """Import and remove batch by batch, search, rebuild, search again; exits with an error for a wrong answer."""
    grown = Grown(kind, steps.run(f"{kind}, nothing", NOTHING, kind=kind))
    place, queries = str(index), str(collection.queries)
    for n, vectors in enumerate(collection.vectors):
        name, paths, ids = f"{kind}, batch {n + 1}", str(collection.paths[n]), str(collection.doomed[n])
        result = steps.run(f"{name}, import", IMPORT, vectors=str(vectors), paths=paths, kind=kind, index=place)
        if result["added"] != collection.bounds[n + 1] - collection.bounds[n]:
            raise ResultsLostError
        grown.imports.append(result)
        if doomed := json.loads(collection.doomed[n].read_text("utf-8")):
            grown.removals.append(steps.run(f"{name}, remove", REMOVE, ids=ids, index=place))
            if grown.removals[-1]["removed"] != len(doomed):
                raise ResultsLostError
    result = steps.run(f"{kind}, search", SEARCH, index=place, queries=queries, k=K)
    grown.before = compared(result, collection, truth, kind)
    grown.rebuild = steps.run(f"{kind}, rebuild", REBUILD, index=place, kind=kind)
    result = steps.run(f"{kind}, search rebuilt", SEARCH, index=place, queries=queries, k=K)
    grown.after = compared(result, collection, truth, kind)
    if findings := steps.run(f"{kind}, check", CHECK, index=place)["findings"]:
        raise SystemExit(f"{index}: is damaged: {findings}")
    return grown


def compared(result: dict[str, Any], collection: Collection, truth: tuple[Floats, Rows], kind: str) -> dict[str, Any]:
    """The results of a search, with its recall@10 and whether all its answers are exact."""
    ids, distances = np.array(result.pop("ids")), np.array(result.pop("distances"))
    if ids.shape != truth[1].shape or not collection.alive[ids - 1].all():
        raise SystemExit(f"{kind}: an answer is missing, or is a picture that was removed")
    if not np.allclose(distances, collection.distances(ids), atol=_ROUNDING):
        raise SystemExit(f"{kind}: a distance is not the distance to its picture")
    result["recall"] = float(np.mean(distances <= truth[0][:, -1:] + _ROUNDING))
    result["equal"] = bool(np.allclose(distances, truth[0], atol=_ROUNDING))
    if index_class(kind).exact and not result["equal"]:
        raise SystemExit(f"{kind}: is exact but gives other answers than brute force")
    return result


def main() -> None:
    """Grow an index of each kind and write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", type=Path, help="an index, or unit rows as .npy: real embeddings")
    parser.add_argument("--about", help="description of the embeddings for the page")
    parser.add_argument("--rows", type=int, default=1_000_000, help="number of vectors; 20000 for a quick test")
    parser.add_argument("--batches", type=int, default=20)
    parser.add_argument("--removed", type=float, default=0.05, help="share of a batch to remove after it")
    parser.add_argument("--noise", type=float, default=0.1)
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=["flat", "hnsw", "ivfpq"])
    parser.add_argument("--work", type=Path, help="folder to keep, for resuming; defaults to a temporary one")
    parser.add_argument("--out", type=Path, default=Path("docs/results/million.md"))
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    if options.rows < 20 * options.batches:
        parser.error("--rows: must be at least 20 per batch")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("stopped"))
    with tempfile.TemporaryDirectory() as temporary:
        run(options, options.work or Path(temporary))


def run(options: argparse.Namespace, work: Path) -> None:
    """Run all steps in the folder `work`, and write the page."""
    real = real_embeddings(options.source)
    work.mkdir(parents=True, exist_ok=True)
    same = {name: getattr(options, name) for name in ("rows", "batches", "removed", "noise", "seed")}
    digest = hashlib.blake2b(np.ascontiguousarray(real).data, digest_size=20).hexdigest()
    steps = Steps(work / "steps.json", {**same, "embeddings": digest})
    collection = Collection(work, real, options)
    truth = collection.truth()
    rows = []
    for kind in dict.fromkeys(options.kinds):
        index = work / f"{kind}.index"
        try:
            rows.append(grow(kind, collection, truth, steps, index))
        except ResultsLostError:
            steps.forget(kind)
            shutil.rmtree(index, ignore_errors=True)
            rows.append(grow(kind, collection, truth, steps, index))
        shutil.rmtree(index, ignore_errors=True)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(page(rows, collection, options, len(real)), encoding="utf-8")


if __name__ == "__main__":
    main()
