"""Add, remove, sync and rebuild: what they change, what they embed, and that searches are right at once."""

import json
import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from indexer.collection.add import add
from indexer.collection.build import build
from indexer.collection.rebuild import rebuild
from indexer.collection.remove import remove
from indexer.collection.sync import sync
from indexer.health.check import check
from indexer.people.enroll import enroll
from indexer.pipeline.lock import HOLDER_NAME
from indexer.pipeline.scan import FoundFile, scan
from indexer.pipeline.writer import open_writer
from search import DataError, IndexFolderError, IndexLockedError, QueryError, open_index
from search.config import EnrollConfig
from search.encoders.color_layout import ColorLayoutEncoder
from search.indexes import KINDS, index_class
from tests.conftest import FAST, draw, fill

ALL_KINDS = sorted(KINDS)


@pytest.fixture
def embedded(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Sizes of the batches that the encoder was asked for."""
    sizes: list[int] = []
    encode = ColorLayoutEncoder.encode_prepared

    def counted(self: ColorLayoutEncoder, batch: np.ndarray) -> np.ndarray:
        sizes.append(len(batch))
        return encode(self, batch)

    monkeypatch.setattr(ColorLayoutEncoder, "encode_prepared", counted)
    return sizes


@pytest.fixture
def place(tmp_path: Path) -> Path:
    fill(tmp_path / "p", 12)
    build(tmp_path / "p", tmp_path / "i", FAST)
    return tmp_path


def assert_right(index: Path, expected: set[Path]) -> None:
    """The index is whole, holds these pictures, and answers as brute force does."""
    assert check(index) == []
    with open_index(index) as engine:
        records, vectors = engine.vectors()
        assert {record.path for record in records} == expected
        assert len(engine) == len(expected)
        for record, vector in zip(records, vectors, strict=True):
            hits = engine.search_id(record.id, k=len(expected) + 5)
            assert len(hits) == len(expected)
            distances = np.linalg.norm(vectors - vector, axis=1)
            np.testing.assert_allclose([hit.distance for hit in hits], np.sort(distances), atol=1e-5)
            order = sorted(zip(distances.round(6), [r.id for r in records], strict=True))
            assert hits[0].distance == pytest.approx(0, abs=1e-5)
            assert {hit.id for hit in hits} == {number for _, number in order}


def paths(folder: Path) -> set[Path]:
    return {path for path in folder.rglob("*") if path.suffix == ".png"}


@pytest.mark.thinned(3)
@pytest.mark.parametrize("kind", ALL_KINDS)
def test_every_kind_lives(kind: str, tmp_path: Path, embedded: list[int]) -> None:
    config = replace(FAST, kind=kind)
    fill(tmp_path / "p", 30)
    build(tmp_path / "p", tmp_path / "i", config)
    new = fill(tmp_path / "more", 9, first=500)
    report = add(tmp_path / "i", [tmp_path / "more"], config)
    assert (report.added, report.embedded, report.images, report.kind) == (9, 9, 39, kind)
    gone = sorted(paths(tmp_path / "p"))[:5]
    assert remove(tmp_path / "i", paths=gone).images == 34
    expected = (paths(tmp_path / "p") | set(new)) - set(gone)
    assert_right(tmp_path / "i", expected)
    before = sum(embedded)
    report = rebuild(tmp_path / "i", config)
    assert sum(embedded) == before
    assert (report.images, report.unchanged, report.embedded, report.kind) == (34, 34, 0, kind)
    with open_index(tmp_path / "i") as engine:
        assert len(engine.info().segments) == 1
        assert engine.info().segments[0].rows == 34
    assert_right(tmp_path / "i", expected)


def test_nothing_is_embedded_twice(place: Path, embedded: list[int]) -> None:
    some = sorted(paths(place / "p"))[:3]
    remove(place / "i", paths=some)
    assert add(place / "i", some, FAST).embedded == 0
    shutil.copytree(place / "p", place / "copy")
    report = add(place / "i", [place / "copy"], FAST)
    assert (report.added, report.embedded) == (12, 0)
    some[0].rename(some[0].with_name("renamed.png"))
    assert sync(place / "p", place / "i", FAST).moved == 1
    rebuild(place / "i", replace(FAST, kind="hnswlib"))
    assert embedded == []
    assert_right(place / "i", paths(place / "p") | paths(place / "copy"))


def test_adding_knows_what_moved_and_keeps_labels(place: Path) -> None:
    known = sorted(paths(place / "p"))[0]
    with open_index(place / "i") as engine:
        number, label = next((r.id, r.label) for r in engine.pictures() if r.path == known)
    shutil.move(known, place / "moved.png")
    report = add(place / "i", [place / "moved.png"], FAST)
    assert (report.moved, report.added, report.embedded) == (1, 0, 0)
    with open_index(place / "i") as engine:
        assert engine.picture(number).path == place / "moved.png"
        assert engine.picture(number).label is None
    again = sorted(paths(place / "p"))[0]
    assert add(place / "i", [again], FAST).unchanged == 1
    with open_index(place / "i") as engine:
        assert {r.path: r.label for r in engine.pictures()}[again] == again.parent.name
    fresh = draw(77)
    fresh.save(again.parent / "fresh.png")
    add(place / "i", [again.parent / "fresh.png"], FAST)
    with open_index(place / "i") as engine:
        assert {r.path: r.label for r in engine.pictures()}[again.parent / "fresh.png"] == again.parent.name
    assert label is not None


def test_adding_changed_and_broken_pictures(place: Path) -> None:
    first, second, *_ = sorted(paths(place / "p"))
    draw(900).save(first)
    second.write_bytes(b"no picture")
    report = add(place / "i", [first, second], FAST)
    assert (report.changed, report.embedded, [path for path, _ in report.skipped]) == (1, 1, [second])
    assert_right(place / "i", paths(place / "p") - {second})


def test_adding_makes_an_index(tmp_path: Path) -> None:
    one = fill(tmp_path / "p", 1)
    assert add(tmp_path / "i", one, FAST).images == 1
    assert_right(tmp_path / "i", set(one))


@pytest.mark.parametrize("name", ["Zoë 🐈\n.png", "--help.png", "a'b\"c.png", os.fsdecode(b"caf\xe9.png")])
def test_names_of_every_sort(place: Path, name: str) -> None:
    draw(321).save(place / "x.png")
    file = place / name
    (place / "x.png").rename(file)
    assert add(place / "i", [file], FAST).added == 1
    assert_right(place / "i", paths(place / "p") | {file})
    assert remove(place / "i", paths=[file]).paths == {"removed": [file]}
    assert_right(place / "i", paths(place / "p"))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [(["nowhere.png"], "no such file"), (["empty"], "no pictures there"), ([], "nothing to add")],
)
def test_adding_nothing_is_an_error(place: Path, wrong: list[str], message: str) -> None:
    (place / "empty").mkdir()
    with pytest.raises(DataError, match=message):
        add(place / "i", [place / each for each in wrong], FAST)
    assert_right(place / "i", paths(place / "p"))


def test_removing_by_everything(place: Path) -> None:
    every = sorted(paths(place / "p"))
    with open_index(place / "i") as engine:
        ids = {record.path: record.id for record in engine.pictures()}
    report = remove(place / "i", paths=[every[0].parent], dry_run=True)
    below = {path for path in every if path.parent == every[0].parent}
    assert (set(report.paths["removed"]), report.images, report.dry_run) == (below, 12, True)
    remove(place / "i", ids=[ids[every[-1]]])
    remove(place / "i", globs=[f"{every[0].parent.name}/*0.png"])
    left = set(every[:-1]) - {path for path in below if path.name.endswith("0.png")}
    assert_right(place / "i", left)
    label = next(iter(left)).parent.name
    remove(place / "i", where=f"label = {label}")
    left = {path for path in left if path.parent.name != label}
    assert_right(place / "i", left)
    remove(place / "i", paths=[place / "p"])
    assert_right(place / "i", set())
    with open_index(place / "i") as engine:
        assert engine.search(draw(1), k=3) == []


def test_the_arguments_of_remove_add_up(place: Path) -> None:
    every = sorted(paths(place / "p"))
    with open_index(place / "i") as engine:
        ids = {record.path: record.id for record in engine.pictures()}
    chosen = {"ids": [ids[every[0]]], "globs": [f"{every[1].parent.name}/{every[1].name}"], "where": "width > 1"}
    report = remove(place / "i", **chosen, dry_run=True)  # type: ignore[arg-type]
    assert set(report.paths["removed"]) == set(every)
    chosen["where"] = f"id = {ids[every[2]]}"
    remove(place / "i", **chosen)  # type: ignore[arg-type]
    assert_right(place / "i", set(every[3:]))


@pytest.mark.parametrize(
    "named",
    [{}, {"paths": ["nowhere"]}, {"ids": [99]}, {"ids": [-1]}, {"globs": ["*.tiff"]}, {"where": "label = whale"}],
)
def test_removing_what_is_not_there_removes_nothing(place: Path, named: dict[str, list[object]]) -> None:
    with pytest.raises(QueryError, match="nothing"):
        remove(place / "i", **named)  # type: ignore[arg-type]
    known = sorted(paths(place / "p"))[0]
    if named:
        with pytest.raises(QueryError, match="nothing was removed"):
            remove(place / "i", **{**named, "paths": [known, *named.get("paths", [])]})  # type: ignore[arg-type, list-item]
    assert_right(place / "i", paths(place / "p"))


def test_no_index_there(tmp_path: Path) -> None:
    fill(tmp_path / "p", 2)
    for call in (
        lambda: remove(tmp_path / "i", ids=[1]),
        lambda: sync(tmp_path / "p", tmp_path / "i", FAST),
        lambda: rebuild(tmp_path / "i", FAST),
    ):
        with pytest.raises(IndexFolderError, match="no index here"):
            call()
    assert not (tmp_path / "i").exists()


def test_an_emptied_folder_wipes_nothing(place: Path) -> None:
    shutil.move(place / "p", place / "elsewhere")
    with pytest.raises(DataError):
        sync(place / "p", place / "i", FAST)
    (place / "p").mkdir()
    with pytest.raises(DataError, match="no pictures below"):
        sync(place / "p", place / "i", FAST)
    with open_index(place / "i") as engine:
        assert len(engine) == 12


def test_what_cannot_be_looked_into_stays(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hidden = place / "p" / "label0"
    gone = sorted(paths(place / "p" / "label1"))[0]
    gone.unlink()
    expected = paths(place / "p")

    def partly(
        root: Path, *, leave_out: Path, unreadable: Callable[[Path, OSError], None], **_: object
    ) -> list[FoundFile]:
        unreadable(hidden, PermissionError(13, "Permission denied"))
        return [file for file in scan(root, leave_out=leave_out) if hidden not in file.path.parents]

    monkeypatch.setattr("indexer.pipeline.listing.scan", partly)
    report = sync(place / "p", place / "i", FAST)
    assert (report.removed, report.images) == (1, 11)
    assert [path for path, _ in report.skipped] == [hidden]
    assert "Permission denied" in report.skipped[0][1]
    assert_right(place / "i", expected)


@pytest.mark.slow
def test_another_encoder_beside_the_old_index(place: Path, tmp_path: Path) -> None:
    draw(999, (128, 128)).save(place / "somebody.png")
    enroll(place / "i", "Somebody", [place / "somebody.png"], EnrollConfig(device="cpu", force=True))
    other = replace(FAST, encoder="torchvision:resnet18@random")
    with open_index(place / "i", device="cpu") as before:
        old = before.fingerprint
        report = rebuild(place / "i", other)
        assert (report.embedded, report.unchanged) == (12, 12)
        assert before.stale
        assert len(before.search(sorted(paths(place / "p"))[0], k=3)) == 3, "the old encoder is loaded only now"
    with open_index(place / "i", device="cpu") as after:
        assert after.fingerprint != old
        records, vectors = after.vectors()
        np.testing.assert_allclose(after.embed_many([r.path for r in records]), vectors, atol=1e-4)
        assert [each.name for each in after.identities()] == ["Somebody"]
        np.testing.assert_allclose(after.gallery.vectors[0], after.embed(place / "somebody.png"), atol=1e-4)
    remove(place / "i", ids=[1])
    assert len([each for each in (place / "i" / "encoders").iterdir() if each.is_dir()]) == 1, (
        "nobody needs the old one"
    )
    assert check(place / "i") == []


def test_pictures_that_are_gone_stop_another_encoder(place: Path) -> None:
    draw(999, (128, 128)).save(place / "somebody.png")
    enroll(place / "i", "Somebody", [place / "somebody.png"], EnrollConfig(device="cpu", force=True))
    gone = sorted(paths(place / "p"))[3]
    gone.unlink()
    (place / "somebody.png").unlink()
    other = replace(FAST, encoder="torchvision:resnet18@random")
    with pytest.raises(DataError, match=r"(?s)2 of its pictures cannot be embedded .*--drop-missing.*no such file"):
        rebuild(place / "i", other)
    with open_index(place / "i") as engine:
        assert len(engine) == 12
        assert len(engine.search(sorted(paths(place / "p"))[0], k=20)) == 12
    report = rebuild(place / "i", other, drop_missing=True)
    assert (report.removed, report.embedded) == (1, 11)
    assert_right(place / "i", paths(place / "p"))
    with open_index(place / "i") as engine:
        assert engine.identities() == []


def test_rebuilding_an_empty_index_and_a_single_picture(tmp_path: Path) -> None:
    one = fill(tmp_path / "p", 1)
    add(tmp_path / "i", one, FAST)
    rebuild(tmp_path / "i", FAST)
    assert_right(tmp_path / "i", set(one))
    remove(tmp_path / "i", paths=one)
    assert rebuild(tmp_path / "i", FAST).images == 0
    assert_right(tmp_path / "i", set())
    assert add(tmp_path / "i", one, FAST).embedded == 1
    assert_right(tmp_path / "i", set(one))


def test_old_files_stay_while_somebody_reads_them(place: Path) -> None:
    def files() -> set[str]:
        return {path.name for path in (place / "i" / "segments").iterdir()}

    before = files()
    with open_index(place / "i") as engine:
        rebuild(place / "i", replace(FAST, kind="hnswlib"))
        assert before < files()
        assert len(engine.search_id(1, k=20)) == 12
    remove(place / "i", ids=[1])
    assert not before & files()


def test_two_writers(place: Path) -> None:
    with open_writer(place / "i"):
        for call in (
            lambda: add(place / "i", sorted(paths(place / "p")), FAST),
            lambda: remove(place / "i", ids=[1]),
            lambda: rebuild(place / "i", FAST),
        ):
            with pytest.raises(IndexLockedError, match=rf"process {os.getpid()} since 20"):
                call()
    (place / "i" / HOLDER_NAME).write_text(json.dumps({"process": 1, "since": "2001-01-01T00:00:00+00:00"}))
    assert remove(place / "i", ids=[1]).images == 11, "a note of a dead process holds nobody up"


def test_kinds_are_all_there() -> None:
    assert {"flat", "pq4", "hnsw", "hnsw8", "hnswlib", "ivf", "ivfpq", "ivfpq4"} <= set(ALL_KINDS)
    assert all(index_class(kind).kind == kind for kind in ALL_KINDS)
