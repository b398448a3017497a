"""Labels of pictures: from folders, from a CSV, and from the source that an index remembers."""

from __future__ import annotations

import shutil
import unicodedata
from dataclasses import replace
from pathlib import Path

import pytest

from indexer.calibration.targets import open_target
from indexer.collection.add import add
from indexer.collection.build import build
from indexer.collection.rebuild import rebuild
from indexer.collection.sync import sync
from indexer.evaluation.evaluate import labelled_pictures
from indexer.labels import by_folder, read_labels
from indexer.pipeline.writer import open_writer
from indexer.training.data import read_pictures
from search import DataError, open_index
from search.config import BuildConfig
from tests.conftest import draw
from tests.older_catalogs import forget_settings

SUMMER = "\u00e9t\u00e9/0.jpg"
TABLE = "path,label\nsub/0.png,tabby\nsub/1.png,manx\nsub/2.png,tabby\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three pictures in p/sub."""
    (tmp_path / "p" / "sub").mkdir(parents=True)
    for number in range(3):
        draw(number).save(tmp_path / "p" / "sub" / f"{number}.png")
    (tmp_path / "labels.csv").write_text(TABLE)
    return tmp_path


def config(labels: object = None) -> BuildConfig:
    return BuildConfig(encoder="color-layout", labels=None if labels is None else str(labels))


def labels_of(index: Path) -> dict[str, str | None]:
    with open_index(index) as engine:
        return {record.path.name: record.label for record in engine.pictures()}


CSV_LABELS = {"0.png": "tabby", "1.png": "manx", "2.png": "tabby"}


def test_by_folder(tmp_path: Path) -> None:
    assert by_folder(tmp_path / "1.png", tmp_path) is None
    assert by_folder(tmp_path, tmp_path) is None
    assert by_folder(tmp_path / "cat" / "1.png", tmp_path) == "cat"
    assert by_folder(tmp_path / "train" / "cat" / "1.png", tmp_path) == "train/cat"


@pytest.fixture
def nested(tmp_path: Path) -> Path:
    """Two pictures each in p/a/cats, p/b/cats and p/dogs, and one directly in p."""
    for number, place in enumerate(["a/cats", "a/cats", "b/cats", "b/cats", "dogs", "dogs", "."]):
        (tmp_path / "p" / place).mkdir(parents=True, exist_ok=True)
        draw(number).save(tmp_path / "p" / place / f"{number}.png")
    return tmp_path


NESTED_LABELS = {
    "0.png": "a/cats",
    "1.png": "a/cats",
    "2.png": "b/cats",
    "3.png": "b/cats",
    "4.png": "dogs",
    "5.png": "dogs",
    "6.png": None,
}
NESTED_NAMES = {name: label and label.rpartition("/")[2] for name, label in NESTED_LABELS.items()}


def test_one_rule_for_build_train_evaluate_and_calibrate(nested: Path) -> None:
    build(nested / "p", nested / "i", config())
    assert labels_of(nested / "i") == NESTED_LABELS
    labelled = {name: label for name, label in NESTED_LABELS.items() if label}
    assert {each.path.name: each.label for each in read_pictures(nested / "p")} == labelled
    paths, labels = labelled_pictures(nested / "p")
    assert {path.name: label for path, label in zip(paths, labels, strict=True)} == labelled
    with open_target(nested / "i", "cpu") as target:
        assert {path.name: label for path, label, _ in target.own_pictures()} == labelled


