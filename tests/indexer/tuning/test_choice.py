"""What `auto` chooses, within which limits, and what it records."""

from __future__ import annotations

import json
from dataclasses import replace
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from indexer.tuning import choice
from indexer.tuning.costs import memory_needed, query_times
from indexer.tuning.structure import build_structure
from search.config import BuildConfig
from search.indexes import index_class
from search.store.records import SegmentRecord
from search.store.segments import Segment
from search.tuned import MeasuredRecall, Trial, Tuning
from tests.search.indexes.structures_made import cagra_stand_in, stand_in

if TYPE_CHECKING:
    from indexer.tuning.structure import Built
    from search.indexes.base import VectorIndex
    from search.types import Floats

CONFIG = BuildConfig(recall=0.9, device="cpu")


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Try candidates on few rows."""
    monkeypatch.setitem(choice.FLAT_ROWS, "cpu", 500)
    monkeypatch.setattr(choice, "SAMPLE", 700)


def spread(count: int, dim: int = 16) -> Floats:
    rows = np.random.default_rng(count).standard_normal((count, dim))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def recorded(built: Built, rows: int) -> SegmentRecord:
    structure = built.structure
    return SegmentRecord(7, "v", "s", rows, structure.kind, structure.parameters, built.recall, built.tuning)


def test_few_rows_are_exact_and_say_why() -> None:
    built = build_structure(spread(500), CONFIG)
    assert (built.structure.kind, built.recall) == ("flat", None)
    assert built.tuning is not None
    assert "500 rows" in built.tuning.reason
    assert built.tuning.trials == ()


def test_candidates_are_measured_and_one_is_chosen() -> None:
    built = build_structure(spread(1000), CONFIG)
    tuning = built.tuning
    assert tuning is not None
    assert [trial.kind for trial in tuning.trials] == [each.kind for each in choice.CANDIDATES["cpu"]]
    (chosen,) = [trial for trial in tuning.trials if trial.note == "chosen"]
    assert chosen.kind == built.structure.kind
    for trial in tuning.trials:
        assert trial.query_ms is not None
        assert trial.query_ms > 0
        assert trial.build_seconds is not None
        assert trial.memory == memory_needed(trial.kind, trial.parameters, 1000, 16)
        assert (trial.recall is None) == (trial.kind == "flat")
    assert tuning.reason


@pytest.fixture
def on_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """A GPU that is not there, with stand-ins for what FAISS does on it."""
    stand_in(monkeypatch)
    cagra_stand_in(monkeypatch)
    monkeypatch.setitem(choice.FLAT_ROWS, "cuda", 500)
    monkeypatch.setattr("indexer.tuning.structure.resolve_device", lambda *_: "cuda")


@pytest.mark.usefixtures("on_gpu")
def test_on_a_gpu_kinds_with_a_gpu_version_are_candidates(monkeypatch: pytest.MonkeyPatch) -> None:
    config = replace(CONFIG, device="cuda")
    assert build_structure(spread(500), config).structure.kind == "flat"
    built = build_structure(spread(1500), config)
    assert built.structure.device == "cuda"
    assert built.tuning is not None
    assert [trial.kind for trial in built.tuning.trials] == ["flat", "ivf", "cagra"]
    assert all(trial.query_ms for trial in built.tuning.trials)
    monkeypatch.setattr(index_class("cagra"), "devices", frozenset({"cpu"}))
    without = build_structure(spread(1500), config).tuning
    assert without is not None
    assert [trial.kind for trial in without.trials] == ["flat", "ivf"], "FAISS was built without cuVS"


@pytest.mark.usefixtures("on_gpu")
@pytest.mark.parametrize(
    ("times", "rows", "fixed", "best"),
    [
        ((0.4, 0.1, 0.15), 1500, 0.0, "ivf"),
        ((0.4, 0.1, 0.15), 2_000_000, 0.0, "cagra"),
        ((0.4, 0.1, 0.15), 2_000_000, 0.095, "ivf"),
        ((0.2, 1.3, 0.3), 30_000, 0.2, "flat"),
    ],
)
def test_on_a_gpu_the_fastest_is_chosen(
    times: tuple[float, float, float], rows: int, fixed: float, best: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The time of a graph grows least with the number of rows; what any query takes does not grow."""
    measured = dict(zip(("flat", "ivf", "cagra"), times, strict=True))

    def tried(candidate: choice.Candidate, sample: Floats, *_: object) -> tuple[Trial, VectorIndex]:
        return Trial(candidate.kind, {}, build_seconds=1.0), index_class("flat")().build(sample)

    monkeypatch.setattr(choice, "query_times", lambda *_: [fixed, *measured.values()])
    monkeypatch.setattr(choice, "_tried", tried)
    monkeypatch.setattr(choice, "choose_probes", lambda _: SimpleNamespace(queries=None))
    vectors = np.lib.stride_tricks.as_strided(spread(1500), (rows, 16), (0, 4))
    assert choice.choose(vectors, replace(CONFIG, device="cuda"), "cuda").order[0][0] == best


