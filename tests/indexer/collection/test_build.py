"""Building: what an index holds after a first build, and after the folder changed."""

import json
import os
import shutil
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from indexer.collection.build import build
from indexer.health.check import check
from indexer.pipeline.lock import writer_lock
from search import DataError, EncoderError, IndexFolderError, IndexLockedError, PictureError, open_index
from search.encoders import load_encoder
from search.pictures.decode import load_picture
from search.store.migrations import OLDEST_READABLE
from tests.conftest import FAST, draw, fill
from tests.older_catalogs import downgrade


def test_every_picture_is_found_by_itself(pictures: Path, index: Path) -> None:
    with open_index(index) as engine:
        assert len(engine) == 12
        for path in sorted(pictures.rglob("*.png")):
            hit = engine.search(path, k=1)[0]
            assert hit.path == path
            assert hit.label == path.parent.name
            assert hit.distance == pytest.approx(0.0, abs=1e-6)


def test_vectors_are_those_of_the_encoder(index: Path) -> None:
    encoder = load_encoder("color-layout")
    with open_index(index) as engine:
        records, vectors = engine.vectors()
        for record, vector in zip(records, vectors, strict=True):
            expected = encoder.encode([load_picture(record.path, target=encoder.input_size)])[0]
            np.testing.assert_allclose(vector, expected, atol=1e-6)
            np.testing.assert_array_equal(engine.vector(record.id), vector)


def test_second_build_of_an_unchanged_folder_embeds_nothing(pictures: Path, index: Path) -> None:
    before = sorted(path.name for path in (index / "segments").iterdir())
    report = build(pictures, index, FAST)
    assert (report.embedded, report.added, report.unchanged) == (0, 0, 12)
    assert sorted(path.name for path in (index / "segments").iterdir()) == before
    assert check(index) == []


def test_folder_changes_are_followed(pictures: Path, index: Path) -> None:
    with open_index(index) as engine:
        ids = {record.path: record.id for record in engine.pictures()}
    changed, moved, removed = (pictures / "label0" / f"{n:04d}.png" for n in (0, 3, 6))
    target = pictures / "elsewhere" / "moved \u2603.png"
    target.parent.mkdir()
    draw(100).save(changed)
    moved.rename(target)
    removed.unlink()
    fill(pictures, 2, first=200)
    report = build(pictures, index, FAST)
    assert (report.changed, report.moved, report.removed, report.added) == (1, 1, 1, 2)
    assert report.embedded == 3, "the moved picture is known by its content"
    assert check(index) == []
    with open_index(index) as engine:
        paths = {record.path: record for record in engine.pictures()}
        assert set(paths) == set(pictures.rglob("*.png"))
        assert paths[changed].id == ids[changed]
        assert paths[target].id == ids[moved]
        assert paths[target].label == "elsewhere"
        for path in paths:
            assert engine.search(path, k=20)[0].path == path
            assert len(engine.search(path, k=20)) == 13


def test_what_comes_back_is_not_embedded_again(pictures: Path, index: Path, tmp_path: Path) -> None:
    away = tmp_path / "away.png"
    shutil.move(pictures / "label1" / "0001.png", away)
    assert build(pictures, index, FAST).removed == 1
    shutil.move(away, pictures / "label2" / "back.png")
    report = build(pictures, index, FAST)
    assert (report.added, report.embedded) == (1, 0)
    with open_index(index) as engine:
        hit = engine.search(pictures / "label2" / "back.png", k=1)[0]
        assert (hit.path.name, hit.label) == ("back.png", "label2")


def test_equal_pictures_are_embedded_once_and_all_found(pictures: Path, index: Path) -> None:
    original = pictures / "label0" / "0000.png"
    copies = [pictures / "label1" / f"copy{n}.png" for n in range(3)]
    for copy in copies:
        shutil.copy(original, copy)
    report = build(pictures, index, FAST)
    assert (report.added, report.embedded) == (3, 0)
    with open_index(index) as engine:
        hits = engine.search(original, k=5)
        assert [hit.path for hit in hits[:4]] == [original, *copies], "ties by id"
        assert [hit.distance for hit in hits[:4]] == [0.0] * 4
        assert hits[4].distance > 0


