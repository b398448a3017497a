"""The keywords that every search takes are defined once, checked once, and mean the same at every door."""

from __future__ import annotations

import inspect
from dataclasses import fields
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from search import QueryError, SearchEngine, SearchOptions, open_index
from search.config import QueryConfig
from search.query.query import Query
from tests.people import calibrate_by_hand

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from search import Hit


@pytest.mark.parametrize("k", [True, 3.0, np.float32(3), "3", [3], None])
def test_a_number_of_hits_is_checked_after_an_equal_one_was_taken(k: Any) -> None:
    assert (Query.of(1, {}).k, Query.of(3, {}).k, Query.of(np.int64(3), {}).k) == (1, 3, 3)  # type: ignore[arg-type]
    with pytest.raises(QueryError, match="k must be a whole number"):
        Query.of(k, {})


DOORS = ("ask", "search", "search_id", "search_many", "search_together", "search_vectors")


def answers(engine: SearchEngine, picture_id: int, k: int, **options: Any) -> dict[str, list[Hit]]:
    """What each door says of one picture of the collection."""
    path, vector = engine.picture(picture_id).path, engine.vector(picture_id)
    ask: dict[str, Callable[[], list[Hit]]] = {
        "ask": lambda: engine.ask(path, k, **options).hits,
        "search": lambda: engine.search(path, k, **options),
        "search_id": lambda: engine.search_id(picture_id, k, **options),
        "search_many": lambda: engine.search_many([path], k, **options)[0],
        "search_together": lambda: engine.search_together([path], k, **options),
        "search_vectors": lambda: engine.search_vectors(vector[None], k, **options)[0],
    }
    if options.get("same_only"):
        del ask["search_together"]  # a blend is no picture
    return {name: each() for name, each in ask.items()}


def shown(hits: list[Hit]) -> list[tuple[int, list[int]]]:
    return [(hit.id, [copy.id for copy in hit.copies or ()]) for hit in hits]


@pytest.mark.thinned(3)
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"where": "label = label1"},
        {"where": {"label": ["label0", "label2"]}, "collapse": True},
        {"same_only": True},
        {"collapse": True, "same_only": True, "where": "width > 1"},
        {"radius": 0.9},
        {"radius": 0.7, "same_only": True},
        {"diversity": 0.4},
        {"diversity": 0.4, "radius": 1.2, "collapse": True, "where": {"label": ["label0", "label2"]}},
    ],
)
def test_every_door_gives_the_same_answer(options: SearchOptions, index: Path) -> None:
    calibrate_by_hand(index, threshold=0.6)
    with open_index(index) as engine:
        expected = engine.search_id(1, 4, **options)
        for name, hits in answers(engine, 1, 4, **options).items():
            assert shown(hits) == shown(expected), name
            np.testing.assert_allclose(
                [hit.distance for hit in hits], [hit.distance for hit in expected], atol=2e-3, err_msg=name
            )
        if options.get("same_only"):
            assert all(hit.distance <= 0.6 for hit in expected)
        if "radius" in options:
            assert all(hit.distance <= options["radius"] for hit in expected)
        if "where" in options:
            assert {hit.id for hit in expected} <= set(engine.ids(options["where"]))
        assert all((hit.copies is not None) == options.get("collapse", False) for hit in expected)


def test_what_is_left_out_is_as_in_the_configuration(index: Path) -> None:
    config = QueryConfig()
    defaults: dict[str, object] = {
        "where": None,
        "same_only": config.same_only,
        "collapse": config.collapse,
        "radius": config.radius,
        "diversity": config.diversity,
        "liked": (),
        "disliked": (),
    }
    query = Query.of(config.k, {})
    assert {name: getattr(query, name) for name in defaults} == defaults
    assert query == Query()
    assert set(SearchOptions.__annotations__) == defaults.keys() <= {each.name for each in fields(Query)}
    for door in DOORS:
        parameters = inspect.signature(getattr(SearchEngine, door)).parameters
        assert {name: parameters[name].default for name in defaults} == defaults, door
        assert {parameters[name].kind for name in defaults} == {inspect.Parameter.KEYWORD_ONLY}, door
        assert parameters["k"].default == config.k, door
    with open_index(index) as engine:
        assert engine.search_id(1) == engine.search_id(1, config.k, **defaults)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["colapse", "condition", "blended", "limit"])
def test_an_unknown_keyword_is_a_type_error_that_names_it(name: str, index: Path) -> None:
    with open_index(index) as engine:
        path, wrong = index.parent / "no such picture.png", {name: True}
        vector = np.eye(1, engine.dim, dtype=np.float32)
        doors: dict[str, Callable[[], object]] = {
            "ask": lambda: engine.ask(path, **wrong),  # type: ignore[arg-type]
            "search": lambda: engine.search(path, **wrong),  # type: ignore[arg-type]
            "search_id": lambda: engine.search_id(1, **wrong),  # type: ignore[arg-type]
            "search_many": lambda: engine.search_many([path], **wrong),  # type: ignore[arg-type]
            "search_together": lambda: engine.search_together([path], **wrong),  # type: ignore[arg-type]
            "search_vectors": lambda: engine.search_vectors(vector, **wrong),  # type: ignore[arg-type]
        }
        assert doors.keys() == set(DOORS)
        for each in doors.values():  # the picture, which is not there, is never looked at
            with pytest.raises(TypeError, match=rf"'{name}'.*where, same_only, collapse"):
                each()


def test_a_blend_is_compared_with_no_threshold(index: Path) -> None:
    with open_index(index) as engine, pytest.raises(QueryError, match="same-only"):
        engine.search_together([engine.picture(1).path], same_only=True)
