import errno
import os
import unicodedata
from pathlib import Path

import numpy as np
import pytest

from indexer.training.config import TrainConfig
from indexer.training.data import digest, evenly, read_pictures, split_of
from indexer.training.splits import split_pictures
from search.errors import DataError

PLACES = ("a/one/x.png", "b/one/y.JPG", "b/two/z.webp", "b/two/notes.txt", ".hidden/q.png", "b/.h.png", "r.png")


@pytest.fixture
def folders(tmp_path: Path) -> Path:
    for place in PLACES:
        (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / place).touch()
    return tmp_path


def csv(folder: Path, text: str) -> str:
    (folder / "labels.csv").write_text(text)
    return str(folder / "labels.csv")


def test_a_class_is_the_folder_by_its_relative_path(folders: Path) -> None:
    assert [(each.label, each.group, each.path.name) for each in read_pictures(folders)] == [
        ("a/one", "a/one", "x.png"),
        ("b/one", "b/one", "y.JPG"),
        ("b/two", "b/two", "z.webp"),
    ]


def test_without_labels_every_picture_is_a_class_and_the_root_counts_too(folders: Path) -> None:
    assert [(each.label, each.group) for each in read_pictures(folders, labelled=False)] == [
        ("a/one/x.png", "a/one"),
        ("b/one/y.JPG", "b/one"),
        ("b/two/z.webp", "b/two"),
        ("r.png", "."),
    ]


def test_a_csv_without_labels(folders: Path) -> None:
    found = read_pictures(folders, csv(folders, "path,subject\nr.png,x\na/one/x.png,\n"), labelled=False)
    assert [(each.label, each.group, each.subject) for each in found] == [
        ("a/one/x.png", "a/one", None),
        ("r.png", ".", "x"),
    ]


def test_a_csv_tells_label_split_and_subject(folders: Path) -> None:
    rows = (
        "subject,path,label,split",
        "ann,r.png,cat,train",
        ",a/one/x.png,cat,test",
        "bob,b/one/y.JPG,dog,val",
        "bob,b/two/z.webp,dog",
    )
    found = {each.path.name: each for each in read_pictures(folders, csv(folders, "\n".join(rows)))}
    assert [(found[name].label, found[name].split, found[name].subject) for name in ("r.png", "x.png", "y.JPG")] == [
        ("cat", "train", "ann"),
        ("cat", "held_out", None),
        ("dog", "validation", "bob"),
    ]
    assert found["z.webp"].split == "train"  # a row that ends early says no more than an empty cell


def test_without_the_columns_nothing_is_said(folders: Path) -> None:
    only = read_pictures(folders, csv(folders, "path,label\nr.png,cat\n"))[0]
    assert (only.split, only.subject) == (None, None)


def test_rows_without_a_path_or_a_label_are_left_out(folders: Path) -> None:
    found = read_pictures(folders, csv(folders, "path,label\nr.png,cat\na/one/x.png,\n,cat\n"))
    assert [each.path.name for each in found] == ["r.png"]


def test_paths_may_be_absolute_or_relative_to_the_csv(folders: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (elsewhere / "near.png").touch()
    found = read_pictures(folders, csv(elsewhere, f"path,label\n{folders / 'r.png'},a\nnear.png,b\na/one/x.png,c\n"))
    assert [each.path for each in found] == [folders / "r.png", elsewhere / "near.png", folders / "a/one/x.png"]


def test_a_row_that_is_repeated_counts_once(folders: Path) -> None:
    found = read_pictures(folders, csv(folders, "path,label\nr.png,cat\n./r.png,cat\na/../r.png,cat\n"))
    assert [each.path for each in found] == [folders / "r.png"]


def test_a_row_that_names_two_files(folders: Path) -> None:
    (folders / "a" / "r.png").touch()
    with pytest.raises(DataError, match=r"labels\.csv, line 2: 'r\.png' names both .*r\.png and .*a/r\.png"):
        read_pictures(folders, csv(folders / "a", "path,label\nr.png,cat\n"))


def test_rows_that_say_different_things_of_one_file_by_two_paths(folders: Path) -> None:
    (folders / "b" / "again").symlink_to(folders / "a", target_is_directory=True)
    for other in ("one/x.png", "b/again/one/x.png"):
        with pytest.raises(DataError, match=r"line 3: .*x\.png has the label 'dog' here and 'cat' in line 2"):
            read_pictures(folders, csv(folders / "a", f"path,label\na/one/x.png,cat\n{other},dog\n"))
        (picture,) = read_pictures(folders, csv(folders / "a", f"path,label\na/one/x.png,cat\n{other},cat\n"))
        assert (picture.path, picture.label) == (folders / "a/one/x.png", "cat")


def test_spaces_around_a_cell_count_for_nothing(folders: Path) -> None:
    (picture,) = read_pictures(folders, csv(folders, "path,label,split,subject\n r.png , cat , test , ann \n"))
    assert (picture.path, picture.label, picture.split, picture.subject) == (
        folders / "r.png",
        "cat",
        "held_out",
        "ann",
    )


def test_a_file_that_is_not_there_stays_to_be_reported(folders: Path) -> None:
    found = read_pictures(folders, csv(folders, "path,label\nr.png,cat\ngone.png,dog\n"))
    assert [each.path for each in found] == [folders / "r.png", folders / "gone.png"]


@pytest.mark.parametrize(
    ("written", "there", "reason"),
    [
        ("k\\s.png", "k/s.png", "backslashes"),
        ("K/S.png", "k/s.png", "capital"),
        (unicodedata.normalize("NFD", "\u00e9.png"), unicodedata.normalize("NFC", "\u00e9.png"), "NFC"),
        ("/mnt/x/k/s.png", "k/s.png", "another root"),
    ],
)
def test_a_csv_that_fits_nothing_says_in_what_it_differs(written: str, there: str, reason: str, tmp_path: Path) -> None:
    (tmp_path / there).parent.mkdir(exist_ok=True)
    (tmp_path / there).touch()
    for text in (f"path,label\n{written},cat\n", f"path\n{written}\n"):
        (tmp_path / "labels.csv").write_text(text, "utf-8")
        with pytest.raises(DataError, match=f"none of its 1 rows.*Line 2.*{reason}"):
            read_pictures(tmp_path, str(tmp_path / "labels.csv"), labelled="label" in text)


@pytest.mark.parametrize(
    ("header", "one", "other", "said"),
    [
        ("path,label", "cat", "dog", "the label 'dog' here and 'cat'"),
        ("path,label", "cat", "", "no label here and 'cat'"),
        ("path,label,split", "cat,train", "cat,test", "the split 'held_out' here and 'train'"),
        ("path,label,subject", "cat,ann", "cat,", "no subject here and 'ann'"),
    ],
)
def test_a_picture_of_which_two_things_are_said(folders: Path, header: str, one: str, other: str, said: str) -> None:
    with pytest.raises(DataError, match=rf"line 3: .*r\.png has {said} in line 2. Keep one of the two rows"):
        read_pictures(folders, csv(folders, f"{header}\nr.png,{one}\n./r.png,{other}\n"))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("path,name\na,b\n", "lacks the column label"),
        ("path,label,split\na,b,exam\n", "line 2: a has the split 'exam'"),
        ("", "lacks the column path and label"),
        ("path,label\n", "no labelled pictures here"),
        ("path,label\nr.png,\n", "To train without labels, use --unlabelled"),
    ],
)
def test_a_csv_that_cannot_be_used(folders: Path, text: str, said: str) -> None:
    with pytest.raises(DataError, match=said):
        read_pictures(folders, csv(folders, text))


