"""An index of vectors whose encoder is not available."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from indexer.cli.app import app
from indexer.collection.add import add
from indexer.collection.build import build
from indexer.collection.rebuild import rebuild
from indexer.collection.remove import remove
from indexer.collection.sync import sync
from indexer.exchange.config import ImportConfig
from indexer.exchange.export import export
from indexer.exchange.import_vectors import import_vectors
from indexer.health.check import check
from indexer.health.repair import repair
from indexer.people.enroll import enroll
from search import EncoderError, open_index
from search.config import BuildConfig
from search.encoders.foreign import foreign_fingerprint, is_foreign
from tests.conftest import FAST
from tests.indexer.exchange.conftest import QUICK, brute_force, unit

CPU = BuildConfig(device="cpu")


@pytest.fixture
def foreign(pictures: Path, tmp_path: Path) -> Path:
    """An index of the pictures, with vectors of an unavailable encoder."""
    np.save(tmp_path / "v.npy", unit(12))
    paths = sorted(pictures.rglob("*.png"))
    (tmp_path / "v.csv").write_text("path,label\n" + "".join(f"{path},{path.parent.name}\n" for path in paths))
    import_vectors(tmp_path / "v.npy", tmp_path / "f", replace(QUICK, paths=tmp_path / "v.csv"))
    return tmp_path / "f"


def test_fingerprints() -> None:
    made = {foreign_fingerprint(name, dim) for name in ("clip", "Clip", "clip\n") for dim in (8, 16)}
    assert len(made) == 6
    assert all(is_foreign(each) for each in made)
    assert foreign_fingerprint("clip", 8) == foreign_fingerprint("clip", 8)


def test_it_is_searched_by_vector_and_by_id(foreign: Path) -> None:
    with open_index(foreign) as engine:
        assert is_foreign(engine.fingerprint)
        query = unit(1, seed=9)[0]
        expected = brute_force(unit(12), query, 12)
        assert [hit.id - 1 for hit in engine.search_vectors(query, 12)[0]] == [row for row, _ in expected]
        assert [hit.id - 1 for hit in engine.search_id(3, 12)] == [n for n, _ in brute_force(unit(12), unit(12)[2], 12)]
        assert {hit.label for hit in engine.search_id(3, 12, where="label = label1")} == {"label1"}
    assert check(foreign) == []


def test_a_picture_query_is_rejected_with_the_reason(foreign: Path, pictures: Path) -> None:
    picture = next(pictures.rglob("*.png"))
    with open_index(foreign) as engine:
        asks = (engine.search, engine.embed, lambda one: engine.verify(one, one), lambda one: engine.search_many([one]))
        for ask in asks:
            with pytest.raises(EncoderError, match=r"made elsewhere by 'clip-vit-b32'.*search_id.*rebuild"):
                ask(picture)
    for change in (
        lambda: build(pictures, foreign, CPU),
        lambda: add(foreign, [picture], CPU),
        lambda: sync(pictures, foreign, CPU),
        lambda: enroll(foreign, "Ada", [picture]),
    ):
        with pytest.raises(EncoderError, match="made elsewhere"):
            change()
    assert check(foreign) == []


def test_the_commands(foreign: Path, pictures: Path) -> None:
    told = json.loads(CliRunner().invoke(app, ["info", str(foreign), "--json"]).stdout)
    assert (told["encoder"], told["images"], told["dim"]) == ("clip-vit-b32", 12, 8)
    assert "made elsewhere" in CliRunner().invoke(app, ["info", str(foreign)]).stdout
    assert CliRunner().invoke(app, ["check", str(foreign)]).exit_code == 0
    asked = CliRunner().invoke(app, ["query", str(next(pictures.rglob("*.png"))), "--index", str(foreign)])
    assert isinstance(asked.exception, EncoderError)


def test_removing_and_rebuilding_need_no_encoder(foreign: Path) -> None:
    remove(foreign, ids=[2, 5])
    with open_index(foreign) as engine:
        before = {key: engine.search_id(key, 20) for key in engine.ids()}
        assert {len(hits) for hits in before.values()} == {10}
    report = rebuild(foreign, replace(CPU, kind="hnsw"))
    assert (report.images, report.kind, report.embedded) == (10, "hnsw", 0)
    assert check(foreign) == []
    with open_index(foreign) as engine:
        assert is_foreign(engine.fingerprint)
        for key, hits in before.items():
            after = engine.search_id(key, 20)
            assert [hit.id for hit in after] == [hit.id for hit in hits]
            assert [hit.distance for hit in after] == pytest.approx([hit.distance for hit in hits], abs=1e-6)


def test_a_rebuild_gives_it_an_encoder(foreign: Path, pictures: Path, index: Path) -> None:
    report = rebuild(foreign, FAST)
    assert (report.images, report.embedded, report.encoder) == (12, 12, "color-layout")
    assert check(foreign) == []
    with open_index(foreign) as engine, open_index(index) as other:
        assert engine.fingerprint == other.fingerprint
        for picture in pictures.rglob("*.png"):
            assert [h.path for h in engine.search(picture)] == [h.path for h in other.search(picture)]
    assert build(pictures, foreign, FAST).embedded == 0


def test_a_repair_removes_pictures_that_an_import_restores(foreign: Path, tmp_path: Path) -> None:
    remove(foreign, ids=[12])
    (file,) = (foreign / "segments").glob("*.npy")
    data = bytearray(file.read_bytes())
    data[-5] ^= 1
    file.write_bytes(data)
    report = repair(foreign, device="cpu")
    assert report.after.whole
    assert (len(report.removed), report.embedded) == (11, 0), "a block of checksums holds all of them"
    assert any("import of their vectors again" in done for done in report.done)
    again = import_vectors(tmp_path / "v.npy", foreign, replace(QUICK, paths=tmp_path / "v.csv"))
    assert (again.added, again.images) == (12, 12)
    assert check(foreign) == []
    with open_index(foreign) as engine:
        np.testing.assert_array_equal(engine.vectors()[1], unit(12))


def test_export_and_import(foreign: Path, tmp_path: Path) -> None:
    export(foreign, tmp_path / "out")
    assert not (tmp_path / "out" / "encoder").exists()
    import_vectors(tmp_path / "out", tmp_path / "two", ImportConfig(device="cpu"))
    with open_index(foreign) as a, open_index(tmp_path / "two") as b:
        assert (a.info().encoder, a.fingerprint) == (b.info().encoder, b.fingerprint)
        assert [a.search_id(key) for key in a.ids()] == [b.search_id(key) for key in b.ids()]
