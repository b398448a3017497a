"""Compare searching with Twinlens and with other libraries, side by side.

    python -m benchmarks.search VECTORS.npy --queries QUERIES.npy --out docs/results/search.md

Both files hold unit rows `(N, D) float32`; without `--queries` some rows of VECTORS are held out. Each library runs in
a process of its own on one core. The least effort of its ladder that reaches a target is looked for; then all libraries
are timed in turn, again and again, and the medians are written; the processes of the others are stopped meanwhile. A
library that cannot be imported is listed as missing.
With `--kept FILE`, libraries that an earlier run measured over the same vectors are not measured again.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import signal
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.search_libraries import LIBRARIES
from benchmarks.search_library import K
from search.store.segments import exact_search
from search.text import utc_today

if TYPE_CHECKING:
    from collections.abc import Sequence

    from search.types import Floats

TARGETS = (0.95, 0.99)
SHARES = {"hundredth": 0.01, "half": 0.5}
"""Columns that filters select by, and the share of rows that they mark."""
QUERIES = 1_000
TURNS = 5
"""Turns of single queries for each of a batch: they are short, and other work on the machine is not."""


@dataclass
class Measured:
    """One library that reaches one target, or its most if it does not."""

    target: float
    effort: int
    recall: float
    version: str
    filtered: dict[str, float] = field(default_factory=dict)
    """Column -> recall@10 of filtered queries."""
    seconds: dict[str, list[float]] = field(default_factory=dict)
    """`single`, `batch` and columns -> seconds of each turn."""
    kept: bool = False
    """Whether an earlier run measured it."""

    def median(self, case: str) -> float | None:
        """Median over the turns."""
        return float(np.median(self.seconds[case])) if self.seconds.get(case) else None


class Kept:
    """What earlier runs measured, in a JSON file."""

    def __init__(self, file: Path | None, vectors: Floats, queries: Floats) -> None:
        self._file = file
        digest = hashlib.blake2b(vectors.data, digest_size=20)
        digest.update(queries.data)
        self._of: dict[str, Any] = {"vectors": digest.hexdigest(), "libraries": {}}
        if file is not None and file.exists():
            self._of = json.loads(file.read_text("utf-8"))
        if self._of["vectors"] != digest.hexdigest():
            raise SystemExit(f"{file}: holds a run over other vectors. Delete it, or name another file")

    def __contains__(self, name: str) -> bool:
        return name in self._of["libraries"]

    def measured(self) -> list[Library]:
        """The libraries of earlier runs."""
        return [
            Library(name, each["built"], [Measured(**row | {"kept": True}) for row in each["measured"]])
            for name, each in self._of["libraries"].items()
        ]

    def keep(self, libraries: Sequence[Library]) -> None:
        """Add libraries to the file."""
        for each in libraries:
            if each.measured:
                self._of["libraries"][each.name] = {
                    "built": each.built,
                    "measured": [asdict(row) for row in each.measured],
                }
        if self._file is not None:
            self._file.write_text(json.dumps(self._of), encoding="utf-8")


@dataclass
class Library:
    """What was measured of one library."""

    name: str
    built: dict[str, Any] = field(default_factory=dict)
    measured: list[Measured] = field(default_factory=list)


class Process(Library):
    """The process of one library, which is stopped, with its threads and servers, while it has nothing to answer."""

    def __init__(self, name: str, work: Path, core: int) -> None:
        super().__init__(name)
        command = [sys.executable, "-m", "benchmarks.search_worker", name, str(work), str(core)]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True
        )

    def ask(self, do: str, **words: Any) -> dict[str, Any]:
        """Send a request and wait for its answer; `error` says what went wrong."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        os.killpg(self._process.pid, signal.SIGCONT)
        try:
            self._process.stdin.write(json.dumps({"do": do, **words}) + "\n")
            self._process.stdin.flush()
            line = self._process.stdout.readline()
        except BrokenPipeError:
            line = ""
        os.killpg(self._process.pid, signal.SIGSTOP)
        answer: dict[str, Any] = json.loads(line) if line else {"error": "the process ended"}
        return answer

    def close(self) -> None:
        """End the process."""
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def prepare(self) -> None:
        """Build, and look for the efforts that reach the targets."""
        self.built = self.ask("build")
        if "error" not in self.built:
            for target in TARGETS:
                self._reach(target)
        sys.stderr.write(f"{self.name}: {self.built} {self.measured}\n")

    def _reach(self, target: float) -> None:
        answer: dict[str, Any] = {"error": "no effort"}
        effort = 0
        for effort in self.built["efforts"]:
            answer = self.ask("recall", effort=effort, chosen=None)
            if "error" in answer or answer["recall"] >= target:
                break
        if "error" in answer:
            self.built["error"] = answer["error"]
            return
        known = [row for row in self.measured if row.effort == effort]
        if known:
            return  # as with an exact kind, the same effort is enough for this target
        row = Measured(target, effort, answer["recall"], answer["version"])
        for column in SHARES:
            answer = self.ask("recall", effort=effort, chosen=column)
            if "error" not in answer:
                row.filtered[column] = answer["recall"]
        self.measured.append(row)

    def time(self, *, batch: bool) -> None:
        """Single queries, without and with each filter, and `batch` or not all queries at once."""
        for row in self.measured:
            for case in ("single", *row.filtered):
                answer = self.ask("single", effort=row.effort, chosen=None if case == "single" else case)
                self._note(row, case, answer)
            if batch:
                self._note(row, "batch", self.ask("batch", effort=row.effort))

    def _note(self, row: Measured, case: str, answer: dict[str, Any]) -> None:
        if "error" not in answer:
            row.seconds.setdefault(case, []).append(answer["seconds"])


