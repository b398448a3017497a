"""One contract over every index kind, against brute force in float64.

The GPU versions run where there is a GPU (`pytest -m gpu`). Where there is none, the code around them still runs, with
a CPU index standing in that has the GPU's habits: no more than 2048 answers, and no selectors.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from search.errors import IndexFolderError, QueryError, UnsupportedError
from search.indexes import KINDS, choose_kind, index_class, resolve_device
from search.indexes.base import VectorIndex

ON_GPU = ("flat", "ivf", "ivfpq")
RECALL = {"flat": 1.0, "hnsw": 0.99, "ivf": 1.0, "ivfpq": 0.8, "hnswlib": 0.99}
"""Least recall@10 at full effort; ivfpq is measured without the re-ranking that it needs."""


@dataclass(frozen=True)
class Place:
    """A kind, and where it is to live; `label` tells a stand-in from a GPU."""

    kind: str
    device: str
    label: str = ""

    def build(self, vectors: np.ndarray, **parameters: Any) -> VectorIndex:
        return index_class(self.kind)(device=self.device, **parameters).build(vectors)

    def ready(self, *, effort: int | None = None) -> VectorIndex:
        """The one index over `clustered()` that tests may read but not change, at its full effort unless told."""
        index = _shared(self)
        ladder = index.effort_ladder(index.size)
        if ladder:
            index.effort = effort or ladder[-1]
        return index

    def load(self, path: Path, vectors: np.ndarray, **parameters: Any) -> VectorIndex:
        return index_class(self.kind).load(path, vectors, device=self.device, **parameters)


class GpuStandIn:
    """A FAISS CPU index that behaves as a GPU's."""

    def __init__(self, index: Any) -> None:
        self.index = index

    def add(self, vectors: np.ndarray) -> None:
        self.index.add(vectors)

    def search(self, queries: np.ndarray, k: int, params: Any = None) -> Any:
        assert k <= 2048
        assert params is None or params.sel is None, "FAISS's GPU indexes ignore selectors"
        return self.index.search(queries, k, params=params)


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
        from search.indexes.gpu import gpu_is_there

        if not gpu_is_there():
            pytest.skip("FAISS sees no GPU")
    if device == "stand-in":
        stand_in(monkeypatch)
    return Place(kind, "cpu" if device == "cpu" else "cuda", device)


@cache
def _shared(place: Place) -> VectorIndex:
    return place.build(clustered())


def stand_in(monkeypatch: pytest.MonkeyPatch) -> None:
    from search.indexes import faiss_base, faiss_ivf, gpu
    from search.indexes.faiss_library import faiss

    def move(index: Any, *, half_tables: bool = False) -> Any:
        return GpuStandIn(faiss.clone_index(index))

    def move_quantizer(index: Any) -> Any:
        return faiss.clone_index(index)

    monkeypatch.setattr(gpu, "move_to_gpu", move)
    monkeypatch.setattr(faiss_base, "move_to_gpu", move)
    monkeypatch.setattr(faiss_ivf, "move_to_gpu", move_quantizer)
    monkeypatch.setattr(faiss_base, "copy_to_cpu", lambda index: faiss.clone_index(index.index))


def unit(vectors: np.ndarray) -> np.ndarray:
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


@cache
def clustered(rows: int = 2000, dim: int = 32, seed: int = 0) -> np.ndarray:
    """Forty clusters, and every hundredth row the double of the one before."""
    random = np.random.default_rng(seed)
    centres = random.standard_normal((40, dim))
    vectors = unit(centres[random.integers(40, size=rows)] + 0.35 * random.standard_normal((rows, dim)))
    vectors[1::100] = vectors[0::100][: len(vectors[1::100])]
    vectors.flags.writeable = False
    return vectors


