"""The contract of a store, over every store: an index folder, and the same index in Milvus."""

import random
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from indexer.stores.migrate import MigrateConfig, migrate
from search import Hit, IndexClosedError, QueryError, SearchEngine, UnsupportedError, open_index
from search.errors import FilterError
from search.store.catalog import Catalog
from search.store.milvus import searching
from tests.indexes_of_vectors import clumps, index_of
from tests.milvus import NEEDED
from tests.search.filters.reference import TYPES, Maker, Row, made_rows, stored

COUNT, DIM = 70, 8
STORES = ["folder", pytest.param("milvus", marks=NEEDED)]
LABELS = ["cat", None, 'it\'s "quoted"', "é\n\\", "7", "Ärger/日本"]


def rows_and_vectors() -> tuple[list[Row], np.ndarray]:
    """Pictures with values of every type and none, some with equal vectors; texts that Milvus can hold."""
    rows = made_rows(random.Random(5), COUNT)
    for number, row in enumerate(rows):
        row["note"] = None if row["note"] == "\udcff" else row["note"]
        row["label"] = LABELS[number % len(LABELS)]
    vectors = clumps(COUNT, seed=3, dim=DIM)
    vectors[40:64] = vectors[40]
    return rows, vectors


def write(folder: Path, rows: list[Row], vectors: np.ndarray) -> Path:
    index = index_of(folder, vectors, labels=[row["label"] for row in rows])
    with closing(Catalog.write(index)) as catalog, catalog.transaction():
        catalog.metadata.add_columns(TYPES)
        catalog.metadata.put(list(TYPES), [(row["id"], [stored(row[name]) for name in TYPES]) for row in rows])
        records = {each.id: each for each in catalog.pictures.records()}
        for row in rows:
            own = records[row["id"]]
            row.update(path=str(own.path), width=own.width, height=own.height, bytes=own.bytes)
    return index


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Row], np.ndarray]:
    rows, vectors = rows_and_vectors()
    return write(tmp_path_factory.mktemp("contract") / "index", rows, vectors), rows, vectors


def stored_in(store: str, folder: Path, work: Path) -> Path | str:
    """The address of a folder's index in a kind of store."""
    if store == "folder":
        return folder
    uri = f"milvus:{work}/lite.db/{folder.name}"
    migrate(folder, uri, MigrateConfig(index_type="HNSW"))
    return uri


