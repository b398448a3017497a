"""A filter costs no recall: random filters against brute force, for every kind, over segments with tombstones."""

import random
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

from indexer.collection.build import build
from indexer.metadata.load import load_metadata
from search import QueryError, SearchEngine, open_index
from search.store import masks as filter_masks
from tests.conftest import FAST, draw, fill
from tests.search.test_engine import assert_same

KINDS = ("flat", "pq4", "hnsw", "hnsw8", "ivf", "ivfpq", "ivfpq4", "hnswlib", "turbovec")


@pytest.fixture(scope="module", params=KINDS)
def engine(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SearchEngine]:
    """Two segments of 70 and 30 pictures, of which 12 are removed and 20 have no metadata."""
    folder = tmp_path_factory.mktemp(request.param)
    config = replace(FAST, kind=request.param)
    fill(folder / "p", 70, labels=5)
    build(folder / "p", folder / "i", config)
    fill(folder / "p", 30, labels=5, first=70)
    for number in range(0, 96, 8):
        (folder / "p" / f"label{number % 5}" / f"{number:04d}.png").unlink()
    build(folder / "p", folder / "i", config)
    rows = [f"label{n % 5}/{n:04d}.png,{n},{n * 37 % 11}.5,{n % 3 == 0}" for n in range(80)]
    (folder / "m.csv").write_text("\n".join(["path,number,price,third", *rows]))
    load_metadata(folder / "i", folder / "m.csv", root=folder / "p")
    with open_index(folder / "i") as engine:
        yield engine


def random_filter(source: random.Random) -> str:
    tests = [
        f"number >= {source.randrange(100)}",
        f"number < {source.randrange(100)}",
        f"price > {source.randrange(12)}",
        "third = true",
        "number is null",
        f"label = label{source.randrange(5)}",
        f"path glob '*{source.randrange(10)}.png'",
        f"number in ({', '.join(str(source.randrange(100)) for _ in range(source.randint(1, 20)))})",
        f"id between {source.randrange(60)} and {source.randrange(120)}",
    ]
    chosen = [source.choice(("", "not ")) + source.choice(tests) for _ in range(source.randint(1, 3))]
    return f" {source.choice(('and', 'or'))} ".join(chosen)


@pytest.mark.thinned(3)
def test_random_filters_match_brute_force(engine: SearchEngine) -> None:
    source = random.Random(3)
    records, vectors = engine.vectors()
    sizes = []
    for round in range(60):
        where = random_filter(source)
        chosen = set(engine.ids(where))
        sizes.append(len(chosen))
        query = engine.embed(draw(200 + round % 7))
        distances = np.linalg.norm(vectors.astype(np.float64) - query.astype(np.float64), axis=1).tolist()
        near = sorted((d, r.id) for d, r in zip(distances, records, strict=True) if r.id in chosen)
        k = source.choice((1, 5, 100))
        hits = engine.search_vectors(query[None], k, where=where)[0]
        assert_same(hits, [(picture, distance) for distance, picture in near[:k]])
        assert engine.count(where) == len(chosen)
    assert min(sizes) == 0
    assert max(sizes) > 80
    assert len(set(sizes)) > 15


@pytest.mark.thinned(3)
def test_filters_with_equal_values_are_not_mixed_up(engine: SearchEngine) -> None:
    """1, 1.0 and True are equal but mean different filters, whose cached results must not be mixed up."""
    query = engine.embed(draw(1))[None]
    assert len(engine.search_vectors(query, 100, where={"number": 1})[0]) == 1
    with pytest.raises(QueryError, match="number is a whole number"):
        engine.search_vectors(query, 100, where={"number": True})
    assert len(engine.search_vectors(query, 100, where={"number": 1.0})[0]) == 1
    with pytest.raises(QueryError, match="label is text"):
        engine.search_vectors(query, 100, where={"label": True})


def test_an_invalid_filter_is_reported_before_a_picture_is_read(engine: SearchEngine) -> None:
    for search in (engine.search, lambda picture, **options: engine.search_many([picture], **options)):
        with pytest.raises(QueryError, match="no column"):
            search("no such picture.png", where="colour = red")


def test_the_filter_cache_is_small_and_correct(engine: SearchEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(filter_masks, "_BYTES", 500)
    query = engine.embed(draw(1))[None]
    for number in [*range(1, 30), *range(1, 30)]:
        hits = engine.search_vectors(query, 100, where=f"number <= {number}")[0]
        assert {hit.metadata["number"] for hit in hits} == {n for n in range(number + 1) if n % 8}
    assert sum(each.nbytes for each in engine._store._masks._masks.values()) <= 500 + 100