def write_inputs(work: Path, vectors: Floats, queries: Floats) -> None:
    """Write what the workers read."""
    random = np.random.default_rng(0)
    masks = {name: random.random(len(vectors)) < share for name, share in SHARES.items()}
    np.save(work / "vectors.npy", vectors)
    np.save(work / "queries.npy", queries)
    np.savez(work / "masks.npz", allow_pickle=False, **masks)
    for name, mask in {"all": None, **masks}.items():
        np.save(work / f"tenth-{name}.npy", exact_search(vectors, queries, K, mask)[0][:, -1])


def page(libraries: list[Library], vectors: Floats, queries: Floats, options: argparse.Namespace) -> str:
    """The page, as Markdown."""
    lines = [
        "# Search, side by side",
        "",
        f"Written by `python -m benchmarks.search` on {utc_today()}; {os.cpu_count()} cores, perhaps shared with other "
        f"work. {len(vectors):,} vectors of {vectors.shape[1]} dimensions ({options.about}), {len(queries):,} queries "
        "that are not among them, k = 10. Each library runs in a process of its own on one core, building included. "
        "Graphs of all libraries have 32 links a row (M) and are built with 100 candidates. For each target, the least "
        "effort of the library's ladder that reaches it; a row says the recall that it has. Libraries took turns, and "
        f"the others were stopped: times are medians of {options.rounds * TURNS} turns of single queries, each the "
        f"median of up to 60, and of {options.rounds} of batches. Twinlens is asked through its engine: it returns "
        "hits with paths and metadata, re-ranked by the stored vectors, and `auto` states its recall in advance. "
        "Filters mark random rows. *Build* is the CPU time of building, with metadata and tuning. *Memory* is what the "
        "process gained that no file backs, after the library was imported, and freed memory given back; vectors and "
        "structures that are mapped from files are not in it.",
        "",
        "| library | version, or what was chosen | effort | recall@10 | one query, ms | batch, ms per query | 1 %, ms "
        "(recall) | 50 %, ms (recall) | memory, MiB | build, CPU s |",
        "|---|---|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    missing = []
    for library in sorted(libraries, key=lambda library: list(LIBRARIES).index(library.name)):
        if not library.measured:
            missing.append(f"- {library.name}: {library.built.get('error', 'not measured')}")
        for row in library.measured:
            name = f"{library.name} *" if row.kept else library.name
            lines.append(f"| {name} | {' | '.join(_cells(row, library.built, len(queries)))} |")
    if any(row.kept for library in libraries for row in library.measured):
        lines += ["", "\\* Measured in an earlier run of the same command on the same machine."]
    if missing:
        lines += ["", "Not measured:", "", *missing]
    return "\n".join(lines) + "\n"


def _cells(row: Measured, built: dict[str, Any], queries: int) -> list[str]:
    batch = row.median("batch")
    filtered = []
    for column in SHARES:
        seconds = row.median(column)
        filtered.append("" if seconds is None else f"{1000 * seconds:.3f} ({row.filtered[column]:.3f})")
    return [
        row.version,
        str(row.effort or ""),
        f"{row.recall:.4f}",
        f"{1000 * (row.median('single') or 0):.3f}",
        "" if batch is None else f"{1000 * batch / queries:.3f}",
        *filtered,
        f"{built['memory'] / 2**20:.0f}",
        f"{built['seconds']:.1f}" if built["seconds"] else "",
    ]


def main() -> None:
    """Build, measure and write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("vectors", type=Path, help="unit rows (N, D) float32 as .npy")
    parser.add_argument("--queries", type=Path, help="unit rows of other pictures; default: rows that are held out")
    parser.add_argument("--about", default="embeddings of pictures", help="description of the vectors for the page")
    parser.add_argument("--libraries", nargs="+", choices=tuple(LIBRARIES), default=list(LIBRARIES), metavar="NAME")
    parser.add_argument("--rows", type=int, help="use the first rows only")
    parser.add_argument(
        "--builders", type=int, default=1, help="libraries that are built at the same time, each on its own core"
    )
    parser.add_argument(
        "--rounds", type=int, default=5, help=f"turns of batches; {TURNS} times as many of single queries"
    )
    parser.add_argument("--kept", type=Path, help="JSON file with what earlier runs measured; it is extended")
    parser.add_argument("--out", type=Path, default=Path("docs/results/search.md"))
    options = parser.parse_args()
    vectors = np.load(options.vectors, allow_pickle=False)
    if options.queries is None:
        order = np.random.default_rng(0).permutation(len(vectors))
        queries, vectors = vectors[order[:QUERIES]], vectors[np.sort(order[QUERIES:])]
    else:
        queries = np.load(options.queries, allow_pickle=False)[:QUERIES]
    vectors = np.ascontiguousarray(vectors[: options.rows])
    with tempfile.TemporaryDirectory() as folder:
        write_inputs(Path(folder), vectors, queries)
        cores = sorted(os.sched_getaffinity(0))[: options.builders]
        kept = Kept(options.kept, vectors, queries)
        asked = [name for name in options.libraries if name not in kept]
        processes = [Process(name, Path(folder), cores[place % len(cores)]) for place, name in enumerate(asked)]
        try:
            with ThreadPoolExecutor(len(cores)) as builders:
                list(builders.map(Process.prepare, processes))
            for turn in range(options.rounds * TURNS):
                for process in processes:
                    process.time(batch=turn % TURNS == 0)
                text = page([*kept.measured(), *processes], vectors, queries, options)
                options.out.write_text(text, encoding="utf-8")
            kept.keep(processes)
        finally:
            for process in processes:
                process.close()


if __name__ == "__main__":
    main()
