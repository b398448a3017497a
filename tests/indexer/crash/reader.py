"""Readers of an index that is being written: each opens it, asks, checks every answer, and opens it again.

    python -m tests.indexer.crash.reader INDEX LOG STOP PROCESSES THREADS

Says `ready` when everything is imported, reads until the file STOP exists, and ends with 0 if nothing was wrong. LOG
is the beginning of the names of the readers' logs, which get a line of JSON for every snapshot that was opened: its
generation, how many questions it answered, and its paths.
"""

from __future__ import annotations

import json
import os
import random
import sys
import threading
import time
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

import numpy as np

from search import open_index
from search.indexes import KINDS, index_class
from tests.conftest import draw

if TYPE_CHECKING:
    from collections.abc import Sequence

    from search import Hit, SearchEngine
    from search.types import Floats

TOLERANCE = 1e-4
PAUSE = 0.02
"""Seconds between questions: eight readers that never rest would leave a small machine no time to write."""


def read(index: Path, log: TextIO, stop: Path, seed: int) -> None:
    """Open snapshot after snapshot and ask each for a while: for an instant, or across several commits."""
    chance = random.Random(seed)
    while not stop.exists():
        with open_index(index, device="cpu") as engine:
            until = time.monotonic() + chance.choice([0.0, 0.05, 0.3, 1.0])
            asked, first = 0, Snapshot(engine)
            while asked == 0 or (time.monotonic() < until and not stop.exists()):
                asked += first.ask(chance)
                time.sleep(PAUSE)
            first.assert_unchanged()
            log.write(json.dumps({"generation": first.generation, "asked": asked, "paths": first.paths}) + "\n")
            log.flush()


class Snapshot:
    """What an engine held when it was opened, which it holds until it is closed."""

    def __init__(self, engine: SearchEngine) -> None:
        self.engine = engine
        self.generation = engine.catalog.generation()
        self.records, self.vectors = engine.vectors()
        self.paths = sorted(str(record.path) for record in self.records)
        self.by_id = {record.id: place for place, record in enumerate(self.records)}
        self.exact = all(segment.recall is None for segment in engine.info().segments)

    def ask(self, chance: random.Random) -> int:
        """Ask one question of each sort; returns how many."""
        k = chance.choice([1, 3, 10, 1000])
        stored = self.vectors[chance.randrange(len(self.vectors))]
        for query in (stored, _turned(stored, chance)):
            self.assert_answer(query, self.engine.search_vectors(query[None], k)[0], k, range(len(self.records)))
        picture = draw(chance.randrange(10_000))
        self.assert_answer(self.engine.embed(picture), self.engine.search(picture, k), k, range(len(self.records)))
        label = chance.choice(self.records).label
        mine = [place for place, record in enumerate(self.records) if record.label == label]
        self.assert_answer(stored, self.engine.search_vectors(stored[None], k, where={"label": label})[0], k, mine)
        return 4

    def assert_answer(self, query: Floats, hits: list[Hit], k: int, allowed: Sequence[int]) -> None:
        """The hits are pictures of this snapshot, each once, at their true distances, nearest first, as many as asked.

        Of an exact index they are those of brute force.
        """
        places = [self.by_id[hit.id] for hit in hits]
        assert len(set(places)) == len(places) == min(k, len(allowed))
        assert set(places) <= set(allowed)
        assert [hit.path for hit in hits] == [self.records[place].path for place in places]
        found = np.array([hit.distance for hit in hits])
        np.testing.assert_allclose(found, np.linalg.norm(self.vectors[places] - query, axis=1), atol=TOLERANCE)
        assert (np.diff(found) >= 0).all()
        if self.exact:
            truth = np.sort(np.linalg.norm(self.vectors[list(allowed)] - query, axis=1))[: len(hits)]
            np.testing.assert_allclose(found, truth, atol=TOLERANCE)

    def assert_unchanged(self) -> None:
        """Whatever was committed since, this engine shows what it showed at first."""
        records, vectors = self.engine.vectors()
        assert records == self.records
        np.testing.assert_array_equal(vectors, self.vectors)


def _turned(vector: Floats, chance: random.Random) -> Floats:
    noise = np.random.default_rng(chance.randrange(2**32)).normal(scale=0.02, size=vector.shape)
    turned = vector + noise.astype(np.float32)
    return turned / np.linalg.norm(turned)


def read_in_threads(index: Path, log: str, stop: Path, threads: int, seed: int) -> int:
    """Be one process of readers; returns its exit code."""
    failures: list[str] = []

    def reader(number: int) -> None:
        try:
            with Path(f"{log}.{number}").open("w") as file:
                read(index, file, stop, number)
        except BaseException:
            failures.append(traceback.format_exc())
            stop.touch()

    running = [threading.Thread(target=reader, args=(100 * seed + number,)) for number in range(threads)]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()
    sys.stderr.write("\n".join(failures))
    sys.stderr.flush()
    return bool(failures)


def main() -> int:
    """Import what every kind needs, once and before the clock runs, and fork the readers."""
    index, log, stop, processes, threads = sys.argv[1:]
    for kind in KINDS:
        index_class(kind)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    children = []
    for number in range(int(processes)):
        child = os.fork()
        if child == 0:
            # Without taking down what was imported, which would take seconds on a busy machine.
            os._exit(read_in_threads(Path(index), log, Path(stop), int(threads), number))
        children.append(child)
    return max(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) != 0 for child in children)


if __name__ == "__main__":
    code = main()
    sys.stderr.flush()
    os._exit(code)