def test_a_csv_that_cannot_be_read(folders: Path) -> None:
    with pytest.raises(DataError, match="cannot be read as a CSV"):
        read_pictures(folders, str(folders / "none.csv"))
    (folders / "bytes.csv").write_bytes(b"path,label\n\xff\xfe,\x80\n")
    with pytest.raises(DataError, match="cannot be read as a CSV"):
        read_pictures(folders, str(folders / "bytes.csv"))


def test_nothing_there(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such folder"):
        read_pictures(tmp_path / "none")
    with pytest.raises(DataError, match=r"no labelled pictures.*one folder per class"):
        read_pictures(tmp_path)
    with pytest.raises(DataError, match="no pictures here"):
        read_pictures(tmp_path, labelled=False)


def test_a_class_that_cannot_be_read_is_an_error(folders: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def listed(folder: str) -> object:
        if str(folder).endswith("two"):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(folder))
        return scandir(folder)

    scandir = os.scandir
    monkeypatch.setattr(os, "scandir", listed)
    with pytest.raises(DataError, match=r"two: cannot be read \(Permission denied\). Check its permissions"):
        read_pictures(folders)


@pytest.mark.skipif(os.name != "posix", reason="names of any bytes are POSIX")
def test_names_that_are_no_text(tmp_path: Path) -> None:
    (tmp_path / "class").mkdir()
    Path(os.fsdecode(os.fsencode(tmp_path / "class") + b"/\xff.png")).touch()
    splits = split_pictures(read_pictures(tmp_path, labelled=False), TrainConfig(labelled=False))
    assert len(digest(tmp_path, splits)) == 16


def test_evenly_takes_the_same_number_of_each_class() -> None:
    split = split_of([(name, Path(f"{name}{number}")) for name in "ab" for number in range(50 if name == "a" else 8)])
    part = evenly(split, 20)
    assert np.bincount(part.classes).tolist() == [10, 8]
    assert len(set(part.paths)) == 18
    assert evenly(split, 100) is split


def test_evenly_leaves_classes_out_where_they_are_too_many() -> None:
    many = split_of([(f"{name:03}", Path(f"{name}.{number}")) for name in range(100) for number in range(5)])
    part = evenly(many, 60)
    assert np.bincount(part.classes).tolist() == [2] * 30
    assert (part.names[0], part.names[-1]) == ("000", "099")
    alone = split_of([(f"{name:03}", Path(f"{name}")) for name in range(100)])
    assert len(evenly(alone, 60).paths) == 60


def test_a_part_keeps_names_that_are_shared() -> None:
    pairs = [("b", Path("1")), ("c", Path("2")), ("c", Path("3"))]
    shared = split_of(pairs, ("a", "b", "c"))
    assert (shared.classes.tolist(), shared.take(np.array([2])).names) == ([1, 2, 2], ("a", "b", "c"))
    assert shared.take(np.array([2])).classes.tolist() == [2]
    own = split_of(pairs)
    assert (own.classes.tolist(), own.take(np.array([2])).names) == ([0, 1, 1], ("c",))
    assert (evenly(shared, 2).classes.tolist(), evenly(shared, 2).names) == ([1], ("a", "b", "c"))


def test_the_digest_knows_files_from_one_another(collection: Path) -> None:
    def of(folder: Path) -> str:
        return digest(folder, split_pictures(read_pictures(folder), TrainConfig()))

    before = of(collection)
    assert of(collection) == before
    (collection / "red" / "0.png").write_bytes(b"another size")
    assert of(collection) != before
