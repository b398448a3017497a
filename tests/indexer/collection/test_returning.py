"""Removed pictures that come back: their metadata, labels and enrolments do too, for a while, unless purged."""

import json
import os
import shutil
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from indexer.collection import remove as removing
from indexer.collection.add import add
from indexer.collection.build import build
from indexer.collection.rebuild import rebuild
from indexer.collection.remove import remove
from indexer.collection.sync import sync
from indexer.health.check import check
from indexer.metadata.load import drop_column, load_metadata
from indexer.people.enroll import enroll, unenroll
from indexer.pipeline.writer import open_writer
from search import QueryError, open_index
from search.chunks import chunks
from search.config import EnrollConfig, RetainConfig
from search.store import retained as retaining
from search.store.catalog import CATALOG_NAME
from tests.command_line import twinlens
from tests.conftest import FAST, draw, fill

SECRET = "Zanzibar-4711"
CSV = f"""path,price,seen,real,day,note
label0/0000.png,7,true,1.5,2024-05-01,{SECRET}
label1/0001.png,8,false,2,2024-05-02,"a ""quoted"" note, ü"
"""


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder of 6 pictures of 3 labels, indexed, two of them with metadata."""
    fill(tmp_path / "p", 6)
    (tmp_path / "m.csv").write_text(CSV, "utf-8")
    build(tmp_path / "p", tmp_path / "i", FAST)
    load_metadata(tmp_path / "i", tmp_path / "m.csv", root=tmp_path / "p")
    return tmp_path


def known(index: Path) -> dict[str, dict[str, object]]:
    """File name -> what is known of it."""
    with open_index(index, device="cpu") as engine:
        records = engine.pictures()
        values = engine.metadata([record.id for record in records])
        return {r.path.name: {"label": r.label, **values.get(r.id, {})} for r in records}


def take_away(place: Path, name: str = "0000.png") -> Path:
    [path] = (place / "p").rglob(name)
    shutil.move(path, place / name)
    return path


@pytest.fixture
def row(tmp_path: Path) -> Path:
    """Four pictures in one folder, 0.png to 3.png, with their numbers for metadata."""
    (tmp_path / "p").mkdir()
    lines = ["path,was"]
    for number in range(4):
        draw(number).save(tmp_path / "p" / f"{number}.png")
        lines.append(f"{number}.png,{number}")
    (tmp_path / "m.csv").write_text("\n".join(lines))
    build(tmp_path / "p", tmp_path / "i", FAST)
    load_metadata(tmp_path / "i", tmp_path / "m.csv", root=tmp_path / "p")
    return tmp_path


def rename(folder: Path, names: dict[str, str]) -> None:
    for old in names:
        (folder / old).rename(folder / f"{old}.aside")
    for old, new in names.items():
        (folder / f"{old}.aside").rename(folder / new)


def numbers(index: Path) -> dict[str, object]:
    return {name.removesuffix(".png"): each.get("was") for name, each in known(index).items()}


@pytest.mark.thinned(3)
@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ("0>1 1>0", {"0": 1, "1": 0, "2": 2, "3": 3}),  # two change places
        ("0>1 1>2 2>0", {"0": 2, "1": 0, "2": 1, "3": 3}),
        ("0>1 1>2 2>3 3>4", {"1": 0, "2": 1, "3": 2, "4": 3}),  # a renumbering
        ("1>0 2>1 3>2 0>9", {"0": 1, "1": 2, "2": 3, "9": 0}),
    ],
)
@pytest.mark.parametrize("verb", [build, sync])
def test_metadata_follows_files_that_change_their_names_among_themselves(
    verb: object, names: str, expected: dict[str, int], row: Path
) -> None:
    pairs = dict(each.split(">") for each in names.split())
    rename(row / "p", {f"{old}.png": f"{new}.png" for old, new in pairs.items()})
    report = verb(row / "p", row / "i", FAST)  # type: ignore[operator]
    assert (report.moved, report.added, report.changed, report.removed, report.embedded) == (len(pairs), 0, 0, 0, 0)
    assert numbers(row / "i") == expected
    assert check(row / "i") == []
    rebuild(row / "i", FAST)
    assert numbers(row / "i") == expected


def test_metadata_stays_with_a_file_that_was_edited_beside_a_copy_of_it(row: Path) -> None:
    shutil.copy(row / "p" / "0.png", row / "p" / "backup.png")
    draw(50).save(row / "p" / "0.png")
    shutil.copy(row / "p" / "2.png", row / "p" / "1.png")
    (row / "p" / "3.png").replace(row / "p" / "2.png")
    sync(row / "p", row / "i", FAST)
    assert numbers(row / "i") == {"0": 0, "1": 1, "2": 2, "backup": None}
    assert check(row / "i") == []


@pytest.mark.thinned(3)
@pytest.mark.parametrize("away", ["sync", "build", "remove", "remove by filter", "missing"])
@pytest.mark.parametrize("back", ["sync", "build", "add"])
def test_metadata_comes_back_however_it_went(away: str, back: str, place: Path) -> None:
    index, before = place / "i", known(place / "i")
    path = take_away(place)
    if away == "sync":
        sync(place / "p", index, FAST)
    elif away == "build":
        build(place / "p", index, FAST)
    elif away == "remove":
        remove(index, paths=[path])
    elif away == "remove by filter":
        remove(index, where="price = 7")
    else:
        shutil.move(place / "p" / "label0", place / "label0")
        assert sync(place / "p", index, replace(FAST, allow_missing=True)).removed == 2
        shutil.move(place / "label0", place / "p" / "label0")
    assert path.name not in known(index)
    shutil.move(place / path.name, path)
    if back == "add":
        report = add(index, [place / "p"], FAST)
    else:
        report = (sync if back == "sync" else build)(place / "p", index, FAST)
    assert known(index) == before
    assert (report.returned, report.embedded) == (1, 0)
    assert check(index) == []
    with open_index(index, device="cpu") as engine:
        assert engine.catalog.retained.count() == 0, "what came back is retained no longer"


def test_it_comes_back_at_another_path_and_after_a_rebuild(place: Path) -> None:
    path = take_away(place)
    sync(place / "p", place / "i", FAST)
    rebuild(place / "i", FAST)
    shutil.move(place / path.name, place / "p" / "label2" / "other.png")
    assert sync(place / "p", place / "i", FAST).returned == 1
    found = known(place / "i")["other.png"]
    assert (found["price"], found["note"], found["label"]) == (7, SECRET, "label2")


def test_copies_get_back_each_its_own_and_a_copy_of_what_is_there_gets_nothing(place: Path) -> None:
    index, first = place / "i", place / "p" / "label0" / "0000.png"
    copy = place / "p" / "label1" / "copy.png"
    shutil.copy(first, copy)
    sync(place / "p", index, FAST)
    assert "price" not in known(index)["copy.png"]
    (place / "c.csv").write_text(f"path,price\n{copy},99\n")
    load_metadata(index, place / "c.csv")
    remove(index, paths=[first, copy])
    sync(place / "p", index, FAST)
    assert (known(index)["0000.png"]["price"], known(index)["copy.png"]["price"]) == (7, 99)
    remove(index, paths=[first])
    first.unlink()
    shutil.copy(copy, place / "p" / "label2" / "third.png")
    sync(place / "p", index, FAST)
    assert "price" not in known(index)["third.png"], "a copy of a picture that is there is no return"


def test_a_picture_that_was_found_elsewhere_while_its_disk_was_away(place: Path) -> None:
    index = place / "i"
    shutil.move(place / "p" / "label0", place / "label0")
    shutil.copy(place / "label0" / "0000.png", place / "p" / "label1" / "copy.png")
    report = sync(place / "p", index, FAST)
    assert (report.moved, report.kept) == (1, 1)
    assert known(index)["copy.png"]["price"] == 7
    shutil.move(place / "label0", place / "p" / "label0")
    sync(place / "p", index, FAST)
    assert known(index)["0000.png"]["price"] == 7, "it moved nowhere"
    assert known(index)["copy.png"]["price"] == 7


def test_half_a_copied_file_costs_no_metadata(place: Path) -> None:
    path = place / "p" / "label0" / "0000.png"
    draw(77).save(place / "new.png")
    path.write_bytes((place / "new.png").read_bytes()[:80])
    assert sync(place / "p", place / "i", FAST).removed == 1
    shutil.copy(place / "new.png", path)
    assert sync(place / "p", place / "i", FAST).added == 1
    assert known(place / "i")["0000.png"]["note"] == SECRET, "as where the file was changed at once"
    remove(place / "i", paths=[path])
    draw(78).save(path)
    sync(place / "p", place / "i", FAST)
    assert "note" not in known(place / "i")["0000.png"], "another picture at the path of a removed one is another one"


def test_labels_of_a_csv_come_back_at_another_path(place: Path) -> None:
    table = place / "labels.csv"
    table.write_text("path,label\nlabel0/0000.png,heron\nlabel1/0001.png,stork\n")
    config = replace(FAST, labels=str(table))
    sync(place / "p", place / "i", config)
    path = take_away(place)
    sync(place / "p", place / "i", config)
    shutil.move(place / path.name, place / "p" / "label2" / "again.png")
    sync(place / "p", place / "i", config)
    assert known(place / "i")["again.png"]["label"] == "heron"
    assert known(place / "i")["0001.png"]["label"] == "stork"


def test_folder_names_are_not_retained_as_labels(place: Path) -> None:
    path = take_away(place, "0002.png")
    sync(place / "p", place / "i", FAST)
    shutil.move(place / path.name, place / "p" / "top.png")
    sync(place / "p", place / "i", FAST)
    assert known(place / "i")["top.png"]["label"] is None


@pytest.mark.slow
def test_enrolments_come_back_after_a_rebuild_that_lost_them(place: Path) -> None:
    index, path = place / "i", place / "p" / "portrait.png"
    draw(999, (128, 128)).save(path)
    sync(place / "p", index, FAST)
    enroll(index, "Somebody", [path], EnrollConfig(device="cpu", force=True))
    shutil.move(path, place / "portrait.png")
    other = replace(FAST, encoder="torchvision:resnet18@random")
    rebuild(index, other, drop_missing=True)
    with open_index(index, device="cpu") as engine:
        assert engine.identities() == []
    shutil.move(place / "portrait.png", path)
    sync(place / "p", index, replace(other, encoder=None))
    with open_index(index, device="cpu") as engine:
        assert [each.name for each in engine.identities()] == ["Somebody"]
        np.testing.assert_allclose(engine.gallery.vectors[0], engine.embed(path), atol=1e-4)
    assert check(index) == []


@pytest.mark.slow
def test_somebody_unenrolled_does_not_come_back(place: Path) -> None:
    index, path, second = place / "i", place / "p" / "portrait.png", place / "second.png"
    draw(999, (128, 128)).save(path)
    draw(998, (128, 128)).save(second)
    sync(place / "p", index, FAST)
    enroll(index, "Somebody", [path, second], EnrollConfig(device="cpu", force=True))
    shutil.move(path, place / "portrait.png")
    other = replace(FAST, encoder="torchvision:resnet18@random")
    rebuild(index, other, drop_missing=True)
    unenroll(index, ["Somebody"])
    shutil.move(place / "portrait.png", path)
    sync(place / "p", index, FAST.__class__(device="cpu"))
    with open_index(index, device="cpu") as engine:
        assert engine.identities() == []


def raw(index: Path) -> bytes:
    return b"".join(file.read_bytes() for file in index.glob(f"{CATALOG_NAME}*"))


@pytest.mark.parametrize("how", ["remove --purge", "rebuild --purge", "retain nothing"])
def test_what_is_purged_does_not_come_back_and_leaves_no_bytes(how: str, place: Path) -> None:
    index = place / "i"
    if how == "retain nothing":
        rebuild(index, FAST, retain_days=0)
    path = take_away(place)
    remove(index, paths=[path], purge=how == "remove --purge")
    if how == "rebuild --purge":
        assert SECRET.encode() in raw(index), "remove alone retains"
        assert any("1 removed pictures" in note for note in rebuild(index, FAST, purge=True).notes)
    assert SECRET.encode() not in raw(index)
    shutil.move(place / path.name, path)
    assert sync(place / "p", index, FAST).returned == 0
    assert set(known(index)["0000.png"]) == {"label"}


def test_a_purge_reaches_what_is_retained_of_the_path_before_a_move(place: Path) -> None:
    index, path = place / "i", place / "p" / "label0" / "0000.png"
    shutil.move(place / "p" / "label0", place / "away")  # a disk that is not mounted
    shutil.copy(place / "away" / path.name, place / "p" / "label1" / "found.png")
    assert sync(place / "p", index, FAST).moved == 1
    remove(index, paths=[place / "p" / "label1" / "found.png"], purge=True)
    (place / "p" / "label1" / "found.png").unlink()
    shutil.move(place / "away", place / "p" / "label0")
    sync(place / "p", index, FAST)
    assert known(index)["0000.png"].get("price") is None


def test_it_is_retained_for_as_long_as_documented(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    index = place / "i"
    removed: list[Path] = [take_away(place, name) for name in ("0000.png", "0001.png")]

    def at(days: float) -> None:
        moment = (datetime.now(UTC) - timedelta(days=days)).isoformat(timespec="seconds")
        monkeypatch.setattr(retaining, "utc_now", lambda: moment)

    at(RetainConfig.days + 1)
    remove(index, paths=[removed[0]])
    at(RetainConfig.days - 1)
    remove(index, paths=[removed[1]])
    monkeypatch.undo()
    for path in removed:
        shutil.move(place / path.name, path)
    assert sync(place / "p", index, FAST).returned == 1
    assert "note" not in known(index)["0000.png"]
    assert "note" in known(index)["0001.png"]
    assert SECRET.encode() not in raw(index), "what is over is deleted by the next commit"


def test_the_time_is_a_setting(place: Path) -> None:
    with pytest.raises(QueryError, match="0 to 36,500 days"):
        rebuild(place / "i", FAST, retain_days=-1)
    for wrong in (-1, 36_501):
        assert twinlens("rebuild", "--index", place / "i", "--retain-days", wrong).returncode == 2
    done = twinlens("rebuild", "--index", place / "i", "--retain-days", 7)
    assert done.returncode == 0, done.stderr
    with open_index(place / "i") as engine:
        assert engine.catalog.retained.days() == 7


def test_dropped_columns_leave_what_is_retained_too(place: Path) -> None:
    index, path = place / "i", take_away(place)
    remove(index, paths=[path])
    drop_column(index, "note")
    assert SECRET.encode() not in raw(index)
    shutil.move(place / path.name, path)
    assert sync(place / "p", index, FAST).returned == 1
    assert known(index)["0000.png"]["price"] == 7
    assert "note" not in known(index)["0000.png"]


def test_values_of_every_sort_come_back_as_they_were(place: Path) -> None:
    index, odd = place / "i", place / "p" / "label0" / os.fsdecode(b"caf\xe9 [x].png")
    draw(55).save(place / "x.png")
    (place / "x.png").rename(odd)
    sync(place / "p", index, FAST)
    with open_index(index) as engine:
        number = next(record.id for record in engine.pictures() if record.path == odd)
    rows = {"id": number, "big": 2**62, "tiny": -1e-300, "whole": 5.0, "text": "\U0001f600 ' \" \\ \n", "no": None}
    (place / "m.jsonl").write_text(json.dumps(rows) + "\n" + json.dumps({"id": 1, "whole": 5.5, "no": "x"}) + "\n")
    load_metadata(index, place / "m.jsonl")
    before = known(index)
    remove(index, paths=[odd])
    sync(place / "p", index, FAST)
    assert known(index) == before
    assert {name: type(value) for name, value in known(index)[odd.name].items()} == {
        name: type(value) for name, value in before[odd.name].items()
    }


def test_many_pictures_come_back_in_pages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retaining, "chunks", partial(chunks, size=4))
    monkeypatch.setattr(removing, "_AT_ONCE", 3)
    paths = fill(tmp_path / "p", 23)
    build(tmp_path / "p", tmp_path / "i", FAST)
    rows = "".join(f"{path},{number}\n" for number, path in enumerate(paths))
    (tmp_path / "m.csv").write_text("path,number\n" + rows)
    load_metadata(tmp_path / "i", tmp_path / "m.csv")
    before = known(tmp_path / "i")
    remove(tmp_path / "i", paths=[tmp_path / "p"])
    assert known(tmp_path / "i") == {}
    assert sync(tmp_path / "p", tmp_path / "i", FAST).returned == 23
    assert known(tmp_path / "i") == before


def test_commands(place: Path) -> None:
    path = take_away(place)
    done = twinlens("remove", "--index", place / "i", path, "--purge", "--dry-run")
    assert done.returncode == 0
    done = twinlens("remove", "--index", place / "i", path)
    shutil.move(place / path.name, path)
    done = twinlens("sync", place / "p", "--index", place / "i")
    assert "1 picture came back, with metadata" in done.stdout
    done = twinlens("rebuild", "--index", place / "i", "--purge")
    assert "deleted what was retained of 0 removed pictures" in done.stdout
    with open_writer(place / "i") as catalog:
        assert catalog.retained.count() == 0