@pytest.mark.thinned(3)
@pytest.mark.parametrize("sources", [None, {}, "folder"])
def test_an_index_of_an_earlier_version_keeps_the_names_of_folders(nested: Path, sources: object) -> None:
    """Earlier versions labelled by the last folder alone, and noted no rule."""
    index = nested / "i"
    build(nested / "p", index, config())
    with open_writer(index) as catalog, catalog.transaction():
        catalog.pictures.put(replace(each, label=NESTED_NAMES[each.path.name]) for each in catalog.pictures.records())
        catalog.set(labels={str(nested / "p"): sources} if sources == "folder" else sources)
    forget_settings(index, "label_rule", *(("labels",) if sources is None else ()))

    report = sync(nested / "p", index, config())
    assert (report.relabelled, report.unchanged) == (0, 7)
    assert labels_of(index) == NESTED_NAMES

    (nested / "p" / "b" / "cats").rename(nested / "p" / "b" / "lions")
    (nested / "q" / "x" / "cats").mkdir(parents=True)
    (nested / "loose" / "x" / "birds").mkdir(parents=True)
    draw(10).save(nested / "p" / "a" / "cats" / "10.png")
    draw(11).save(nested / "p" / "a" / "cats" / "11.png")
    draw(12).save(nested / "q" / "x" / "cats" / "12.png")
    draw(13).save(nested / "loose" / "x" / "birds" / "13.png")
    add(index, [nested / "p" / "a" / "cats" / "11.png"], config())
    sync(nested / "p", index, config())
    sync(nested / "q", index, config())
    add(index, [nested / "loose"], config())
    rebuild(index, config())
    sync(nested / "p", index, config())
    more = {"2.png": "lions", "3.png": "lions", "10.png": "cats", "11.png": "cats", "12.png": "cats", "13.png": "birds"}
    assert labels_of(index) == {**NESTED_NAMES, **more}

    report = sync(nested / "p", index, config("folder"))
    assert report.relabelled == 6, "now they are named by the rule of today"
    paths = {**NESTED_LABELS, "2.png": "b/lions", "3.png": "b/lions", "10.png": "a/cats", "11.png": "a/cats"}
    assert labels_of(index) == {**paths, "12.png": "cats", "13.png": "birds"}
    draw(14).save(nested / "p" / "a" / "cats" / "14.png")
    sync(nested / "p", index, config())
    assert labels_of(index)["14.png"] == "a/cats"


def test_labels_stay_relative_to_the_folder_that_was_followed_first(nested: Path) -> None:
    build(nested / "p" / "a", nested / "i", config())
    draw(10).save(nested / "p" / "a" / "cats" / "10.png")
    assert sync(nested / "p", nested / "i", config()).relabelled == 0
    assert labels_of(nested / "i") == {**NESTED_LABELS, "0.png": "cats", "1.png": "cats", "10.png": "cats"}
    sync(nested / "p", nested / "i", config("folder"))
    assert labels_of(nested / "i") == {**NESTED_LABELS, "10.png": "a/cats"}


def test_a_part_that_is_synced_by_itself_has_paths_below_the_followed_folder(nested: Path) -> None:
    build(nested / "p", nested / "i", config())
    draw(10).save(nested / "p" / "a" / "cats" / "10.png")
    draw(11).save(nested / "p" / "b" / "cats" / "11.png")
    sync(nested / "p" / "a", nested / "i", config())
    add(nested / "i", [nested / "p" / "b"], config("folder"))
    assert labels_of(nested / "i") == {**NESTED_LABELS, "10.png": "a/cats", "11.png": "b/cats"}


def test_a_nested_folder_that_moved_has_its_new_path_for_a_label(nested: Path) -> None:
    build(nested / "p", nested / "i", config())
    (nested / "p" / "b" / "cats").rename(nested / "p" / "a" / "lions")
    assert sync(nested / "p", nested / "i", config()).moved == 2
    moved = {**NESTED_LABELS, "2.png": "a/lions", "3.png": "a/lions"}
    assert labels_of(nested / "i") == moved
    (nested / "p").rename(nested / "renamed")
    assert sync(nested / "renamed", nested / "i", config()).moved == 7
    assert labels_of(nested / "i") == moved


def test_an_added_file_takes_the_label_that_its_folders_end_with(nested: Path) -> None:
    build(nested / "p", nested / "i", config())
    for number, place in enumerate(["x/a/cats", "x/c/dogs", "x/cats"], 10):
        (nested / place).mkdir(parents=True)
        draw(number).save(nested / place / f"{number}.png")
        add(nested / "i", [nested / place / f"{number}.png"], config())
    assert labels_of(nested / "i") == {**NESTED_LABELS, "10.png": "a/cats", "11.png": "dogs", "12.png": None}


@pytest.mark.parametrize("text", ["file,label\n1.png,cat\n", "path\n1.png\n", ""])
def test_a_csv_without_the_columns(text: str, tmp_path: Path) -> None:
    (tmp_path / "l.csv").write_text(text)
    with pytest.raises(DataError, match=r"l\.csv.*column"):
        read_labels(tmp_path / "l.csv", [tmp_path], [tmp_path / "1.png"])


def test_a_missing_csv(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"l\.csv"):
        read_labels(tmp_path / "l.csv", [tmp_path], [tmp_path / "1.png"])


def test_csv_paths(tmp_path: Path) -> None:
    (tmp_path / "tables").mkdir()
    table = tmp_path / "tables" / "l.csv"
    rows = ["\ufeffpath,label,more", 'sub/1.png,"a, b",x', f"{tmp_path}/2.png,two,", "../3.png,three,", "4.png,,"]
    table.write_text("\n".join(rows), "utf-8")
    pictures = [tmp_path / name for name in ("sub/1.png", "2.png", "3.png", "4.png")]
    found = read_labels(table, [tmp_path], pictures)
    assert [found.labels[picture] for picture in pictures] == ["a, b", "two", "three", None]
    assert found.notes() == []