def test_queries_of_all_candidates_take_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    """Work that began meanwhile would slow down the kinds that are timed after it, and another would be chosen."""
    asked: list[str] = []
    search = Segment.search

    def noted(segment: Segment, *given: Any, **words: Any) -> Any:
        asked.append(segment.structure.kind)
        return search(segment, *given, **words)

    rows = spread(700)
    segments = [Segment(0, rows, index_class(kind)().build(rows)) for kind in ("flat", "pq4", "hnsw8")]
    monkeypatch.setattr(Segment, "search", noted)
    times = query_times(segments, spread(30))
    assert asked == ["flat", "pq4", "hnsw8"] * 30
    assert all(each is not None and each > 0 for each in times)
    assert query_times(segments, spread(30)[:0]) == [None] * 3


def test_the_memory_limit_excludes_candidates() -> None:
    vectors = spread(1000)
    needs = {each.kind: memory_needed(each.kind, {}, *vectors.shape) for each in choice.CANDIDATES["cpu"]}
    assert needs["pq4"] < needs["flat"] < needs["hnsw8"], "or this test limits nothing"
    built = build_structure(vectors, replace(CONFIG, memory=needs["pq4"]))
    assert built.tuning is not None
    assert built.tuning.memory_limit == needs["pq4"]
    notes = {trial.kind: trial.note for trial in built.tuning.trials}
    assert all("needs" in notes[kind] for kind in needs if kind not in ("pq4", built.structure.kind))
    if built.recall is not None:
        assert built.structure.kind == "pq4"


def test_a_limit_that_nothing_fits_into() -> None:
    built = build_structure(spread(1000), replace(CONFIG, memory=1))
    assert built.tuning is not None
    assert "least memory" in built.tuning.reason
    assert built.structure.kind in ("pq4", "flat"), "the smallest, or exact if that misses the recall"


def test_no_candidate_is_begun_after_the_time_is_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choice, "_SECONDS", -1.0)
    built = build_structure(spread(1000), CONFIG)
    assert built.structure.kind == "flat"
    assert built.tuning is not None
    assert all("not tried" in trial.note for trial in built.tuning.trials if trial.kind != "flat")


def test_a_similar_segment_repeats_the_choice(monkeypatch: pytest.MonkeyPatch) -> None:
    first = build_structure(spread(1000), CONFIG)
    earlier = [recorded(first, 1000)]

    def refuse(*_: object) -> None:
        raise AssertionError("candidates were tried again")

    monkeypatch.setattr(choice, "_tried", refuse)
    again = build_structure(spread(2000), CONFIG, earlier=earlier)
    assert again.structure.kind == first.structure.kind
    assert again.tuning is not None
    assert "as segment 7" in again.tuning.reason
    with pytest.raises(AssertionError, match="tried again"):
        build_structure(spread(5000), CONFIG, earlier=earlier)
    with pytest.raises(AssertionError, match="tried again"):
        build_structure(spread(2000), replace(CONFIG, recall=0.99), earlier=earlier)
    with pytest.raises(AssertionError, match="tried again"):
        build_structure(spread(2000), replace(CONFIG, memory=10**9), earlier=earlier)


def test_a_given_effort_is_measured_and_kept() -> None:
    built = build_structure(spread(1000), BuildConfig(kind="hnsw", params={"effort": 40}, device="cpu"))
    assert built.structure.effort == 40
    assert built.recall is not None


TUNING = Tuning(
    0.95,
    MeasuredRecall(0.962, 0.951, 0.971, 500, "altered views"),
    0.3,
    2**20,
    12.5,
    2**30,
    5_000,
    "the fastest",
    (Trial("flat", {}, None, 3.0, 2**24, 0.1, "slower"), Trial("ivf", {"nlist": None}, note="not tried")),
)


def test_a_tuning_survives_its_json() -> None:
    assert Tuning.of_dict(json.loads(json.dumps(TUNING.to_dict()))) == TUNING
    assert Tuning.of_dict({"target": 0.9}) == Tuning(0.9)
    assert Tuning.of_dict({"target": 0.9, "of a newer version": [1]}) == Tuning(0.9)
    assert str(TUNING.recall) == "0.962 (0.951 to 0.971), measured on 500 altered views"


@pytest.mark.parametrize(
    "wrong",
    [
        {"target": None},
        {"target": 2},
        {"query_ms": -1},
        {"query_ms": True},
        {"memory": 1.5},
        {"memory": 2**63},
        {"build_seconds": float("inf")},
        {"query_ms": float("nan")},
        {"reason": 7},
        {"recall": {"value": 0.9}},
        {"recall": [1]},
        {"trials": [7]},
        {"trials": 7},
        {"trials": [{"kind": "flat", "parameters": []}]},
        {"trials": [{"kind": None, "parameters": {}}]},
    ],
)
def test_a_damaged_tuning_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"it is no tuning|invalid value|no object"):
        Tuning.of_dict(TUNING.to_dict() | wrong)
    for other in (None, [], "x", 7):
        with pytest.raises(ValueError, match="no tuning"):
            Tuning.of_dict(other)
