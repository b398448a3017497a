"""Up to how many rows a filter is answered exactly: as measured, stored, shown and used."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from indexer.cli.info import _text
from indexer.tuning import filters
from indexer.tuning.filters import measure_exact_rows
from indexer.tuning.structure import build_structure
from search import open_index
from search.config import BuildConfig
from search.indexes import index_class
from search.store.catalog import Catalog
from search.store.segments import Segment
from search.tuned import Tuning
from tests.indexes_of_vectors import clumps, index_of

ROWS = 20_000
_MS = 1e-3


class Clock:
    """Seconds that only a search makes pass."""

    now = 0.0

    def perf_counter(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(filters, "time", clock)
    return clock


def timed(clock: Clock, monkeypatch: pytest.MonkeyPatch, *, structure_ms: float, lost_below: int = 0) -> None:
    """A structure takes so long, and finds nothing with narrower filters; exact search takes 1 ms per 1,000 rows."""

    class Timed(Segment):
        def search_exactly(self, queries, k, chosen=None):
            clock.now += _MS * (ROWS if chosen is None else chosen.count) / 1000
            return np.zeros((1, k), np.float32), np.zeros((1, k), np.int64)

        def search(self, queries, k, chosen=None, audit=None):
            clock.now += _MS * structure_ms
            lost = chosen is not None and chosen.count < lost_below
            return np.full((1, k), 2.0 if lost else 0.0, np.float32), np.zeros((1, k), np.int64)

    monkeypatch.setattr(filters, "Segment", Timed)


def of_kind(kind: str, rows: int = ROWS):
    structure = index_class(kind)()
    structure.size, structure.dim = rows, 512
    return structure


def measured(kind: str = "hnsw", rows: int = ROWS, queries: int = 20) -> int | None:
    vectors = np.zeros((rows, 512), dtype=np.float32)
    return measure_exact_rows(of_kind(kind, rows), vectors, vectors[:queries])


@pytest.mark.parametrize("structure_ms", [0.5, 1.3, 3.0, 8.0])
def test_the_crossover_is_where_both_take_equally_long(
    structure_ms: float, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    timed(clock, monkeypatch, structure_ms=structure_ms)
    assert measured() == pytest.approx(1000 * structure_ms, abs=2)


def test_a_fast_structure_that_loses_rows_is_not_used(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    timed(clock, monkeypatch, structure_ms=0.5, lost_below=2_000)
    assert 1_000 < measured() < 2_700  # the widest filter that lost rows passed 1,250


def test_a_slow_structure_is_never_used_with_a_filter(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    timed(clock, monkeypatch, structure_ms=1_000)
    assert measured() == pytest.approx(ROWS / 2, rel=0.05), "half of the rows is the widest filter that is tried"


def test_nothing_is_measured_where_there_is_nothing_to_choose() -> None:
    assert measured("flat") is None
    assert measured(queries=0) is None
    assert measured(rows=4_000) is None, "exact search over so few rows is fast"
    assert measured(rows=0, queries=0) is None


def test_it_is_stored_with_the_segment_shown_and_used(tmp_path: Path) -> None:
    vectors = clumps(20_000, dim=64)
    built = build_structure(vectors, BuildConfig(kind="pq4", device="cpu"))
    assert built.tuning is not None
    assert built.tuning.exact_rows is not None
    assert 0 <= built.tuning.exact_rows <= len(vectors)
    assert Tuning.of_dict(built.tuning.to_dict()) == built.tuning

    index = index_of(tmp_path / "i", clumps(50), kind="pq4")
    tuning = Tuning(0.9, exact_rows=7)
    with closing(Catalog.write(index)) as catalog, catalog.transaction():
        catalog.database.many("UPDATE segments SET tuning = ?", [(json.dumps(tuning.to_dict()),)])
    with open_index(index, device="cpu") as engine:
        assert engine.segments[0].exact_rows == 7
        assert engine.info().segments[0].tuning == tuning
        assert "filters that leave up to 7 rows are answered exactly" in _text(engine.info())
        for last, exact in ((7, True), (8, False)):
            (answer,) = engine.ask_vectors(clumps(1), 3, where=f"id <= {last}", audit=True)
            assert answer.audit.segments[0].exact is exact


def test_a_tuning_of_an_older_version_has_no_crossover() -> None:
    plain = Tuning(0.9).to_dict()
    del plain["exact_rows"]
    assert Tuning.of_dict(plain).exact_rows is None
    with pytest.raises(ValueError, match="exact_rows"):
        Tuning.of_dict({**plain, "exact_rows": -1})
