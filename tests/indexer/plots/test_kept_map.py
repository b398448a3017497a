"""Computing a map of all pictures and keeping it with the index."""

from __future__ import annotations

import json
import shutil
import uuid
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

import indexer
from indexer.cli.app import app
from indexer.collection.build import build
from indexer.exchange.config import ImportConfig
from indexer.exchange.import_vectors import import_vectors
from indexer.health.check import inspect
from indexer.pipeline.writer import open_writer
from indexer.plots import kept_map
from indexer.plots.fuzzy_graph import fuzzy_graph, graph_of
from search import open_index
from search.errors import DataError, IndexFolderError, QueryError
from search.store.map_file import MAP_SETTING, read_map
from tests.conftest import FAST, fill

BLOBS = 4


@pytest.fixture
def blobs(tmp_path: Path) -> Path:
    """An index of 240 made vectors in four groups that are far apart; the group is the label."""
    rng = np.random.default_rng(1)
    middles = np.eye(BLOBS, 32)
    vectors = np.concatenate([middle + rng.normal(scale=0.05, size=(60, 32)) for middle in middles]).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    np.save(tmp_path / "v.npy", vectors)
    (tmp_path / "paths.txt").write_text("".join(f"/none/group{n // 60}/{n:03d}.jpg\n" for n in range(240)))
    config = ImportConfig(encoder="made", foreign=True, paths=tmp_path / "paths.txt")
    import_vectors(tmp_path / "v.npy", tmp_path / "i", config)
    return tmp_path / "i"


class Steps:
    def __init__(self) -> None:
        self.stages: dict[str, list[int | None]] = {}

    def begin(self, stage: str, total: int | None) -> None:
        self.last = stage
        self.stages[stage] = [total, 0]

    def advance(self, count: int) -> None:
        done = self.stages[self.last]
        done[1] = (done[1] or 0) + count


@pytest.mark.slow
def test_groups_are_clusters_and_islands(blobs: Path) -> None:
    steps = Steps()
    report = indexer.make_map(blobs, clusters=BLOBS, progress=steps)
    assert (report.clusters, report.method) == (BLOBS, "umap")
    for stage in ("find neighbours", "lay out"):
        total, done = steps.stages[stage]
        assert total == done
    with open_index(blobs) as engine:
        found = engine.map()
        assert found is not None
    groups = [found.positions[60 * n : 60 * n + 60] for n in range(BLOBS)]
    for n, group in enumerate(groups):
        assert len(set(found.clusters[60 * n : 60 * n + 60].tolist())) == 1
        middle = group.mean(axis=0)
        spread = np.linalg.norm(group - middle, axis=1).max()
        for other in groups[n + 1 :]:
            assert np.linalg.norm(other - middle, axis=1).min() > spread


@pytest.mark.slow
def test_the_same_seed_gives_the_same_map(blobs: Path) -> None:
    def positions(seed: int) -> bytes:
        indexer.make_map(blobs, seed=seed)
        with open_index(blobs) as engine:
            found = engine.map()
            assert found is not None
            return found.positions.tobytes() + found.clusters.tobytes()

    first = positions(5)
    assert positions(5) == first
    assert positions(6) != first


@pytest.mark.slow
def test_more_than_the_most_are_placed(blobs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept_map, "MOST", 100)
    report = indexer.make_map(blobs, clusters=BLOBS)
    assert (report.pictures, report.laid_out) == (240, 100)
    with open_index(blobs) as engine:
        found = engine.map()
        assert found is not None
    assert not found.placed.any()  # they are stored
    for n in range(BLOBS):
        assert len(set(found.clusters[60 * n : 60 * n + 60].tolist())) == 1


def test_the_graph_is_that_of_exact_neighbours() -> None:
    vectors = np.random.default_rng(3).normal(size=(40, 5)).astype(np.float32)
    apart = np.linalg.norm(vectors[:, None].astype(float) - vectors, axis=2)
    order = np.argsort(apart, axis=1, kind="stable")[:, :7]
    given = graph_of(order, np.take_along_axis(apart, order, axis=1)).toarray()
    assert given == pytest.approx(fuzzy_graph(vectors, 7).toarray(), abs=1e-6)


def test_own_is_first_even_if_it_was_not_found() -> None:
    found = np.array([[0, 4, 5], [7, 8, 9], [6, 2, 3]])
    distances = np.array([[0, 0.1, 0.2], [0, 0, 0], [0, 0, 0.5]], dtype=np.float32)
    rows, apart = kept_map._own_first(np.array([0, 1, 2]), found, distances)
    assert rows.tolist() == [[0, 4, 5], [1, 7, 8], [2, 6, 3]]
    assert apart == pytest.approx(np.array([[0, 0.1, 0.2], [0, 0, 0], [0, 0, 0.5]]))


