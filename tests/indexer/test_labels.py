"""Labels of pictures: from folders, from a CSV, and from the source that an index remembers."""

from __future__ import annotations

import shutil
import unicodedata
from pathlib import Path

import pytest

from indexer.collection.add import add
from indexer.collection.build import build
from indexer.collection.sync import sync
from indexer.labels import by_folder, read_labels
from indexer.pipeline.writer import open_writer
from search import DataError, open_index
from search.config import BuildConfig
from tests.conftest import draw

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
    assert by_folder(tmp_path / "train" / "cat" / "1.png", tmp_path) == "cat"


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
    assert "3 pictures have no label any more" in report.notes
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