def queries(count: int = 40, dim: int = 32) -> np.ndarray:
    """Half of them rows of the collection, half of them new."""
    new = clustered(dim=dim, seed=0)[500 : 500 + count // 2] + np.float32(0.05)
    return np.concatenate([clustered(dim=dim)[: count // 2], unit(new)])


def brute_force(
    vectors: np.ndarray, asked: np.ndarray, k: int, allowed: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Distances in float64, rounded to float32; ties by row."""
    distances, rows = np.full((len(asked), k), np.inf, np.float32), np.full((len(asked), k), -1)
    candidates = np.arange(len(vectors)) if allowed is None else np.flatnonzero(allowed)
    for number, query in enumerate(asked.astype(np.float64)):
        apart = np.sqrt(((vectors[candidates].astype(np.float64) - query) ** 2).sum(axis=1)).astype(np.float32)
        found = sorted(zip(apart.tolist(), candidates.tolist(), strict=True))[:k]
        for position, (distance, row) in enumerate(found):
            distances[number, position], rows[number, position] = distance, row
    return distances, rows


def full_effort(index: VectorIndex) -> VectorIndex:
    ladder = index.effort_ladder(index.size)
    if ladder:
        index.effort = ladder[-1]
    return index


def recall(found: np.ndarray, truth: np.ndarray) -> float:
    return float(np.mean([len(set(f) & set(t)) / len(t) for f, t in zip(found.tolist(), truth.tolist(), strict=True)]))


def check_answers(
    place: Place, vectors: np.ndarray, asked: np.ndarray, distances: np.ndarray, rows: np.ndarray
) -> None:
    """What holds for every answer of every kind."""
    assert distances.dtype == np.float32
    assert rows.dtype == np.int64
    assert distances.shape == rows.shape
    assert (np.isinf(distances) == (rows == -1)).all()
    for number, query in enumerate(asked.astype(np.float64)):
        found = rows[number][rows[number] >= 0]
        shown = distances[number][: len(found)]
        assert (rows[number][len(found) :] == -1).all(), "padding comes last"
        assert len(set(found.tolist())) == len(found)
        assert (shown >= 0).all()
        assert (shown <= 2).all()
        assert sorted(zip(shown.tolist(), found.tolist(), strict=True)) == list(
            zip(shown.tolist(), found.tolist(), strict=True)
        )
        true = np.linalg.norm(vectors[found].astype(np.float64) - query, axis=1)
        assert np.abs(shown - true).max(initial=0) <= (0.3 if place.kind == "ivfpq" else 1e-5)


@pytest.mark.parametrize("k", [1, 10, 1999])
def test_finds_what_brute_force_finds(place: Place, k: int) -> None:
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
    assert distances[:, 0].max() <= (0.3 if place.kind == "ivfpq" else 1e-6)
    if place.kind != "ivfpq":
        assert (np.arange(0, 2000, 50)[:, None] == rows).any(axis=1).all()


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
    assert distances[:, :reachable].max() <= (1e-2 if place.kind == "ivfpq" else 1e-6)
    if place.kind == "flat":
        np.testing.assert_array_equal(rows[:, :reachable], np.tile(np.arange(reachable), (len(rows), 1)))
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("dim", [1, 2, 7, 100])
def test_any_number_of_dimensions(place: Place, dim: int) -> None:
    vectors = unit(np.random.default_rng(3).standard_normal((60, dim)))
    distances, rows = full_effort(place.build(vectors)).search(-vectors[:5], 4)
    assert (rows >= 0).all()
    if place.kind != "ivfpq":
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
        assert found >= (1.0 if place.kind != "hnsw" else 0.9)


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


def test_a_cpu_opens_what_a_gpu_built(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    stand_in(monkeypatch)
    for kind in ("ivf", "ivfpq"):
        index = Place(kind, "cuda", "stand-in").ready(effort=5)
        index.save(tmp_path / kind)
        again = Place(kind, "cpu").load(tmp_path / kind, clustered(), **index.parameters)
        np.testing.assert_array_equal(again.search(queries(), 5)[1], index.search(queries(), 5)[1])


def test_the_same_vectors_give_the_same_structure(place: Place, tmp_path: Path) -> None:
    vectors = clustered()[:300]
    first, second = place.build(vectors), place.build(vectors)
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


def test_queries_of_any_layout(place: Place) -> None:
    index, asked = place.ready(), queries()
    expected = index.search(asked, 5)
    wide = np.zeros((len(asked), 64), dtype=np.float64)
    wide[:, ::2] = asked
    for other in (asked.astype(np.float64), np.asfortranarray(asked), wide[:, ::2]):
        for left, right in zip(index.search(other, 5), expected, strict=True):
            np.testing.assert_array_equal(left, right)
    one_by_one = np.concatenate([index.search(asked[i : i + 1], 5)[1] for i in range(len(asked))])
    assert recall(one_by_one, expected[1]) > 0.99, "one query and many queries agree"


def test_questions_that_make_no_sense(place: Place) -> None:
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


def test_limits_of_the_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in(monkeypatch)
    for kind in ON_GPU:
        index = Place(kind, "cuda", "stand-in").ready()
        assert index.supports(k=2048, filtering=True)
        assert not index.supports(k=2049)
        with pytest.raises(UnsupportedError, match=r"at most k=2048, not 2049: use --device cpu"):
            index.search(queries(), 2049)
        assert Place(kind, "cpu", "cpu").ready().supports(k=2049)
    for parameters, said in (({"m": 5}, "no version for m=5"), ({"nbits": 6}, "nbits=8")):
        with pytest.raises(UnsupportedError, match=said):
            Place("ivfpq", "cuda").build(clustered(300, 100), **parameters)
    for kind in set(KINDS) - set(ON_GPU):
        with pytest.raises(UnsupportedError, match=f"{kind}.*no cuda version"):
            index_class(kind)(device="cuda")


def test_ivfpq_says_what_it_cannot_do() -> None:
    with pytest.raises(UnsupportedError, match="divide"):
        index_class("ivfpq")(m=7).build(clustered())
    with pytest.raises(UnsupportedError, match="nbits"):
        index_class("ivfpq")(nbits=12).build(clustered())


def test_kinds_and_devices(monkeypatch: pytest.MonkeyPatch) -> None:
    assert KINDS == ("flat", "hnsw", "ivf", "ivfpq", "hnswlib")
    with pytest.raises(UnsupportedError, match="flat, hnsw, ivf, ivfpq, hnswlib"):
        index_class("tree")
    for gpu in (False, True):
        monkeypatch.setattr("search.indexes._gpu_is_there", lambda there=gpu: there)
        for kind in (*KINDS, "auto"):
            able = kind in ON_GPU or kind == "auto"
            assert resolve_device("cpu", kind) == "cpu"
            assert resolve_device("auto", kind) == ("cuda" if gpu and able else "cpu")
            if gpu and able:
                assert resolve_device("cuda", kind) == "cuda"
            else:
                with pytest.raises(UnsupportedError, match="no GPU") as caught:
                    resolve_device("cuda", kind)
                assert "use --device auto or cpu" in str(caught.value)
    with pytest.raises(UnsupportedError, match="tpu"):
        resolve_device("tpu", "flat")  # type: ignore[arg-type]
    with pytest.raises(UnsupportedError, match="tree"):
        resolve_device("auto", "tree")


def test_auto_is_exact_while_exact_is_fast() -> None:
    assert [choose_kind(rows, 128) for rows in (0, 1000, 262_144, 262_145)] == ["flat", "flat", "flat", "hnsw"]
    assert [choose_kind(rows, 128, "cuda") for rows in (262_145, 2**22, 2**22 + 1)] == ["flat", "flat", "ivf"]
    assert choose_kind(262_144, 256) == "hnsw"