def test_a_row_that_names_two_files(tmp_path: Path) -> None:
    pictures = [tmp_path / "a.png", tmp_path / "sub" / "a.png"]
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "l.csv").write_text("path,label\na.png,X\n")
    with pytest.raises(DataError, match=r"l\.csv, line 2: 'a\.png' names both"):
        read_labels(tmp_path / "sub" / "l.csv", [tmp_path], pictures)


def test_a_row_that_names_two_files_one_by_a_later_row(tmp_path: Path) -> None:
    """Once, the second row labelled root/sub/a.jpg as well, by the folder of the CSV."""
    pictures = [tmp_path / "sub" / "a.jpg"]
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "l.csv").write_text("path,label\nsub/a.jpg,X\na.jpg,Y\n")
    with pytest.raises(DataError, match=r"l\.csv, line 3: .*a\.jpg has the label 'Y' here and 'X' in line 2"):
        read_labels(tmp_path / "sub" / "l.csv", [tmp_path], pictures)


def test_a_path_with_a_null_character(tmp_path: Path) -> None:
    (tmp_path / "l.csv").write_text("path,label\nsub\0/a.png,X\n")
    with pytest.raises(DataError, match=r"l\.csv, line 2: .*null character"):
        read_labels(tmp_path / "l.csv", [tmp_path], [tmp_path / "a.png"])


def test_a_folder_reached_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "real" / "sub").mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "real", target_is_directory=True)
    for root, written in (("real", "link"), ("link", "real")):
        pictures = [tmp_path / root / "sub" / "a.png", tmp_path / root / "b.png"]
        (tmp_path / "l.csv").write_text(f"path,label\n{tmp_path / written}/sub/a.png,X\nb.png,Y\n")
        found = read_labels(tmp_path / "l.csv", [tmp_path / written], pictures)
        assert found.labels == {pictures[0]: "X", pictures[1]: "Y"}


def test_rows_that_disagree_on_a_file(tmp_path: Path) -> None:
    (tmp_path / "l.csv").write_text("path,label\na.png,X\n./a.png,X\nb.png,Z\na.png,Y\n")
    with pytest.raises(DataError, match=r"line 5: .*a\.png has the label 'Y' here and 'X' in line 2"):
        read_labels(tmp_path / "l.csv", [tmp_path], [tmp_path / "a.png", tmp_path / "b.png"])


@pytest.mark.parametrize(
    ("written", "there", "reason"),
    [
        ("2024\\0.jpg", "2024/0.jpg", "backslashes"),
        ("C:\\photos\\2024\\0.jpg", "2024/0.jpg", "backslashes.*another root"),
        ("2024/0.JPG", "2024/0.jpg", "capital"),
        (unicodedata.normalize("NFD", SUMMER), unicodedata.normalize("NFC", SUMMER), "NFC"),
        (unicodedata.normalize("NFC", SUMMER), unicodedata.normalize("NFD", SUMMER), "NFC"),
        ("/mnt/x/2024/0.jpg", "2024/0.jpg", "another root"),
        ("Photos/0.jpg", "2024/0.jpg", "another root"),
        ("nothing.jpg", "2024/0.jpg", "a picture here is"),
    ],
)
def test_a_csv_that_fits_nothing(written: str, there: str, reason: str, tmp_path: Path) -> None:
    (tmp_path / "l.csv").write_text(f"path,label\n{written},cat\n", "utf-8")
    with pytest.raises(DataError, match=f"none of its 1 rows.*(?s:.)*{reason}") as caught:
        read_labels(tmp_path / "l.csv", [tmp_path], [tmp_path / there])
    assert "Line 2" in str(caught.value)
    assert repr(written) in str(caught.value)
    assert repr(str(tmp_path / there)) in str(caught.value)


def test_sync_keeps_the_labels_of_a_csv(folder: Path) -> None:
    build(folder / "p", folder / "i", config(folder / "labels.csv"))
    assert labels_of(folder / "i") == CSV_LABELS
    report = sync(folder / "p", folder / "i", config())
    assert labels_of(folder / "i") == CSV_LABELS
    assert (report.relabelled, report.unchanged) == (0, 3)
    draw(7).save(folder / "p" / "sub" / "7.png")
    draw(8).save(folder / "p" / "sub" / "1.png")  # other content in the same place
    report = build(folder / "p", folder / "i", config())
    assert labels_of(folder / "i") == {**CSV_LABELS, "7.png": None}
    add(folder / "i", [folder / "p" / "sub" / "0.png"], config())
    assert labels_of(folder / "i") == {**CSV_LABELS, "7.png": None}


