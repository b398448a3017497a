"""Migrate an index into Milvus Lite and back: nothing is lost, embedded again, or half there."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from indexer import MigrateConfig, add, build_in_store, check, enroll, inspect, migrate, remove
from indexer.cli.app import app
from indexer.collection.build import build
from indexer.metadata.load import load_metadata
from search import DataError, EncoderError, SearchEngine, StoreError, UnsupportedError, open_index
from search.config import BuildConfig, EnrollConfig, IdentifyConfig
from search.store.address import milvus_address
from search.store.catalog import Catalog
from search.store.milvus import writing
from search.store.milvus.connection import Connection
from search.store.milvus.layout import add_fields
from tests.conftest import FAST, draw, fill
from tests.indexes_of_vectors import clumps, index_of
from tests.milvus import NEEDED
from tests.people import calibration

pytestmark = NEEDED


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TWINLENS_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def full(pictures: Path, index: Path) -> Path:
    """An index with everything that a migration has to carry."""
    table = pictures.parent / "m.csv"
    table.write_text('path,price,note\nlabel0/0000.png,3.5,"a \'b\' ""c"""\nlabel1/0001.png,,x\n')
    load_metadata(index, table, root=pictures)
    enroll(index, "Ada", [pictures / "label0" / "0000.png"], EnrollConfig(device="cpu", force=True))
    with open_index(index) as engine:
        fingerprint = engine.fingerprint
    catalog = Catalog.write(index)
    with catalog.transaction():
        catalog.set(calibration=calibration(fingerprint, 0.4).to_dict())
    catalog.close()
    return index


def uri_of(folder: Path, name: str = "photos") -> str:
    return f"milvus:{folder}/lite.db/{name}"


def collections(uri: str) -> list[str]:
    connection = Connection(milvus_address(uri))
    try:
        return sorted(connection.collections())
    finally:
        connection.close()


def facts(engine: SearchEngine) -> list[object]:
    """Everything that an index answers from, but for where vectors lie."""
    records, vectors = engine.vectors()
    files = [(r.id, r.path, r.content, r.bytes, r.mtime_ns, r.ctime_ns, r.inode, r.width, r.label) for r in records]
    assert engine.calibration is not None
    return [
        files,
        vectors.tolist(),
        {key: values for key, values in engine.metadata([r.id for r in records]).items() if values},
        engine.columns(),
        engine.fingerprint,
        engine.calibration.to_dict(),
        engine.identities(),
    ]


def test_there_and_back_everything_is_the_same(full: Path, pictures: Path, tmp_path: Path) -> None:
    report = migrate(full, uri_of(tmp_path), MigrateConfig(index_type="ivf_flat", params={"nlist": 2}))
    assert (report.pictures, report.copied, report.kind) == (12, 12, "IVF_FLAT")
    again = migrate(uri_of(tmp_path), tmp_path / "back")
    assert (again.pictures, again.copied) == (12, 12)
    assert check(tmp_path / "back") == check(uri_of(tmp_path)) == []
    query, options = pictures / "label1" / "0004.png", {"k": 5, "where": "label != label0"}
    forced = IdentifyConfig(force=True)
    with open_index(full) as first, open_index(uri_of(tmp_path)) as there, open_index(tmp_path / "back") as back:
        assert facts(there) == facts(back) == facts(first)
        assert there.search(query, **options) == back.search(query, **options) == first.search(query, **options)
        assert there.identify(query, forced).candidates == first.identify(query, forced).candidates
        assert there.search(query, same_only=True) == first.search(query, same_only=True)
        assert not there.embeds_text


@pytest.mark.slow
def test_the_encoder_is_copied_once_and_another_one_is_refused(full: Path, tmp_path: Path, cache: Path) -> None:
    migrate(full, uri_of(tmp_path))
    with open_index(uri_of(tmp_path)) as engine:
        engine.embed(draw(1))
        (folder,) = (cache / "encoders").iterdir()
        assert folder.name == engine.fingerprint
    described = json.loads((folder / "encoder.json").read_text())
    (folder / "encoder.json").write_text(json.dumps({**described, "fingerprint": "0" * 32}))
    with (
        open_index(uri_of(tmp_path)) as engine,
        pytest.raises(
            EncoderError, match=r"copy of the encoder 0+, but the vectors .* were made by .*Delete the folder"
        ),
    ):
        engine.embed(draw(1))


def test_vectors_that_were_made_elsewhere_have_no_encoder(tmp_path: Path) -> None:
    folder = index_of(tmp_path / "i", clumps(4))
    catalog = Catalog.write(folder)
    with catalog.transaction():
        catalog.set(fingerprint="foreign-abc", encoder_folder=None)
    catalog.close()
    migrate(folder, uri_of(tmp_path))
    with open_index(uri_of(tmp_path)) as engine:
        assert len(engine.search_id(1, 3)) == 3
        with pytest.raises(EncoderError, match="made elsewhere"):
            engine.embed(draw(1))