def test_another_folder_is_added_beside(pictures: Path, index: Path, tmp_path: Path) -> None:
    fill(tmp_path / "more", 4, first=50)
    assert build(tmp_path / "more", index, FAST).added == 4
    assert build(pictures, index, FAST).removed == 0
    with open_index(index) as engine:
        assert len(engine) == 16
        assert engine.info().kind == "flat"
        assert len(engine.info().segments) == 2


def test_a_moved_root_costs_no_embedding(pictures: Path, index: Path, tmp_path: Path) -> None:
    pictures.rename(tmp_path / "renamed")
    report = build(tmp_path / "renamed", index, FAST)
    assert (report.moved, report.embedded, report.images) == (12, 0, 12)


def test_a_touched_file_keeps_its_vector(pictures: Path, index: Path) -> None:
    os.utime(pictures / "label0" / "0000.png", (1, 1))
    report = build(pictures, index, FAST)
    assert (report.embedded, report.changed, report.removed, report.images) == (0, 0, 0, 12)
    assert build(pictures, index, FAST).unchanged == 12


def test_labels_from_a_csv(pictures: Path, tmp_path: Path) -> None:
    table = tmp_path / "labels.csv"
    table.write_text("path,label\nlabel0/0000.png,cat\n" + f"{pictures / 'label1' / '0001.png'},d\u00f6g\n", "utf-8")
    build(pictures, tmp_path / "i", replace(FAST, labels=str(table)))
    with open_index(tmp_path / "i") as engine:
        assert engine.labels() == {"cat": 1, "d\u00f6g": 1}
        assert [hit.path.name for hit in engine.search(draw(0), k=5, where={"label": "cat"})] == ["0000.png"]


def test_new_labels_need_no_embedding(pictures: Path, index: Path) -> None:
    assert build(pictures, index, replace(FAST, labels="none")).embedded == 0
    with open_index(index) as engine:
        assert engine.labels() == {}


def test_broken_pictures_are_named_and_the_run_goes_on(pictures: Path, tmp_path: Path) -> None:
    (pictures / "broken.jpg").write_bytes(b"no picture")
    (pictures / "empty.png").touch()
    report = build(pictures, tmp_path / "i", FAST)
    assert report.images == 12
    assert {path.name for path, _ in report.skipped} == {"broken.jpg", "empty.png"}
    assert all(reason for _, reason in report.skipped)


def test_a_picture_that_breaks_leaves_the_index(pictures: Path, index: Path) -> None:
    path = pictures / "label0" / "0000.png"
    path.write_bytes(path.read_bytes()[:60])
    report = build(pictures, index, FAST)
    assert (report.removed, len(report.skipped), report.images) == (1, 1, 11)


@pytest.mark.thinned(3)
@pytest.mark.parametrize("kind", ["flat", "pq4", "hnsw", "hnsw8", "ivf", "ivfpq", "ivfpq4", "hnswlib", "turbovec"])
@pytest.mark.parametrize("count", [1, 40])
def test_every_kind_is_built_reopened_and_living(kind: str, count: int, tmp_path: Path) -> None:
    pictures, index = tmp_path / "p", tmp_path / "i"
    paths = fill(pictures, count)
    build(pictures, index, replace(FAST, kind=kind))
    paths += fill(pictures, 3, first=100)
    paths.remove(pictures / "label0" / "0000.png")
    (pictures / "label0" / "0000.png").unlink()
    build(pictures, index, replace(FAST, kind=kind))
    assert check(index) == []
    with open_index(index) as engine:
        assert engine.info().kind == kind
        for path in paths:
            hits = engine.search(path, k=100)
            assert len(hits) == len(paths)
            assert hits[0].path == path
            assert hits[0].distance == pytest.approx(0, abs=1e-6)


def test_one_writer_at_a_time(pictures: Path, index: Path) -> None:
    with writer_lock(index), pytest.raises(IndexLockedError, match=f"process {os.getpid()} since"):
        build(pictures, index, FAST)
    assert build(pictures, index, FAST).unchanged == 12


def test_another_encoder_is_refused(pictures: Path, index: Path) -> None:
    with pytest.raises(EncoderError, match="color-layout"):
        build(pictures, index, replace(FAST, encoder="torchvision:resnet18@random"))
    assert build(pictures, index, replace(FAST, encoder=None)).unchanged == 12


