"""Relevance feedback, against Rocchio's formula by hand."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from typer.testing import CliRunner

from indexer.cli.app import app
from search import QueryError, open_index
from search.config import QueryConfig
from search.query.feedback import moved
from tests.conftest import draw
from tests.search.test_engine import assert_same, brute_force

if TYPE_CHECKING:
    from collections.abc import Iterable

    from search import SearchEngine


def by_hand(query: np.ndarray, liked: Iterable[np.ndarray], disliked: Iterable[np.ndarray]) -> np.ndarray:
    """The query of Rocchio 1971, one number at a time."""
    likes, dislikes = list(liked), list(disliked)
    total = [float(number) for number in query]
    for place in range(len(total)):
        for each in likes:
            total[place] += QueryConfig.liked_weight * float(each[place]) / len(likes)
        for each in dislikes:
            total[place] -= QueryConfig.disliked_weight * float(each[place]) / len(dislikes)
    length = math.sqrt(math.fsum(number * number for number in total))
    return np.array([number / length for number in total])


def rest(engine: SearchEngine, query: np.ndarray, without: Iterable[int], k: int) -> list[tuple[int, float]]:
    left = set(without)
    return [each for each in brute_force(engine, query.astype(np.float32), len(engine)) if each[0] not in left][:k]


@pytest.mark.parametrize(("likes", "dislikes"), [(1, 0), (0, 1), (2, 3), (3, 1), (0, 0)])
def test_the_query_moves_by_the_formula(likes: int, dislikes: int) -> None:
    random = np.random.default_rng(likes * 10 + dislikes)
    rows = random.normal(size=(1 + likes + dislikes, 16))
    rows = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    query, liked, disliked = rows[0], rows[1 : 1 + likes], rows[1 + likes :]
    got = moved(query, liked, disliked)
    assert got.dtype == np.float32
    np.testing.assert_allclose(got, by_hand(query, liked, disliked), atol=1e-6)


@pytest.mark.parametrize(("liked", "disliked"), [([3], []), ([], [4, 9]), ([3, 5, 5], [4]), ([1, 2], [7, 8, 12])])
def test_hits_are_those_of_the_moved_query_without_the_rated(
    liked: list[int], disliked: list[int], index: Path
) -> None:
    with open_index(index) as engine:
        vectors = {each: engine.vector(each) for each in (*liked, *disliked)}
        query = by_hand(
            engine.embed(draw(5)),
            [vectors[each] for each in dict.fromkeys(liked)],
            [vectors[each] for each in disliked],
        )
        hits = engine.search(draw(5), 6, liked=liked, disliked=disliked)
        assert_same(hits, rest(engine, query, vectors, 6))
        assert all(hit.probability is None and hit.strength is None for hit in hits)
        answer = engine.ask(draw(5), 6, liked=liked, disliked=disliked, audit=True)
        assert answer.hits == hits
        assert answer.audit is not None
        assert answer.audit.recall == 1


def test_a_query_moves_towards_what_is_liked_and_away_from_what_is_disliked(index: Path) -> None:
    with open_index(index) as engine:
        query, none = engine.embed(draw(50)), np.empty((0, engine.dim), dtype=np.float32)
        for picture in range(1, 13):
            vector = engine.vector(picture)
            assert moved(query, vector[None], none) @ vector > query @ vector
            assert moved(query, none, vector[None]) @ vector < query @ vector


def test_every_door_and_every_option_at_once(index: Path) -> None:
    options: dict[str, Any] = {"liked": (2, 3), "disliked": [np.int64(8)], "where": "label != label1"}
    with open_index(index) as engine:
        path, vector = engine.picture(5).path, engine.vector(5)
        allowed = set(engine.ids("label != label1")) - {2, 3, 8}
        query = by_hand(vector, [engine.vector(2), engine.vector(3)], [engine.vector(8)])
        truth = [each for each in rest(engine, query, (), 12) if each[0] in allowed]
        doors = {
            "id": engine.search_id(5, 12, **options),
            "vectors": engine.search_vectors(vector[None], 12, **options)[0],
            "asked": engine.ask_vectors(vector[None], 12, **options)[0].hits,
            "picture": engine.search(path, 12, **options),
            "many": engine.search_many([path, draw(7)], 12, **options)[0],
            "together": engine.search_together([path], 12, **options),
        }
        for name, hits in doors.items():
            assert [hit.id for hit in hits] == [each for each, _ in truth], name
        collapsed = engine.search_id(5, 12, collapse=True, **options)
        assert {hit.id for hit in collapsed} | {copy.id for hit in collapsed for copy in hit.copies or ()} <= allowed
        everything = engine.search_id(5, liked=range(1, 13))
        assert everything == []


def test_ids_that_cannot_be_rated(index: Path) -> None:
    missing = index.parent / "no such picture.png"
    with open_index(index) as engine:
        for wrong in ({"liked": [99]}, {"disliked": [1, 99]}, {"liked": [2**80]}, {"disliked": [0]}):
            with pytest.raises(QueryError, match="no picture has the id"):
                engine.search(missing, **wrong)  # type: ignore[arg-type]
            with pytest.raises(QueryError, match="no picture has the id"):
                engine.search_id(1, **wrong)  # type: ignore[arg-type]
        with pytest.raises(QueryError, match="picture 4 is liked and disliked"):
            engine.search(missing, liked=[3, 4], disliked=[4])
        for wrong in ({"liked": 4}, {"disliked": None}):
            with pytest.raises(QueryError, match="takes a list of ids"):
                engine.search(missing, **wrong)  # type: ignore[arg-type]
        for wrong in ({"liked": ["4"]}, {"liked": "4"}, {"disliked": [1.0]}, {"disliked": [True]}):
            with pytest.raises(QueryError, match="must be a whole number"):
                engine.search(missing, **wrong)  # type: ignore[arg-type]
        with pytest.raises(QueryError, match="same-only"):
            engine.search_id(1, liked=[2], same_only=True)


def test_pictures_that_cancel_out() -> None:
    query = np.eye(1, 4, dtype=np.float32)
    with pytest.raises(QueryError, match="cancel out"):
        moved(query[0], -query[:0], np.repeat(query / QueryConfig.disliked_weight, 2, axis=0))


def test_the_command(pictures: Path, index: Path) -> None:
    one = pictures / "label2" / "0005.png"

    def run(*words: object) -> Any:
        return CliRunner().invoke(app, ["query", *map(str, words), "--index", str(index), "--json"])

    with open_index(index) as engine:
        ways: list[tuple[list[object], dict[str, Any]]] = [
            (["--like", 3, "--unlike", 8], {"liked": [3], "disliked": [8]}),
            (["--like", 3, "--like", 4], {"liked": [3, 4]}),
        ]
        for words, options in ways:
            hits = json.loads(run(one, *words).stdout)["hits"]
            assert [hit["id"] for hit in hits] == [hit.id for hit in engine.search(one, **options)]
            hits = json.loads(run("--id", 5, *words).stdout)["hits"]
            assert [hit["id"] for hit in hits] == [hit.id for hit in engine.search_id(5, **options)]
    done = run(one, "--like", 3, "--unlike", 3)
    assert isinstance(done.exception, QueryError)
    assert "picture 3 is liked and disliked" in str(done.exception)
    done = run(one, "--like", 77)
    assert isinstance(done.exception, QueryError)
    assert "no picture has the id 77" in str(done.exception)
    every = [word for each in range(1, 13) for word in ("--like", each)]
    assert "--like or --unlike" in json.loads(run(one, *every).stdout)["nothing"]