def test_an_interrupted_migration_is_not_seen_and_continues(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = index_of(tmp_path / "i", clumps(50))
    monkeypatch.setattr("indexer.stores.migrate._SENT_BYTES", 4 * 8 * 20)
    put, sent = writing.put_entities, []

    def fails(*given: object, **words: object) -> None:
        if len(sent) == 2:
            raise KeyboardInterrupt
        sent.append(1)
        put(*given, **words)  # type: ignore[arg-type]

    monkeypatch.setattr(writing, "put_entities", fails)
    with pytest.raises(KeyboardInterrupt):
        migrate(folder, uri_of(tmp_path))
    with pytest.raises(StoreError, match="no index here"):
        open_index(uri_of(tmp_path))
    assert len(collections(uri_of(tmp_path))) == 2
    monkeypatch.setattr(writing, "put_entities", put)
    report = migrate(folder, uri_of(tmp_path))
    assert (report.pictures, report.copied) == (50, 10)
    with open_index(uri_of(tmp_path)) as there, open_index(folder) as first:
        assert (there.vectors()[1] == first.vectors()[1]).all()
    assert len(collections(uri_of(tmp_path))) == 2


def test_an_index_is_replaced_as_a_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one, two = index_of(tmp_path / "one", clumps(9)), index_of(tmp_path / "two", clumps(5, seed=1))
    migrate(one, uri_of(tmp_path))
    with pytest.raises(StoreError, match="already holds an index"):
        migrate(two, uri_of(tmp_path))
    reader = open_index(uri_of(tmp_path))

    def fails(self: object, *given: object) -> None:
        raise StoreError("lost")

    with monkeypatch.context() as broken:
        broken.setattr(writing.About, "put_settings", fails)
        with pytest.raises(StoreError, match="lost"):
            migrate(two, uri_of(tmp_path), MigrateConfig(force=True))
    with open_index(uri_of(tmp_path)) as engine:
        assert len(engine) == 9
    migrate(two, uri_of(tmp_path), MigrateConfig(force=True))
    assert reader.stale
    with reader.refresh() as engine:
        assert len(engine) == 5
    reader.close()
    migrate(two, uri_of(tmp_path), MigrateConfig(force=True, index_type="FLAT"))
    migrate(two, uri_of(tmp_path), MigrateConfig(force=True, index_type="FLAT"))
    assert len(collections(uri_of(tmp_path))) == 2


def test_collections_of_other_programs_are_left_alone(tmp_path: Path) -> None:
    folder, connection = index_of(tmp_path / "i", clumps(4)), Connection(milvus_address(uri_of(tmp_path)))
    for name in ("photos__backup", "photos2", "taken"):
        schema = connection.new_schema
        add_fields(schema, {}, 8)
        connection.write("create_collection", name, schema=schema)
    migrate(folder, uri_of(tmp_path))
    assert {"photos__backup", "photos2", "taken"} < set(connection.collections())
    for use in (open_index, lambda uri: migrate(folder, uri, MigrateConfig(force=True))):
        with pytest.raises(StoreError, match="is a collection that Twinlens did not make"):
            use(uri_of(tmp_path, "taken"))
    connection.close()


def test_what_milvus_cannot_do_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    folder = index_of(tmp_path / "i", clumps(4), names=[f"{each}.png" for each in "abcd"], labels=["x" * 70_000] * 4)
    for name, reason in (("DISKANN", "needs a Milvus server"), ("GPU_CAGRA", "with a GPU"), ("ANNOY", "no index type")):
        with pytest.raises(UnsupportedError, match=reason):
            migrate(folder, uri_of(tmp_path), MigrateConfig(index_type=name))
    with pytest.raises(UnsupportedError, match="no parameter 'nlist'; it has: M, efConstruction, ef"):
        migrate(folder, uri_of(tmp_path), MigrateConfig(params={"nlist": 5}))
    assert not (tmp_path / "lite.db").exists()
    with pytest.raises(DataError, match=r"a\.png: its label is longer than the 65,535 bytes of Milvus"):
        migrate(folder, uri_of(tmp_path))
    assert collections(uri_of(tmp_path)) == []
    with pytest.raises(DataError, match="both folders"):
        migrate(folder, tmp_path / "other")
    with pytest.raises(DataError, match="exists"):
        migrate(uri_of(tmp_path), folder)


def test_paths_that_are_not_unicode_come_back(tmp_path: Path) -> None:
    names = ["caf\udce9.png", "\\xe9.png", "日本.png"]
    folder = index_of(tmp_path / "i", clumps(3), names=names)
    migrate(folder, uri_of(tmp_path))
    with open_index(uri_of(tmp_path)) as engine:
        assert [each.path.name for each in engine.pictures()] == names
        assert [hit.path.name for hit in engine.search_id(1, 1)] == names[:1]
        assert engine.ids("path glob '*caf?.png'") == [1]


# Changes -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("where", ["folder", "milvus"])
def test_add_and_remove(where: str, pictures: Path, index: Path, tmp_path: Path) -> None:
    """The same steps and reports over both stores."""
    place: Path | str = index
    if where == "milvus":
        place = uri_of(tmp_path)
        migrate(index, place)
    more, config = tmp_path / "more", BuildConfig(device="cpu", workers=2)
    fill(more, 2, first=30)
    (more / "label0" / "copy.png").write_bytes((pictures / "label0" / "0000.png").read_bytes())
    (more / "broken.png").write_bytes(b"no picture")
    with open_index(place) as before:
        report = add(place, [more], config)
        assert (report.added, report.embedded, report.images, len(report.skipped)) == (3, 2, 15, 1)
        assert before.stale
    report = add(place, [more], config)
    assert (report.added, report.unchanged, report.embedded) == (0, 3, 0)
    changed = more / "label0" / "0030.png"
    draw(77).save(changed)
    moved = more / "label1" / "moved.png"
    (more / "label1" / "0031.png").rename(moved)
    report = add(place, [more], config)
    assert (report.changed, report.moved, report.embedded, report.images) == (1, 1, 1, 15)
    with open_index(place) as engine:
        assert engine.search(changed, 1)[0].path == changed
        assert engine.search(changed, 1)[0].distance == 0
        (hit,) = engine.search(moved, 1)
        assert (hit.path, hit.label) == (moved, "label1")
        copies = [hit.path for hit in engine.search(pictures / "label0" / "0000.png", 2, where="label = label0")]
        assert copies == [pictures / "label0" / "0000.png", more / "label0" / "copy.png"]
        ids = engine.ids()
    assert remove(place, globs=["moved.png"], dry_run=True).removed == 1
    report = remove(place, paths=[pictures / "label2"], ids=[1], where="label = label1 and id < 7")
    assert (report.removed, report.images) == (7, 8)
    for wrong in ({"ids": [1]}, {"globs": ["nothing*"]}, {"where": "label = lable0"}, {"paths": [tmp_path / "x"]}):
        with pytest.raises(Exception, match="nothing was removed"):
            remove(place, **wrong)
    with open_index(place) as engine:
        assert len(engine) == 8
        assert engine.labels() == {"label0": 5, "label1": 3}
    add(place, [pictures / "label2" / "0002.png"], config)
    with open_index(place) as engine:
        assert engine.picture(max(engine.ids())).label == "label2" if where == "folder" else True
        assert max(engine.ids()) > max(ids), "an id is not used twice"
    assert inspect(place).whole


def test_build_in_milvus_follows_the_folder(pictures: Path, tmp_path: Path, cache: Path) -> None:
    uri = uri_of(tmp_path)
    report = build_in_store(pictures, uri, FAST, MigrateConfig(index_type="FLAT"))
    assert (report.added, report.images) == (12, 12)
    gone = pictures / "label0" / "0003.png"
    gone.unlink()
    fill(pictures, 1, first=40)
    report = build_in_store(pictures, uri, BuildConfig(device="cpu"))
    assert (report.added, report.removed, report.unchanged, report.embedded, report.images) == (1, 1, 11, 1, 12)
    with open_index(uri) as engine:
        assert str(gone) not in {str(each.path) for each in engine.pictures()}
        assert engine.info().kind == "milvus FLAT"
    assert not any((cache / "work").iterdir())
    build(pictures, tmp_path / "i", FAST)
    with open_index(uri) as there, open_index(tmp_path / "i") as here:
        query = there.embed(draw(3))
        found = [[(hit.path, hit.distance) for hit in each.search_vectors(query, 5)[0]] for each in (there, here)]
        assert found[0] == found[1]
        assert np.allclose(query, here.embed(draw(3)))


# Commands ------------------------------------------------------------------------------------------------------------


def test_the_commands(pictures: Path, index: Path, tmp_path: Path) -> None:
    def run(*words: object) -> str:
        done = CliRunner().invoke(app, [str(each) for each in words], catch_exceptions=False)
        assert done.exit_code == 0, done.output
        return done.stdout

    uri = uri_of(tmp_path)
    assert json.loads(run("migrate", index, uri, "--param", "M=8", "--json"))["pictures"] == 12
    about = json.loads(run("info", uri, "--json"))
    assert {"path": uri, "images": 12, "kind": "milvus HNSW", "segments": 0}.items() <= about.items()
    assert "kind      milvus HNSW" in run("info", uri)
    asked = ["--id", 2, "-k", 3, "--where", "label = label0", "--json"]
    assert run("query", "--index", uri, *asked) == run("query", "--index", index, *asked)
    nothing = json.loads(run("query", "--index", uri, "--id", 2, "--where", "label = lable1", "--json"))["nothing"]
    assert nothing == "no picture matches label = lable1; nearest label: label1"
    fill(tmp_path / "more", 1, first=50)
    assert json.loads(run("add", tmp_path / "more", "--index", uri, "--json"))["added"] == 1
    assert json.loads(run("remove", "--index", uri, "--id", 3, "--json"))["images"] == 12
    assert "OK, no damage found" in run("check", uri)
    assert json.loads(run("migrate", uri, tmp_path / "back", "--kind", "flat", "--json"))["kind"] == "flat"
    for words in (["--store", "milvus"], ["--uri", uri], ["--store", "milvus", "--uri", uri, "--kind", "hnsw"]):
        done = CliRunner().invoke(app, ["build", str(pictures), *words])
        assert done.exit_code == 2, done.output
