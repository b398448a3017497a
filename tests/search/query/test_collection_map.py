"""The kept map: who is on it, where later pictures are placed, what its clusters are called."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import indexer
from indexer.collection.add import add
from indexer.collection.build import build
from indexer.collection.rebuild import rebuild
from indexer.collection.remove import remove
from indexer.collection.sync import sync
from search import SearchEngine, open_index
from search.errors import DamagedFileError, QueryError
from search.filters.conditions import HasId, Not
from search.query.among import Among, Pictures
from search.query.collection_map import NEIGHBOURS, CollectionMap
from search.query.nearest_values import nothing_matches
from tests.conftest import FAST, draw, fill


def kept(engine: SearchEngine) -> CollectionMap:
    found = engine.map()
    assert found is not None
    return found


def at(found: CollectionMap) -> dict[int, tuple[float, float, int]]:
    positions = found.positions.tolist()
    return {
        key: (*place, cluster)
        for key, place, cluster in zip(found.ids.tolist(), positions, found.clusters.tolist(), strict=True)
    }


def slowly_placed(engine: SearchEngine, picture: int, mapped: dict[int, tuple[float, float, int]]) -> tuple[float, ...]:
    """The documented rule, picture by picture, in Python's own numbers."""
    own = engine.vector(picture).astype(float)
    apart = sorted((math.dist(own, engine.vector(key).astype(float)), key) for key in mapped)[:15]
    weights = {key: 1 / max(distance, 1e-6) ** 2 for distance, key in apart}
    votes: Counter[int] = Counter()
    for key, weight in weights.items():
        votes[mapped[key][2]] += weight  # type: ignore[assignment]
    cluster = min(votes, key=lambda each: (-votes[each], each))
    inside = {key: weight for key, weight in weights.items() if mapped[key][2] == cluster}
    total = sum(inside.values())
    x, y = (sum(weight * mapped[key][axis] for key, weight in inside.items()) / total for axis in (0, 1))
    return x, y, cluster


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """60 pictures and their map; tests copy it."""
    folder = tmp_path_factory.mktemp("map")
    fill(folder / "pictures", 60, labels=5)
    build(folder / "pictures", folder / "index", FAST)
    report = indexer.make_map(folder / "index")
    assert (report.pictures, report.laid_out, report.method) == (60, 60, "umap")
    return folder


@pytest.fixture
def mapped(made: Path, tmp_path: Path) -> Path:
    """The index of a copy of these pictures, in `pictures` beside it, with its map."""
    fill(tmp_path / "pictures", 60, labels=5)
    build(tmp_path / "pictures", tmp_path / "index", FAST)
    indexer.make_map(tmp_path / "index")
    return tmp_path / "index"


def test_no_map_is_none(index: Path) -> None:
    with open_index(index) as engine:
        assert engine.map() is None


def test_the_map_holds_every_picture(made: Path) -> None:
    with open_index(made / "index") as engine:
        found = kept(engine)
        assert found.ids.tolist() == engine.ids()
        assert found.positions.shape == (60, 2)
        assert found.positions.dtype == np.float32
        assert not found.placed.any()
        assert (found.removed, found.outdated) == (0, False)
        sizes = np.bincount(found.clusters)
        assert len(sizes) == 7  # floor(sqrt(60))
        assert sorted(sizes, reverse=True) == sizes.tolist()


def test_clusters_are_named_by_their_most_frequent_label(made: Path) -> None:
    with open_index(made / "index") as engine:
        found = kept(engine)
        labels = {record.id: record.label for record in engine.pictures()}
    names: list[str] = []
    for number in range(len(found.names)):
        counts = Counter(labels[key] for key in found.ids[found.clusters == number].tolist())
        label = min(counts, key=lambda each: (-counts[each], str(each)))
        label = f"{label} and others" if len(counts) > 1 else str(label)
        earlier = sum(name.split(" (")[0] == label for name in names)
        names.append(f"{label} ({earlier + 1})" if earlier else label)
    assert found.names == tuple(names)


def test_clusters_without_labels_are_numbered(tmp_path: Path) -> None:
    fill(tmp_path / "pictures", 9)
    build(tmp_path / "pictures", tmp_path / "index", replace(FAST, labels="none"))
    indexer.make_map(tmp_path / "index", clusters=2)
    with open_index(tmp_path / "index") as engine:
        found = kept(engine)
    assert found.names == ("cluster 1", "cluster 2")
    assert found.method == "pca"


def test_later_pictures_are_placed_by_the_documented_rule(mapped: Path, tmp_path: Path) -> None:
    with open_index(mapped) as engine:
        before = at(kept(engine))
    stored = {path: path.read_bytes() for path in (mapped / "maps").iterdir()}
    fill(tmp_path / "later", 7, first=100)
    draw(3).save(tmp_path / "later" / "copy.png")  # as the fourth picture
    add(mapped, [tmp_path / "later"], FAST)
    with open_index(mapped) as engine:
        found = kept(engine)
        after = at(found)
        new = found.ids[found.placed].tolist()
        assert len(new) == 8
        assert {key: after[key] for key in before} == before
        for picture in new:
            assert after[picture] == pytest.approx(slowly_placed(engine, picture, before), abs=1e-5)
        paths = {record.path.name: record.id for record in engine.pictures()}
        assert after[paths["copy.png"]] == pytest.approx(before[paths["0003.png"]], abs=1e-4)
    assert {path: path.read_bytes() for path in (mapped / "maps").iterdir()} == stored