def test_a_remembered_csv_is_read_again(folder: Path) -> None:
    build(folder / "p", folder / "i", config(folder / "labels.csv"))
    (folder / "labels.csv").write_text("path,label\nsub/0.png,siamese\n")
    report = sync(folder / "p", folder / "i", config())
    assert labels_of(folder / "i") == {**CSV_LABELS, "0.png": "siamese"}, "what has no row any more keeps its label"
    assert report.relabelled == 1
    assert report.paths["relabelled"] == [folder / "p" / "sub" / "0.png"]


@pytest.mark.parametrize("text", [None, "other,columns\n1,2\n", "path,label\nnowhere.png,x\n", "path,label\n"])
def test_a_remembered_csv_that_cannot_be_used(text: str | None, folder: Path) -> None:
    build(folder / "p", folder / "i", config(folder / "labels.csv"))
    if text is None:
        (folder / "labels.csv").unlink()
    else:
        (folder / "labels.csv").write_text(text)
    report = sync(folder / "p", folder / "i", config())
    assert labels_of(folder / "i") == CSV_LABELS
    assert any("labels stay as they are" in note and "labels.csv" in note for note in report.notes)


def test_another_source_is_taken_and_remembered(folder: Path) -> None:
    build(folder / "p", folder / "i", config(folder / "labels.csv"))
    report = sync(folder / "p", folder / "i", config("folder"))
    assert report.relabelled == 3
    assert set(labels_of(folder / "i").values()) == {"sub"}
    sync(folder / "p", folder / "i", config())
    assert set(labels_of(folder / "i").values()) == {"sub"}
    report = sync(folder / "p", folder / "i", config("none"))
    assert set(labels_of(folder / "i").values()) == {None}
    assert "3 pictures no longer have a label" in report.notes
    draw(9).save(folder / "p" / "sub" / "9.png")
    sync(folder / "p", folder / "i", config())
    assert set(labels_of(folder / "i").values()) == {None}


def test_a_csv_that_fits_nothing_changes_nothing(folder: Path) -> None:
    build(folder / "p", folder / "i", config(folder / "labels.csv"))
    (folder / "typo.csv").write_text("path,label\nsub\\0.png,tabby\n")
    for change in (build, sync):
        with pytest.raises(DataError, match="backslashes"):
            change(folder / "p", folder / "i", config(folder / "typo.csv"))
    with pytest.raises(DataError, match="backslashes"):
        add(folder / "i", [folder / "p"], config(folder / "typo.csv"))
    with pytest.raises(DataError, match="backslashes"):
        build(folder / "p", folder / "new", config(folder / "typo.csv"))
    assert labels_of(folder / "i") == CSV_LABELS
    assert not (folder / "new").exists()


def test_labels_given_to_add_stay(folder: Path) -> None:
    build(folder / "p", folder / "i", config())
    draw(5).save(folder / "p" / "sub" / "5.png")
    (folder / "more.csv").write_text("path,label\nsub/5.png,sphynx\n")
    add(folder / "i", [folder / "p"], config(folder / "more.csv"))
    expected = {"0.png": "sub", "1.png": "sub", "2.png": "sub", "5.png": "sphynx"}
    assert labels_of(folder / "i") == expected
    sync(folder / "p", folder / "i", config())
    assert labels_of(folder / "i") == expected


def test_labels_move_with_folders_but_not_away_from_a_csv(folder: Path) -> None:
    build(folder / "p", folder / "i", config())
    (folder / "p" / "sub").rename(folder / "p" / "cats")
    sync(folder / "p", folder / "i", config())
    assert set(labels_of(folder / "i").values()) == {"cats"}
    (folder / "p" / "cats").rename(folder / "p" / "sub")
    shutil.rmtree(folder / "i")
    build(folder / "p", folder / "i", config(folder / "labels.csv"))
    (folder / "p" / "sub").rename(folder / "p" / "cats")
    sync(folder / "p", folder / "i", config())
    assert labels_of(folder / "i") == CSV_LABELS
    (folder / "p").rename(folder / "moved")
    sync(folder / "moved", folder / "i", config())
    assert labels_of(folder / "i") == CSV_LABELS


