from pathlib import Path

import numpy as np
import pytest

from indexer.training.config import TrainConfig
from indexer.training.data import digest, evenly, read_pictures, split_by_class, split_of
from search.errors import DataError


def test_a_class_is_the_folder_by_its_relative_path(tmp_path: Path) -> None:
    for place in (
        "a/one/x.png",
        "b/one/y.JPG",
        "b/two/z.webp",
        "b/two/notes.txt",
        ".hidden/q.png",
        "b/.h.png",
        "r.png",
    ):
        (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / place).touch()
    found = read_pictures(tmp_path)
    assert [(each.label, each.path.name) for each in found] == [
        ("a/one", "x.png"),
        ("b/one", "y.JPG"),
        ("b/two", "z.webp"),
    ]


def test_splits_by_pattern_and_held_out_wins(collection: Path) -> None:
    config = TrainConfig(classes=("*e*",), validation=("g*",), held_out=("green",))
    splits = split_by_class(read_pictures(collection), config)
    assert splits["train"].names == ("blue", "red")
    assert splits["validation"].names == ("gray",)
    opened = {path.parent.name for split in splits.values() for path in split.paths}
    assert "green" not in opened


def test_every_picture_keeps_its_class(collection: Path) -> None:
    train = split_by_class(read_pictures(collection), TrainConfig())["train"]
    assert [train.names[number] for number in train.classes] == [path.parent.name for path in train.paths]
    part = train.take(np.array([20, 3, 21]))
    assert [part.names[number] for number in part.classes] == [path.parent.name for path in part.paths]


@pytest.mark.parametrize("field", ["classes", "validation", "held_out"])
def test_a_pattern_that_matches_nothing_is_an_error(collection: Path, field: str) -> None:
    with pytest.raises(DataError, match=r"'purple'.*blue, gray"):
        split_by_class(read_pictures(collection), TrainConfig(**{field: ("purple",)}))


def test_a_csv_with_splits(tmp_path: Path) -> None:
    file = tmp_path / "labels.csv"
    file.write_text("path,label,split\na.png,cat,train\nb.png,cat,test\nc.png,dog,val\nd.png,dog,\n,cat,train\n")
    splits = split_by_class(read_pictures(tmp_path, str(file)), TrainConfig())
    assert [path.name for path in splits["train"].paths] == ["a.png", "d.png"]
    assert [path.name for path in splits["validation"].paths] == ["c.png"]


@pytest.mark.parametrize(
    ("text", "said"),
    [("path,name\na,b\n", "lacks the column label"), ("path,label,split\na,b,exam\n", "split 'exam'"), ("", "lacks")],
)
def test_a_csv_that_cannot_be_used(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "labels.csv").write_text(text)
    with pytest.raises(DataError, match=said):
        read_pictures(tmp_path, str(tmp_path / "labels.csv"))


def test_nothing_there(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such folder"):
        read_pictures(tmp_path / "none")
    with pytest.raises(DataError, match="no labelled pictures"):
        read_pictures(tmp_path)


def test_evenly_takes_the_same_number_of_each_class() -> None:
    split = split_of([(name, Path(f"{name}{number}")) for name in "ab" for number in range(50 if name == "a" else 8)])
    part = evenly(split, 20)
    assert np.bincount(part.classes).tolist() == [10, 8]
    assert len(set(part.paths)) == 18
    assert evenly(split, 100) is split


def test_the_digest_knows_files_from_one_another(collection: Path) -> None:
    def of(folder: Path) -> str:
        return digest(folder, split_by_class(read_pictures(folder), TrainConfig()))

    before = of(collection)
    assert of(collection) == before
    (collection / "red" / "0.png").write_bytes(b"another size")
    assert of(collection) != before