@pytest.mark.parametrize("count", [1, 2, 3, 51])
def test_few_and_equal_pictures(tmp_path: Path, count: int) -> None:
    (source,) = fill(tmp_path / "p", 1)
    for number in range(1, count):
        shutil.copy(source, source.with_name(f"copy{number}.png"))
    build(tmp_path / "p", tmp_path / "i", FAST)
    report = indexer.make_map(tmp_path / "i")
    assert report.pictures == count
    with open_index(tmp_path / "i") as engine:
        found = engine.map()
        assert found is not None
        assert np.isfinite(found.positions).all()


def test_empty_missing_and_out_of_range(index: Path, tmp_path: Path) -> None:
    with pytest.raises(QueryError, match="clusters must be a whole number of at least 1, not 0"):
        indexer.make_map(index, clusters=0)
    indexer.remove(index, ids=list(range(1, 13)))
    with pytest.raises(DataError, match="holds no pictures"):
        indexer.make_map(index)
    with pytest.raises(IndexFolderError):
        indexer.make_map(tmp_path / "nowhere")


def test_a_change_of_the_encoder_meanwhile_is_refused(index: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def other(*arguments: object) -> object:
        with open_writer(index) as catalog, catalog.transaction():
            catalog.set(fingerprint="other")
        return computed(*arguments)  # type: ignore[arg-type]

    computed = kept_map._computed
    monkeypatch.setattr(kept_map, "_computed", other)
    with pytest.raises(DataError, match="another encoder meanwhile"):
        indexer.make_map(index)
    assert not (index / "maps").exists()


def test_check_names_a_damaged_map_and_repair_removes_it(index: Path) -> None:
    indexer.make_map(index)
    assert indexer.check(index) == []
    (file,) = (index / "maps").iterdir()
    data = file.read_bytes()
    file.write_bytes(data[:-1])
    (finding,) = inspect(index).findings
    assert (finding.part, finding.file) == ("map", f"maps/{file.name}")
    assert "only the map of the collection is lost" in str(finding)
    with open_index(index) as engine:  # everything else works
        assert len(engine.search_id(1)) > 0
    report = indexer.repair(index)
    assert report.after.whole
    assert report.left == []
    with open_index(index) as engine:
        assert engine.map() is None
    assert not (index / "maps").exists()


@pytest.mark.thinned(3)
@pytest.mark.parametrize("damage", ["order", "nan", "cluster", "type", "pickle", "text"])
def test_a_file_with_other_content_is_not_a_map(index: Path, damage: str) -> None:
    indexer.make_map(index)
    with open_writer(index) as catalog:
        facts = catalog.settings()[MAP_SETTING]
        path = index / facts["file"]
        points = np.load(path)
        if damage == "order":
            points = points[::-1]
        elif damage == "nan":
            points["x"][0] = np.nan
        elif damage == "cluster":
            points["cluster"][0] = -1
        elif damage == "type":
            points = points["x"].copy()
        if damage == "pickle":
            np.save(path, np.array([{"a": 1}], dtype=object), allow_pickle=True)
        elif damage == "text":
            path.write_text("hello")
        else:
            np.save(path, points)
        from search.store.durable import sealed

        with catalog.transaction():
            catalog.files.add([sealed(index, facts["file"])])
        with pytest.raises(IndexFolderError, match=r"twinlens map INDEX --keep"):
            read_map(index, sealed(index, facts["file"]))
    (finding,) = inspect(index).findings
    assert finding.part == "map"
    with open_index(index) as engine, pytest.raises(IndexFolderError, match="maps/"):
        engine.map()


def test_a_killed_writer_leaves_a_file_that_the_next_one_sweeps(index: Path) -> None:
    indexer.make_map(index)
    left = index / "maps" / f"{uuid.uuid4().hex}.npy"
    left.write_bytes(b"half")
    own = index / "maps" / "notes.txt"
    own.write_text("mine")
    indexer.make_map(index)
    assert not left.exists()
    assert own.exists()
    assert len(list((index / "maps").glob("*.npy"))) == 1


def test_the_folder_of_maps_is_not_followed(index: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (index / "maps").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(IndexFolderError, match="does not write through links"):
        indexer.make_map(index)
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_the_command(index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(app, ["map", str(index), "--keep", "--clusters", "2"])
    assert done.exit_code == 0, done.output
    assert "keeps a map of 12 pictures in 2 clusters" in done.output
    assert not (tmp_path / "map.png").exists()
    done = CliRunner().invoke(app, ["map", str(index), "--keep", "--out", "x.png"])
    assert done.exit_code == 0, done.output
    assert (tmp_path / "x.png").exists()
    assert "x.png: 12 of 12 pictures\n" in done.output
    done = CliRunner().invoke(app, ["map", str(index), "--limit", "5"])
    assert "map.png: 5 of 12 pictures (--limit shows more)\n" in done.output
    done = CliRunner().invoke(app, ["map", str(index), "--clusters", "2"])
    assert done.exit_code == 2
    assert "needs --keep" in done.output
    done = CliRunner().invoke(app, ["map", str(index)])
    assert done.exit_code == 0, done.output
    assert (tmp_path / "map.png").exists()
    done = CliRunner().invoke(app, ["info", str(index), "--json"])
    assert json.loads(done.output)["images"] == 12