@pytest.fixture(scope="module", params=STORES)
def engine(
    request: pytest.FixtureRequest, made: tuple[Path, list[Row], np.ndarray], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[SearchEngine]:
    with open_index(stored_in(request.param, made[0], tmp_path_factory.mktemp("store")), device="cpu") as engine:
        yield engine


@pytest.fixture
def rows(made: tuple[Path, list[Row], np.ndarray]) -> list[Row]:
    return made[1]


@pytest.fixture
def vectors(made: tuple[Path, list[Row], np.ndarray]) -> np.ndarray:
    return made[2]


def brute(vectors: np.ndarray, query: np.ndarray, k: int, among: set[int] | None = None) -> list[tuple[int, float]]:
    """Ids and distances of the k nearest, ties by id."""
    apart = np.linalg.norm(vectors.astype(np.float64) - query.astype(np.float64), axis=1)
    near = sorted((float(np.float32(d)), n + 1) for n, d in enumerate(apart) if among is None or n + 1 in among)
    return [(key, distance) for distance, key in near[:k]]


def found(hits: list[Hit]) -> list[tuple[int, float]]:
    return [(hit.id, hit.distance) for hit in hits]


@pytest.mark.parametrize("k", [1, 10, 30, COUNT, COUNT + 5, 5_000])
def test_neighbours_are_those_of_brute_force_with_ties_by_id(engine: SearchEngine, vectors: np.ndarray, k: int) -> None:
    queries = np.concatenate([vectors[[0, 40]], clumps(2, seed=9, dim=DIM)])
    for query, hits in zip(queries, engine.search_vectors(queries, k), strict=True):
        assert found(hits) == brute(vectors, query, k)


def test_hits_show_the_picture(engine: SearchEngine, rows: list[Row]) -> None:
    for hit in engine.search_id(3, COUNT):
        row = rows[hit.id - 1]
        assert (str(hit.path), hit.label) == (row["path"], row["label"])
        assert hit.metadata == {name: row[name] for name in TYPES if row[name] is not None}
        assert hit.similarity == 1 - hit.distance**2 / 2


def test_random_filters_match_a_slow_evaluator(
    engine: SearchEngine, rows: list[Row], vectors: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    maker = Maker(random.Random(11))
    sizes = []
    for number in range(60):
        monkeypatch.setattr(searching, "NARROW", 2_000 if number < 30 else 0)  # of Milvus: exact search, or its index
        where, truth = maker.make(2)
        expected = {row["id"] for row in rows if truth(row)}
        sizes.append(len(expected))
        assert engine.ids(where) == sorted(expected), where
        if number % 4 == 0:
            assert engine.count(where) == len(expected), where
            hits = engine.search_vectors(vectors[number][None], 7, where=where)[0]
            assert found(hits) == brute(vectors, vectors[number], 7, expected), where
    assert min(sizes) == 0
    assert max(sizes) == COUNT


@pytest.mark.parametrize(
    ("where", "truth"),
    [
        ("label = cat", lambda row: row["label"] == "cat"),
        ("label != cat", lambda row: row["label"] != "cat"),
        ({"label": LABELS[2]}, lambda row: row["label"] == LABELS[2]),
        ({"label": [LABELS[3], None]}, lambda row: row["label"] in (LABELS[3], None)),
        ({"label": []}, lambda row: False),
        ("label glob 'Ärger/*'", lambda row: row["label"] == LABELS[5]),
        ("label glob '?'", lambda row: row["label"] == "7"),
        ({"label": "\x01"}, lambda row: False),
        ("not label in (cat, 7)", lambda row: row["label"] not in ("cat", "7")),
        ("id in (1, 2, 3) and not id = 2", lambda row: row["id"] in (1, 3)),
        ("id > 1e30", lambda row: False),
        ("stock < 9223372036854775808.0", lambda row: row["stock"] is not None),
        ("stock in (1e30, -9223372036854775808, 7)", lambda row: row["stock"] in (-(2**63), 7)),
        ("id < 2.5", lambda row: row["id"] < 2.5),
        ("path glob '*00000?.png'", lambda row: row["path"][-5:-4].isdigit() and row["path"][-10:-5] == "00000"),
        ("stock = -9223372036854775808", lambda row: row["stock"] == -(2**63)),
        ("price between 0 and 8", lambda row: row["price"] is not None and 0 <= row["price"] <= 8),
        ("sharp = true or sharp is null", lambda row: row["sharp"] is not False),
    ],
)
def test_awkward_filters(engine: SearchEngine, rows: list[Row], where: object, truth: object) -> None:
    assert engine.ids(where) == [row["id"] for row in rows if truth(row)]  # type: ignore[operator, arg-type]


@pytest.mark.parametrize(
    "where", ["colour = red", "width = wide", "note < 5", "sharp > true", "stock glob '1*'", {"stock": True}]
)
def test_invalid_filters_are_refused(engine: SearchEngine, vectors: np.ndarray, where: object) -> None:
    for ask in (engine.count, engine.ids, lambda where: engine.search_vectors(vectors[:1], 3, where=where)):
        with pytest.raises(FilterError):
            ask(where)  # type: ignore[operator]


def test_records_labels_and_metadata(engine: SearchEngine, rows: list[Row]) -> None:
    assert len(engine) == engine.count() == COUNT
    assert [str(each.path) for each in engine.pictures()] == [row["path"] for row in rows]
    assert [each.id for each in engine.pictures(after=67, limit=2)] == [68, 69]
    assert engine.pictures(limit=0) == []
    assert engine.picture(9).content == "c000008"
    assert (engine.picture(9).width, engine.picture(9).label) == (10, rows[8]["label"])
    counted: dict[str, int] = {}
    for row in rows:
        if row["label"] is not None:
            counted[row["label"]] = counted.get(row["label"], 0) + 1
    assert engine.labels() == counted
    assert list(engine.labels()) == sorted(counted)
    assert {name: engine.columns()[name] for name in TYPES} == TYPES
    known = engine.metadata([1, 2, 3, 999, -4, 2**70])
    for row in rows[:3]:
        assert known.get(row["id"], {}) == {name: row[name] for name in TYPES if row[name] is not None}
    for name in ("label", "path", "stock", "seen", "sharp"):
        assert engine.values(name) == {row["id"]: row[name] for row in rows if row[name] is not None}
    notes = sorted({row["note"] for row in rows} - {None})
    assert engine.texts("note", 100) == notes
    assert len(engine.texts("note", 2)) == 2
    with pytest.raises(QueryError, match="no column"):
        engine.values("colour")


def test_stored_vectors(engine: SearchEngine, vectors: np.ndarray) -> None:
    assert (engine.vectors_of([9, 2, 9]) == vectors[[8, 1, 8]]).all()
    records, every = engine.vectors()
    assert [each.id for each in records] == list(range(1, COUNT + 1))
    assert (every == vectors).all()
    assert engine.vectors_of([]).shape == (0, DIM)
    for unknown in (0, -1, 999, 2**70):
        for ask in (engine.picture, engine.vector, engine.search_id):
            with pytest.raises(QueryError, match="no picture has the id"):
                ask(unknown)


def test_options_of_a_search(engine: SearchEngine, made: tuple[Path, list[Row], np.ndarray]) -> None:
    """Liked and disliked pictures, radius, diversity and collapsed copies, as in the folder."""
    query = clumps(1, seed=21, dim=DIM)
    options = [{"liked": [3], "disliked": [50]}, {"radius": 1.2}, {"diversity": 0.6}, {"collapse": True}]
    options += [{"radius": 1.2, "where": "note is not null", "collapse": True}, {"liked": [41], "where": "id > 20"}]
    with open_index(made[0], device="cpu") as folder:
        for each in options:
            assert engine.search_vectors(query, 6, **each) == folder.search_vectors(query, 6, **each), each
            (answer,) = engine.ask_vectors(query, 4, audit=True, **each)
            assert answer.audit is not None
            assert answer.audit.recall == 1.0
    with pytest.raises(QueryError, match="no picture has the id 999"):
        engine.search_vectors(query, 3, liked=[999])


def test_a_narrow_filter_is_answered_exactly(engine: SearchEngine, vectors: np.ndarray) -> None:
    (answer,) = engine.ask_vectors(vectors[:1], 3, audit=True, where="id <= 20")
    assert answer.audit is not None
    assert [each.exact for each in answer.audit.segments] == [True]


def test_info(engine: SearchEngine) -> None:
    info = engine.info()
    assert (info.images, info.labels, info.dim, info.encoder) == (COUNT, 5, DIM, "made")
    assert {each.name: each.count for each in info.columns}["label" if "label" in TYPES else "stock"] > 0
    assert str(info.path) == str(engine.address)


@pytest.mark.parametrize("store", STORES)
@pytest.mark.parametrize("count", [0, 1])
def test_almost_no_pictures(store: str, count: int, tmp_path: Path) -> None:
    vectors = clumps(1, dim=DIM)
    folder = index_of(tmp_path / f"n{count}", vectors[:count], labels=[None] * count)
    with open_index(stored_in(store, folder, tmp_path), device="cpu") as engine:
        assert [len(hits) for hits in engine.search_vectors(vectors, 3)] == [count]
        assert engine.search_vectors(vectors, 3, where="id > 1")[0] == []
        assert len(engine.pictures()) == len(engine.vectors()[0]) == count
        assert engine.labels() == {}
        assert engine.identities() == []
        assert engine.calibration is None


@pytest.mark.parametrize("store", STORES)
def test_a_closed_store_says_so(store: str, made: tuple[Path, list[Row], np.ndarray], tmp_path: Path) -> None:
    engine = open_index(stored_in(store, made[0], tmp_path), device="cpu")
    assert not engine.stale
    assert engine.refresh() is engine
    engine.close()
    engine.close()
    uses = [engine.pictures, engine.labels, lambda: engine.metadata([]), lambda: engine.stale, engine.info]
    uses += [lambda: engine.search_id(1), lambda: engine.vectors_of([]), lambda: engine.ids("id > 1")]
    for use in uses:
        with pytest.raises(IndexClosedError, match="closed"):
            use()


@NEEDED
def test_what_needs_a_folder_says_so(made: tuple[Path, list[Row], np.ndarray], tmp_path: Path) -> None:
    with open_index(stored_in("milvus", made[0], tmp_path), device="cpu") as engine:
        for use in (lambda: engine.catalog, lambda: engine.segments, engine.map, lambda: engine.folder):
            with pytest.raises(UnsupportedError, match=r"works on index folders only.*twinlens migrate"):
                use()
