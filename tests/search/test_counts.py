"""Counts and ids that are too large, too small, or no whole numbers."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from indexer.collection.build import build
from indexer.collection.remove import remove
from search import QueryError, open_index
from tests.conftest import FAST, draw


@pytest.fixture
def asked(pictures: Path) -> Path:
    return sorted(pictures.rglob("*.png"))[0]


HUGE = (10**9, 2**31, 2**63, 10**30, 10**5000)


@pytest.mark.thinned(3)
@pytest.mark.parametrize("kind", ["flat", "pq4", "hnsw", "hnsw8", "ivf", "ivfpq", "ivfpq4", "hnswlib", "turbovec"])
def test_k_is_bounded_by_the_collection(tmp_path: Path, kind: str) -> None:
    for number in range(40):
        path = tmp_path / "p" / f"label{number % 2}" / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        draw(number).save(path)
    build(tmp_path / "p", tmp_path / "i", FAST.__class__(**{**FAST.__dict__, "kind": kind}))
    with open_index(tmp_path / "i") as engine:
        every = [hit.id for hit in engine.search(path, 40)]
        assert len(every) == 40
        vectors = engine.vectors_of(every[:2])
        for k in HUGE:
            assert [hit.id for hit in engine.search(path, k)] == every
            assert len(engine.search(path, k, where="label = label1")) == 20
            assert len(engine.search(path, k, where="label = label9")) == 0
            assert len(engine.search_many([path, path], k)[1]) == 40
            assert len(engine.search_vectors(vectors, k)[0]) == 40
            assert len(engine.search_id(every[0], k)) == 40
            assert len(engine.search_together([path, path], k)) == 40
            assert 1 <= len(engine.search(path, k, collapse=True)) <= 40
            structure = engine.segments[0].structure
            assert structure.search(vectors, k)[0].shape[1] <= 4096
            assert engine.segments[0].search(vectors, k)[0].shape == (2, 40)


@pytest.mark.parametrize(
    "k",
    [0, -1, -(2**63), -(10**5000), True, False, 1.0, 2.5, float("nan"), "3", None],
    ids=lambda k: str(k)[:5] if not isinstance(k, int) or abs(k) < 10**99 else "long",
)
def test_a_k_that_is_no_count_is_refused(index: Path, asked: Path, k: object) -> None:
    with open_index(index) as engine:
        for search in (
            lambda: engine.search(asked, k),  # type: ignore[arg-type]
            lambda: engine.search_many([asked], k),  # type: ignore[arg-type]
            lambda: engine.search_id(1, k),  # type: ignore[arg-type]
            lambda: engine.segments[0].structure.search(engine.vectors_of([1]), k),  # type: ignore[arg-type]
        ):
            with pytest.raises(QueryError, match="k must be a whole number of at least 1"):
                search()


def test_numbers_of_numpy_are_numbers(index: Path, asked: Path) -> None:
    three: Any = np.int64(3)
    two: Any = np.uint8(2)
    with open_index(index) as engine:
        every: Any = np.array(engine.ids())
        assert engine.search(asked, three) == engine.search(asked, 3)
        assert engine.search_id(every[0], two) == engine.search_id(int(every[0]), 2)
        assert engine.picture(every[1]) == engine.picture(int(every[1]))
        assert engine.metadata(every) == engine.metadata(every.tolist())
        assert len(engine.pictures(after=every[3], limit=two)) == 2
    assert remove(index, ids=[every[0]]).removed == 1


@pytest.mark.parametrize("wrong", ["1", "x", None, 1.0, True, b"1", [1]], ids=repr)
def test_an_id_that_is_no_number_is_refused(index: Path, wrong: object) -> None:
    def asked() -> Iterator[Callable[[], object]]:
        yield lambda: engine.picture(wrong)  # type: ignore[arg-type]
        yield lambda: engine.vector(wrong)  # type: ignore[arg-type]
        yield lambda: engine.search_id(wrong)  # type: ignore[arg-type]
        yield lambda: engine.metadata([wrong])  # type: ignore[list-item]
        yield lambda: remove(index, ids=[wrong])  # type: ignore[list-item]

    with open_index(index) as engine:
        for ask in asked():
            with pytest.raises(QueryError, match="id of a picture must be a whole number"):
                ask()


def test_other_counts_are_bounded(index: Path, pictures: Path) -> None:
    with open_index(index) as engine:
        for huge in HUGE:
            assert len(engine.pictures(limit=huge)) == 12
            assert engine.pictures(after=huge) == []
            assert engine.metadata([huge]) == {}
            with pytest.raises(QueryError):
                engine.picture(huge)
            with pytest.raises(QueryError):
                engine.vector(huge)
        assert len(engine.pictures(after=-(10**4))) == 12
        for wrong in (-2, 1.5, True, "1"):
            with pytest.raises(QueryError):
                engine.pictures(limit=wrong)  # type: ignore[arg-type]
    for field, values in (("workers", (0, 257, 10**9, True)), ("batch_size", (0, 10**9, 2.5))):
        for value in values:
            with pytest.raises(QueryError, match=field):
                build(pictures, index, FAST.__class__(**{**FAST.__dict__, field: value}))