@pytest.mark.parametrize("name", ["missing", "empty"])
def test_no_pictures_is_an_error_and_changes_nothing(name: str, pictures: Path, index: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match=name):
        build(tmp_path / name, tmp_path / "new", FAST)
    assert not (tmp_path / "new").exists()
    shutil.rmtree(pictures)
    pictures.mkdir()
    with pytest.raises(DataError):
        build(pictures, index, FAST)
    with open_index(index) as engine:
        assert len(engine) == 12, "an unmounted disk does not empty the index"


def test_opening_names_what_is_wrong(pictures: Path, index: Path, tmp_path: Path) -> None:
    with pytest.raises(IndexFolderError, match="twinlens build"):
        open_index(tmp_path / "nowhere")
    vectors = next((index / "segments").glob("*.npy"))
    data = vectors.read_bytes()
    vectors.write_bytes(data[:-4])
    with pytest.raises(IndexFolderError, match=vectors.name):
        open_index(index)
    vectors.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    assert any(vectors.name in finding for finding in check(index))
    vectors.write_bytes(data)
    (index / "catalog.sqlite").write_bytes(b"SQLite format 3\0" + bytes(200))
    with pytest.raises(IndexFolderError, match=r"catalog\.sqlite"):
        open_index(index)


def test_an_index_of_the_future_is_refused(index: Path) -> None:
    with sqlite3.connect(index / "catalog.sqlite") as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()
    (index / "catalog.seal").unlink()  # it vouches for the bytes as they were
    with pytest.raises(IndexFolderError, match="upgrade"):
        open_index(index)


def test_damaged_encoder_is_refused(pictures: Path, index: Path) -> None:
    manifest = next(index.glob("encoders/*/encoder.json"))
    manifest.write_text(json.dumps({"family": "color-layout"}))
    with open_index(index) as engine, pytest.raises(IndexFolderError, match=r"encoder\.json"):
        engine.embed(pictures / "label0" / "0000.png")


def test_a_reader_keeps_its_snapshot(pictures: Path, index: Path) -> None:
    with open_index(index) as engine:
        assert not engine.stale
        (pictures / "label0" / "0000.png").unlink()
        fill(pictures, 3, first=70)
        build(pictures, index, FAST)
        assert engine.stale
        assert len(engine) == 12
        assert engine.search(draw(0), k=1)[0].path.name == "0000.png"
        assert engine.search(draw(70), k=1)[0].path.name != "0070.png"
    with open_index(index) as engine:
        assert not engine.stale
        assert len(engine) == 14


def test_a_catalog_without_a_generation_is_at_its_first(pictures: Path, index: Path) -> None:
    """The oldest readable format has tables for settings, and need not hold this one."""
    downgrade(index, OLDEST_READABLE)
    with closing(sqlite3.connect(index / "catalog.sqlite")) as connection, connection:
        assert connection.execute("DELETE FROM settings WHERE key = 'generation'").rowcount == 1
    with open_index(index) as engine:
        assert not engine.stale
        assert engine.refresh() is engine
        assert engine.catalog.generation() == 0
        fill(pictures, 3, first=70)
        build(pictures, index, FAST)
        assert engine.stale
        with engine.refresh() as newer:
            assert len(newer) == 15
            assert not newer.stale


def test_odd_names(tmp_path: Path) -> None:
    names = [b"caf\xc3\xa9 \xf0\x9f\x98\x80.png", b"new\nline.png", b"not-utf8-\xff\xfe.png", b"quote'\".png"]
    names.append(b"UPPER.PNG")
    folder = tmp_path / "p"
    folder.mkdir()
    for seed, name in enumerate(names):
        draw(seed).save(tmp_path / "one.png")
        shutil.copy(tmp_path / "one.png", os.path.join(os.fsencode(folder), name))  # noqa: PTH118
    build(folder, tmp_path / "i", FAST)
    assert build(folder, tmp_path / "i", FAST).unchanged == len(names)
    with open_index(tmp_path / "i") as engine:
        for seed, name in enumerate(names):
            assert os.fsencode(engine.search(draw(seed), k=1)[0].path.name) == name


def test_a_bad_query_picture_is_named(index: Path, tmp_path: Path) -> None:
    (tmp_path / "bad.jpg").write_bytes(b"\xff\xd8\xff")
    with open_index(index) as engine, pytest.raises(PictureError, match=r"bad\.jpg"):
        engine.search(tmp_path / "bad.jpg")
