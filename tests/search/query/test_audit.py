"""The audit of a query: its recall against a slow loop, its candidates and its stages."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from search import Audit, open_index
from search.types import STAGES
from tests.command_line import twinlens
from tests.indexes_of_vectors import clumps, index_of
from tests.search.query.slow_road import apart


def slow_recall(vectors, numbers, hits, k):
    """Share of the k nearest rows that were found; a row no farther than the k-th counts."""
    nearest = sorted((apart(vectors[n], hits.query), n) for n in numbers)[:k]
    return sum(distance <= nearest[-1][0] for distance in hits.distances[: len(nearest)]) / len(nearest)


class Hits:
    def __init__(self, query, answer):
        self.query = query
        self.distances = [hit.distance for hit in answer.hits]


@pytest.mark.parametrize("kind", ["flat", "hnsw", "ivf", "ivfpq"])
def test_the_recall_is_that_of_the_slow_loop(kind: str, tmp_path: Path) -> None:
    vectors, k = clumps(300, seed=2, dim=16, spread=0.5), 10
    index = index_of(tmp_path / "i", vectors, kind=kind, segments=2, removed=range(0, 300, 9))
    there = [n for n in range(300) if n % 9]
    with open_index(index, device="cpu") as engine:
        for segment in engine.segments:
            if segment.structure.effort is not None:
                segment.structure.effort = 1
        recalls = []
        for query in clumps(12, seed=8, dim=16, spread=0.5):
            (answer,) = engine.ask_vectors(query, k, audit=True)
            assert answer.hits == engine.search_vectors(query, k)[0]
            assert answer.audit.recall == slow_recall(vectors, there, Hits(query, answer), k)
            recalls.append(answer.audit.recall)
            (filtered,) = engine.ask_vectors(query, k, where="id <= 100", audit=True)
            assert filtered.audit.recall == 1, "few rows are compared one by one"
            assert all(each.exact for each in filtered.audit.segments if each.allowed)
            assert [each.allowed for each in filtered.audit.segments] == [88, 0]
        # A graph from which rows were removed keeps a longer list, and misses none of so few.
        assert (min(recalls) < 1) == (kind in ("ivf", "ivfpq"))


def test_the_stages_and_the_candidates(tmp_path: Path) -> None:
    index = index_of(tmp_path / "i", clumps(300, seed=2, dim=16), kind="hnsw", segments=2, removed=[0, 1])
    with open_index(index, device="cpu") as engine:
        (answer,) = engine.ask_vectors(clumps(1, dim=16)[0], 5, audit=True)
        audit = answer.audit
        assert [(each.segment, each.kind, each.exact, each.allowed, each.candidates) for each in audit.segments] == [
            (1, "hnsw", False, 148, 21),
            (2, "hnsw", False, 150, 21),
        ]
        assert audit.candidates == 42
        assert all(getattr(audit, stage) > 0 for stage in ("structure", "rerank", "records"))
        assert audit.decode == audit.encode == 0
        assert sum(getattr(audit, stage) for stage in STAGES[:-1]) <= audit.total
        assert answer.timing.search == audit.total
        assert audit.to_dict()["milliseconds"].keys() == set(STAGES)
        assert json.loads(json.dumps(audit.to_dict()))["recall"] == audit.recall == 1
        (nothing,) = engine.ask_vectors(clumps(1, dim=16)[0], 5, where="id > 1000", audit=True)
        assert (nothing.hits, nothing.audit.recall, nothing.audit.candidates) == ([], None, 0)
        (plain,) = engine.ask_vectors(clumps(1, dim=16)[0], 5)
        assert (plain.hits, plain.audit) == (answer.hits, None)


def test_an_empty_index_has_no_recall(tmp_path: Path) -> None:
    with open_index(index_of(tmp_path / "i", np.ones((0, 4), dtype=np.float32)), device="cpu") as engine:
        (answer,) = engine.ask_vectors(np.eye(4, dtype=np.float32)[0], audit=True)
        assert (answer.hits, answer.audit) == ([], Audit(10, total=answer.audit.total, mask=answer.audit.mask))


def test_pictures_blends_and_collapsed_hits(index: Path) -> None:
    with open_index(index) as engine:
        path = engine.picture(1).path
        asked = engine.ask(path, 3, audit=True, collapse=True)
        assert asked.audit.recall == 1
        assert asked.audit.decode > 0 < asked.audit.encode
        assert asked.hits == engine.search(path, 3, collapse=True)
        both = engine.ask_together([path, engine.picture(2).path], 3, audit=True)
        assert both.hits == engine.search_together([path, engine.picture(2).path], 3)
        assert both.audit.recall == 1


def test_a_search_that_returns_only_hits_names_those_that_return_an_audit(index: Path) -> None:
    with open_index(index) as engine:
        path, vector = engine.picture(1).path, engine.vector(1)
        for search in (
            lambda: engine.search(path, audit=True),
            lambda: engine.search_together([path], audit=True),
            lambda: engine.search_many([path], audit=True),
            lambda: engine.search_vectors(vector, audit=True),
            lambda: engine.search_id(1, audit=True),
            lambda: engine.search_text("a", audit=True),
        ):
            with pytest.raises(TypeError, match="'audit': use ask, ask_together or ask_vectors"):
                search()


def test_the_command_prints_the_audit(index: Path) -> None:
    with open_index(index) as engine:
        path = str(engine.picture(1).path)
    done = twinlens("query", path, "--index", str(index), "-k", "2", "--audit")
    assert "audit: recall@2 1, " in done.stdout
    assert "segment 1 (flat): " in done.stdout
    done = twinlens("query", "--id", "1", "--index", str(index), "-k", "2", "--audit", "--json")
    line = json.loads(done.stdout)
    assert line["audit"]["recall"] == 1
    assert [each["kind"] for each in line["audit"]["segments"]] == ["flat"]
    assert len(line["hits"]) == 2
    done = twinlens("query", path, path, "--together", "--index", str(index), "--audit", "--json", "--where", "id > 99")
    assert json.loads(done.stdout)["audit"]["recall"] is None
    done = twinlens("query", "--id", "1", "--index", str(index), "--json")
    assert "audit" not in json.loads(done.stdout)