def test_each_folder_has_its_own_source(folder: Path) -> None:
    (folder / "q" / "dogs").mkdir(parents=True)
    draw(20).save(folder / "q" / "dogs" / "20.png")
    build(folder / "p", folder / "i", config(folder / "labels.csv"))
    sync(folder / "q", folder / "i", config())
    draw(21).save(folder / "q" / "dogs" / "21.png")
    draw(22).save(folder / "p" / "sub" / "22.png")
    sync(folder / "q", folder / "i", config())
    sync(folder / "p", folder / "i", config())
    assert labels_of(folder / "i") == {**CSV_LABELS, "20.png": "dogs", "21.png": "dogs", "22.png": None}


def test_an_index_that_remembers_no_source_keeps_its_labels(folder: Path) -> None:
    build(folder / "p", folder / "i", config(folder / "labels.csv"))
    with open_writer(folder / "i") as catalog, catalog.transaction():
        catalog.set(labels=None)
    sync(folder / "p", folder / "i", config())
    assert labels_of(folder / "i") == CSV_LABELS


def test_rows_that_name_no_picture_are_reported(folder: Path) -> None:
    (folder / "labels.csv").write_text(TABLE + "sub/9.png,gone\n")
    report = build(folder / "p", folder / "i", config(folder / "labels.csv"))
    assert [note for note in report.notes if "line 5: sub/9.png" in note]
    assert report.to_dict()["relabelled"] == 0


def test_a_label_that_was_given_comes_back_in_place_of_the_folders_name(folder: Path) -> None:
    build(folder / "p", folder / "i", config())
    (folder / "more.csv").write_text("path,label\nsub/1.png,sphynx\n")
    add(folder / "i", [folder / "p"], config(folder / "more.csv"))
    (folder / "p" / "sub" / "1.png").rename(folder / "away.png")
    sync(folder / "p", folder / "i", config())
    (folder / "away.png").rename(folder / "p" / "sub" / "1.png")
    sync(folder / "p", folder / "i", config())
    assert labels_of(folder / "i") == {"0.png": "sub", "1.png": "sphynx", "2.png": "sub"}


@pytest.mark.parametrize("source", ["none", "beside", "within"])
def test_a_library_that_moved_takes_its_source_along(source: str, folder: Path) -> None:
    table = folder / "p" / "labels.csv" if source == "within" else folder / "labels.csv"
    table.write_text(TABLE + "sub/9.png,lynx\n")
    build(folder / "p", folder / "i", config("none" if source == "none" else table))
    (folder / "p").rename(folder / "moved")
    draw(8).save(folder / "moved" / "sub" / "8.png")
    draw(9).save(folder / "moved" / "sub" / "9.png")
    for _ in range(2):
        sync(folder / "moved", folder / "i", config())
        before = dict.fromkeys(CSV_LABELS) if source == "none" else CSV_LABELS
        assert labels_of(folder / "i") == {**before, "8.png": None, "9.png": None if source == "none" else "lynx"}


def test_another_folder_is_not_taken_for_one_that_is_away(folder: Path) -> None:
    build(folder / "p", folder / "i", config("none"))
    (folder / "p").rename(folder / "away")
    (folder / "q" / "dogs").mkdir(parents=True)
    draw(20).save(folder / "q" / "dogs" / "20.png")
    sync(folder / "q", folder / "i", config())
    (folder / "away").rename(folder / "p")
    draw(9).save(folder / "p" / "sub" / "9.png")
    sync(folder / "p", folder / "i", config())
    assert labels_of(folder / "i") == {**dict.fromkeys(CSV_LABELS), "9.png": None, "20.png": "dogs"}


def test_pictures_of_a_missing_folder_are_relabelled_too(folder: Path) -> None:
    (folder / "p" / "other").mkdir()
    draw(5).save(folder / "p" / "other" / "5.png")
    build(folder / "p", folder / "i", config("none"))
    (folder / "p" / "sub").rename(folder / "away")
    report = sync(folder / "p", folder / "i", config("folder"))
    assert (report.kept, report.relabelled) == (3, 4)
    (folder / "away").rename(folder / "p" / "sub")
    sync(folder / "p", folder / "i", config())
    assert labels_of(folder / "i") == {**dict.fromkeys(CSV_LABELS, "sub"), "5.png": "other"}


def test_new_pictures_of_a_part_that_is_synced_by_itself_are_labelled_as_the_others(folder: Path) -> None:
    build(folder / "p", folder / "i", config())
    draw(9).save(folder / "p" / "sub" / "9.png")
    sync(folder / "p" / "sub", folder / "i", config())
    assert set(labels_of(folder / "i").values()) == {"sub"}