def test_removed_pictures_leave_the_map_and_changed_ones_are_placed_anew(mapped: Path, tmp_path: Path) -> None:
    with open_index(mapped) as engine:
        before = at(kept(engine))
        changed, gone = engine.pictures()[5], engine.pictures()[9]
    gone.path.unlink()
    draw(999).save(changed.path)
    sync(tmp_path / "pictures", mapped, FAST)
    with open_index(mapped) as engine:
        found = kept(engine)
        assert gone.id not in found.ids
        assert found.ids[found.placed].tolist() == [changed.id]
        assert (found.removed, found.outdated) == (1, False)
        others = {key: place for key, place in before.items() if key not in (changed.id, gone.id)}
        assert at(found)[changed.id] == pytest.approx(slowly_placed(engine, changed.id, others), abs=1e-5)


@pytest.mark.slow
def test_a_map_survives_a_rebuild_and_not_another_encoder(mapped: Path) -> None:
    with open_index(mapped) as engine:
        before = at(kept(engine))
    rebuild(mapped, replace(FAST, kind="hnswlib"))
    with open_index(mapped) as engine:
        assert at(kept(engine)) == before
    rebuild(mapped, replace(FAST, encoder="small"))
    with open_index(mapped) as engine:
        assert engine.map() is None
    assert not (mapped / "maps").exists()
    assert indexer.check(mapped) == []


def test_a_map_is_outdated_after_a_fifth_of_its_pictures_changed(mapped: Path, tmp_path: Path) -> None:
    fill(tmp_path / "later", 11, first=100)
    add(mapped, [tmp_path / "later"], FAST)
    with open_index(mapped) as engine:
        assert not kept(engine).outdated
        first = engine.ids()[0]
    remove(mapped, ids=[first])
    with open_index(mapped) as engine:
        assert kept(engine).outdated
    indexer.make_map(mapped)
    with open_index(mapped) as engine:
        found = kept(engine)
        assert (found.outdated, found.removed, bool(found.placed.any())) == (False, 0, False)
    assert len(list((mapped / "maps").iterdir())) == 1


def test_nothing_is_left_of_a_map_whose_pictures_are_gone(mapped: Path, tmp_path: Path) -> None:
    remove(mapped, ids=list(range(1, 61)))
    with open_index(mapped) as engine:
        assert engine.map() is None
    fill(tmp_path / "later", 3, first=200)
    add(mapped, [tmp_path / "later"], FAST)
    with open_index(mapped) as engine:
        assert engine.map() is None


def test_a_damaged_map_is_named(mapped: Path) -> None:
    (file,) = (mapped / "maps").iterdir()
    data = bytearray(file.read_bytes())
    data[-3] ^= 1
    file.write_bytes(data)
    with open_index(mapped) as engine, pytest.raises(DamagedFileError, match=r"checksum.*twinlens map INDEX --keep"):
        engine.map()


def test_nearest_among_some_in_several_segments(mapped: Path, tmp_path: Path) -> None:
    fill(tmp_path / "later", 20, first=300)
    add(mapped, [tmp_path / "later"], FAST)
    with open_index(mapped) as engine:
        everything = Pictures.of_catalog(engine.catalog)
        assert everything.ids.tolist() == engine.ids()
        some = everything.take(everything.ids % 3 == 0)
        queries = engine.vectors_of([1, 2, 70])
        distances, numbers = Among(engine.segments, some).nearest(queries, NEIGHBOURS)
        vectors = engine.vectors_of(some.ids.tolist()).astype(float)
        for row, query in enumerate(queries.astype(float)):
            apart = np.linalg.norm(vectors - query, axis=1)
            assert numbers[row].tolist() == np.argsort(apart, kind="stable")[:NEIGHBOURS].tolist()
            assert distances[row] == pytest.approx(np.sort(apart)[:NEIGHBOURS], abs=1e-5)
        few, _ = Among(engine.segments, some.take(some.ids <= 6)).nearest(queries, NEIGHBOURS)
        assert few.shape == (3, 2)


def test_values_of_a_column(made: Path) -> None:
    with open_index(made / "index") as engine:
        assert engine.values("label") == {record.id: record.label for record in engine.pictures()}
        assert engine.values("width") == {record.id: record.width for record in engine.pictures()}
        assert engine.values("camera") == {}
        with pytest.raises(QueryError, match=r"no column 'colour' \(columns: id, path, label"):
            engine.values("colour")


def test_a_filter_may_name_any_number_of_ids(made: Path) -> None:
    with open_index(made / "index") as engine:
        many = list(range(3, 100_000, 2))
        chosen = HasId(tuple(many))
        assert engine.ids(chosen) == [key for key in engine.ids() if key >= 3 and key % 2]
        assert engine.count(HasId((*many, -5, 2**62))) == engine.count(chosen)
        assert engine.count(HasId(())) == 0
        assert engine.count(Not(chosen)) + engine.count(chosen) == len(engine)
        hits = engine.search_id(5, 50, where=chosen)
        assert [hit.id for hit in hits] == [hit.id for hit in engine.search_id(5, 60) if hit.id >= 3 and hit.id % 2]


def test_ids_that_nothing_has_get_no_suggestions(made: Path) -> None:
    with open_index(made / "index") as engine:
        assert nothing_matches(engine, HasId((99_999,)), "a part of the map") == (
            "no picture matches a part of the map"
        )
