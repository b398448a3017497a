"""One contract for every index kind, against brute force in float64.

The GPU versions run if there is a GPU (`pytest -m gpu`). Without one, the code around them still runs with a CPU index
as a stand-in that has the limits of a GPU: at most 2048 neighbours, and no selectors.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from search.errors import IndexFolderError, QueryError, UnsupportedError
from search.indexes import KINDS, index_class
from search.indexes.faiss_ivfpq4 import clusters_for
from tests.search.indexes.structures_made import (
    GRAPHS,
    ON_GPU,
    RECALL,
    ROUNDED,
    Place,
    brute_force,
    check_answers,
    clustered,
    full_effort,
    queries,
    recall,
    stand_in,
    unit,
)


@pytest.fixture(
    params=[
        *(pytest.param((kind, "cpu"), id=kind) for kind in KINDS),
        *(pytest.param((kind, "stand-in"), id=f"{kind}-gpu-stand-in") for kind in ON_GPU),
        *(pytest.param((kind, "cuda"), id=f"{kind}-gpu", marks=pytest.mark.gpu) for kind in ON_GPU),
    ]
)
def place(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Place:
    kind, device = request.param
    if device == "cuda":
        from search.indexes.gpu import gpu_available

        if not gpu_available():
            pytest.skip("FAISS sees no GPU")
    if device == "stand-in":
        stand_in(monkeypatch)
    return Place(kind, "cpu" if device == "cpu" else "cuda", device)


@pytest.mark.parametrize("k", [1, 10, 1999])
def test_matches_brute_force(place: Place, k: int) -> None:
    vectors, asked = clustered(), queries(12)
    distances, rows = place.ready().search(asked, k)
    true_distances, true_rows = brute_force(vectors, asked, k)
    check_answers(place, vectors, asked, distances, rows)
    assert recall(rows, true_rows) >= (RECALL[place.kind] if k > 1 else min(RECALL[place.kind], 0.6))
    if place.kind == "flat":
        np.testing.assert_array_equal(rows, true_rows)
        np.testing.assert_allclose(distances, true_distances, atol=1e-7)


def test_a_row_finds_itself_at_distance_zero(place: Place) -> None:
    vectors = clustered()
    distances, rows = place.ready().search(vectors[::50], 2)
    assert distances[:, 0].max() <= ROUNDED.get(place.kind, 1e-6)
    if place.kind not in ROUNDED:
        assert (np.arange(0, 2000, 50)[:, None] == rows).any(axis=1).all()


@pytest.mark.thinned(2)
@pytest.mark.parametrize("count", [1, 150, 1900])
def test_held_out_rows_are_found_only_after_complete(place: Place, count: int, tmp_path: Path) -> None:
    vectors = clustered()
    held_out = np.random.default_rng(2).permutation(2000)[:count]
    index = full_effort(index_class(place.kind)(device=place.device).build(vectors, held_out=held_out))
    others = np.ones(2000, dtype=np.bool_)
    others[held_out] = False
    asked = vectors[held_out[:20]]
    distances, rows = index.search(asked, 10 * index.overfetch, others)
    check_answers(place, vectors, asked, distances, rows)
    assert recall(rows, brute_force(vectors, asked, 10, others)[1]) >= 0.99, "what re-ranking will choose from"
    if not index.exact:
        assert not np.isin(held_out, index.search(asked, 10)[1]).any(), "they are not there yet"
    index.complete()
    distances, rows = index.search(vectors[::40], 10)
    check_answers(place, vectors, vectors[::40], distances, rows)
    assert recall(rows, brute_force(vectors, vectors[::40], 10)[1]) >= RECALL[place.kind]
    if index.stored:
        index.save(tmp_path / "index")
    again = place.load(tmp_path / "index", vectors, **index.parameters)
    np.testing.assert_array_equal(again.search(vectors[::40], 10)[1], rows)


@pytest.mark.parametrize("rows", [0, 1, 2, 3, 5, 17, 40, 300])
def test_small_blocks_and_more_neighbours_than_rows(
    place: Place, rows: int, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    vectors = clustered()[:rows]
    index = full_effort(place.build(vectors))
    asked = queries(4)
    distances, found = index.search(asked, rows + 3)
    check_answers(place, vectors, asked, distances, found)
    assert (np.count_nonzero(found >= 0, axis=1) == rows).all()
    if index.stored:
        index.save(tmp_path / "index")
    again = place.load(tmp_path / "index", vectors, **index.parameters)
    np.testing.assert_array_equal(again.search(asked, rows + 3)[1], found)
    assert index.search(asked[:0], 3)[0].shape == (0, 3)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("count", [2, 300])
def test_all_rows_the_same(place: Place, count: int, capfd: pytest.CaptureFixture[str]) -> None:
    vectors = np.repeat(clustered()[:1], count, axis=0)
    distances, rows = place.build(vectors).search(vectors[:3], 10)
    check_answers(place, vectors, vectors[:3], distances, rows)
    reachable = min(10, count)
    # codebooks are fitted to the rows; the levels of turbovec are not
    most = {"turbovec": 0.05}.get(place.kind, 1e-2 if place.kind in ROUNDED else 1e-6)
    assert distances[:, :reachable].max() <= most
    if place.kind == "flat":
        np.testing.assert_array_equal(rows[:, :reachable], np.tile(np.arange(reachable), (len(rows), 1)))
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("dim", [1, 2, 7, 100])
def test_any_number_of_dimensions(place: Place, dim: int) -> None:
    vectors = unit(np.random.default_rng(3).standard_normal((60, dim)))
    distances, rows = full_effort(place.build(vectors)).search(-vectors[:5], 4)
    assert (rows >= 0).all()
    if place.kind not in ("ivfpq", "pq4", "ivfpq4"):
        check_answers(place, vectors, -vectors[:5], distances, rows)


def masks() -> dict[str, np.ndarray]:
    random = np.random.default_rng(1)
    return {
        "nearly all": random.random(2000) > 0.01,
        "half": random.random(2000) > 0.5,
        "few": random.random(2000) < 0.02,
        "one": np.arange(2000) == 700,
        "none": np.zeros(2000, dtype=np.bool_),
    }


@pytest.mark.parametrize("share", masks())
@pytest.mark.parametrize("k", [5, 1990])
def test_filters(place: Place, share: str, k: int) -> None:
    vectors, asked, allowed = clustered(), queries(6), masks()[share]
    distances, rows = place.ready().search(asked, k, allowed)
    true_distances, true_rows = brute_force(vectors, asked, k, allowed)
    check_answers(place, vectors, asked, distances, rows)
    assert allowed[rows[rows >= 0]].all(), "a row was answered that is not allowed"
    if place.kind == "flat":
        np.testing.assert_array_equal(rows, true_rows)
        np.testing.assert_allclose(distances, true_distances, atol=1e-7)
    if allowed.any():
        found = np.count_nonzero(rows >= 0) / np.count_nonzero(true_rows >= 0)
        assert found >= (1.0 if place.kind not in ("hnsw", "hnsw8") else 0.9)


def test_a_filter_at_a_low_effort_costs_little_recall(place: Place) -> None:
    vectors, asked, allowed = clustered(), queries(), np.arange(2000) % 20 == 0
    index = place.ready(effort=10)
    plain = recall(index.search(asked, 5)[1], brute_force(vectors, asked, 5)[1])
    filtered = recall(index.search(asked, 5, allowed)[1], brute_force(vectors, asked, 5, allowed)[1])
    assert filtered >= plain - 0.1


@pytest.mark.parametrize("name", ["plain", "ünï cödé 猫"])
def test_save_and_load(place: Place, name: str, tmp_path: Path) -> None:
    np.save(tmp_path / "vectors.npy", clustered())
    mapped = np.load(tmp_path / "vectors.npy", mmap_mode="r")
    index, asked = place.ready(effort=20), queries()
    before = index.search(asked, 7)
    parameters = json.loads(json.dumps(index.parameters))
    assert None not in parameters.values()
    if index.stored:
        index.save(tmp_path / name)
    else:
        with pytest.raises(UnsupportedError, match="no structure"):
            index.save(tmp_path / name)
        assert not (tmp_path / name).exists()
    again = place.load(tmp_path / name, mapped, **parameters)
    assert (again.size, again.dim, again.effort, again.parameters) == (2000, 32, index.effort, parameters)
    for left, right in zip(again.search(asked, 7), before, strict=True):
        np.testing.assert_array_equal(left, right)
    if again.stored:
        again.save(tmp_path / "again")
        assert (tmp_path / "again").read_bytes() == (tmp_path / name).read_bytes()


def test_the_same_vectors_give_the_same_structure(place: Place, tmp_path: Path) -> None:
    """Graphs if one thread builds them, which is not the default."""
    vectors = clustered()[:300]
    alone = {"threads": 1} if place.kind in GRAPHS else {}
    first, second = place.build(vectors, **alone), place.build(vectors, **alone)
    np.testing.assert_array_equal(first.search(queries(), 5)[1], second.search(queries(), 5)[1])
    assert first.parameters == second.parameters
    if first.stored:
        first.save(tmp_path / "first")
        second.save(tmp_path / "second")
        assert (tmp_path / "first").read_bytes() == (tmp_path / "second").read_bytes()


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(lambda path: path.write_bytes(path.read_bytes()[: path.stat().st_size // 2]), id="half"),
        pytest.param(lambda path: path.write_bytes(path.read_bytes()[:-1]), id="last byte"),
        pytest.param(lambda path: path.write_text("not an index at all\n" * 40), id="text"),
        pytest.param(lambda path: path.write_bytes(b""), id="empty"),
        pytest.param(lambda path: path.unlink(), id="missing"),
        pytest.param(lambda path: index_class("ivf")().build(clustered(64, 8)).save(path), id="another"),
    ],
)
def test_damaged_files_are_named(
    place: Place, spoil: Callable[[Path], Any], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    index, path = place.ready(), tmp_path / "structure.part"
    if not index.stored:
        assert place.load(path, clustered()).size == 2000, "a kind without a file needs none"
        return
    index.save(path)
    spoil(path)
    with pytest.raises(IndexFolderError, match=r"structure\.part"):
        place.load(path, clustered(), **index.parameters)
    assert capfd.readouterr() == ("", "")


def test_a_structure_is_refused_over_other_vectors(place: Place, tmp_path: Path) -> None:
    index = place.ready()
    if index.stored:
        index.save(tmp_path / "index")
        for other in (clustered()[:1999], clustered(2000, 16)):
            with pytest.raises(IndexFolderError, match="over"):
                place.load(tmp_path / "index", other, **index.parameters)
    assert place.load(tmp_path / "index", clustered(), **index.parameters).dim == 32


def test_queries_of_any_memory_layout(place: Place) -> None:
    index, asked = place.ready(), queries()
    expected = index.search(asked, 5)
    wide = np.zeros((len(asked), 64), dtype=np.float64)
    wide[:, ::2] = asked
    for other in (asked.astype(np.float64), np.asfortranarray(asked), wide[:, ::2]):
        for left, right in zip(index.search(other, 5), expected, strict=True):
            np.testing.assert_array_equal(left, right)
    one_by_one = np.concatenate([index.search(asked[i : i + 1], 5)[1] for i in range(len(asked))])
    assert recall(one_by_one, expected[1]) > 0.99, "one query and many queries agree"


def test_invalid_queries(place: Place) -> None:
    index, asked = place.ready(), queries()
    spoiled = asked.copy()
    spoiled[0, 0] = np.nan
    for question in (
        lambda: index.search(asked, 0),
        lambda: index.search(asked, -1),
        lambda: index.search(asked[0], 3),
        lambda: index.search(asked[:, :31], 3),
        lambda: index.search(spoiled, 3),
        lambda: index.search(asked, 3, np.ones(1999, dtype=np.bool_)),
        lambda: index.search(asked, 3, np.ones(2000, dtype=np.uint8)),
        lambda: place.build(clustered().astype(np.float64)),
        lambda: place.build(clustered()[0]),
        lambda: place.build(np.empty((3, 0), dtype=np.float32)),
    ):
        with pytest.raises(QueryError):
            question()


def test_parameters_are_checked(place: Place) -> None:
    wrong: list[dict[str, Any]] = [{"colour": 3}, {"M": 1}, {"effort": 0}, {"effort": "high"}, {"nlist": 2.5}]
    for parameters in wrong:
        with pytest.raises(UnsupportedError, match=next(iter(parameters))):
            place.build(clustered()[:40], **parameters)
    kind = index_class(place.kind)
    for name, default in kind.defaults.items():
        given = {name: default or 16}
        assert place.build(clustered()[:40], **given).parameters[name] == given[name]


def test_effort(place: Place) -> None:
    index = place.ready()
    ladder = index.effort_ladder(2000)
    assert list(ladder) == sorted(set(ladder))
    if not ladder:
        assert index.effort is None
        with pytest.raises(UnsupportedError, match="effort"):
            index.effort = 3
        return
    truth = brute_force(clustered(), queries(), 10)[1]
    reached = []
    for effort in (ladder[0], ladder[-1]):
        index.effort = effort
        assert index.effort == index.parameters["effort"] == effort
        reached.append(recall(index.search(queries(), 10)[1], truth))
    assert reached[1] >= reached[0]
    assert all(kind_ladder[-1] >= 1 for kind_ladder in map(index.effort_ladder, (0, 1, 2, 10**7)))


def test_threads_search_at_once(place: Place) -> None:
    index, asked = place.ready(effort=32), queries()
    half = np.arange(2000) % 2 == 0
    expected = {None: index.search(asked, 5)[1].tolist(), "half": index.search(asked, 5, half)[1].tolist()}

    def ask(number: int) -> bool:
        key = "half" if number % 2 else None
        return index.search(asked, 5, half if key else None)[1].tolist() == expected[key]

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(ask, range(24)))


def test_clusters_of_codes_are_neither_tiny_nor_huge() -> None:
    assert [clusters_for(rows) for rows in (0, 150, 62_000, 1_000_000, 10**8)] == [1, 1, 176, 1428, 40_000]
    for rows in range(200, 8_000_000, 9_973):
        assert 100 <= rows / clusters_for(rows) <= 720  # above, centroids would be as many as codes to compare
