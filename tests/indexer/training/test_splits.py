"""Splits by share, by pattern and by CSV; no class or subject is on two sides."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from indexer.training.config import TrainConfig
from indexer.training.data import LabelledPicture, Split, read_pictures, split_of
from indexer.training.splits import check_trainable, lonely_classes, split_pictures
from search.errors import DataError


def picture(name: str, label: str, *, split: str | None = None, subject: str | None = None) -> LabelledPicture:
    return LabelledPicture(Path(name), label, label, split, subject)


def many(classes: int = 10, each: int = 7, subjects: int = 5) -> list[LabelledPicture]:
    """Every subject in every class."""
    return [
        picture(f"{label}-{number}", f"class{label}", subject=f"subject{number % subjects}")
        for label in range(classes)
        for number in range(each)
    ]


def labels(split: Split) -> list[str]:
    return [split.names[number] for number in split.classes]


def sides(found: list[LabelledPicture], **settings: object) -> dict[str, set[str]]:
    split = split_pictures(found, TrainConfig(**settings))
    return {name: {str(path) for path in part.paths} for name, part in split.items()}


# By pattern -----------------------------------------------------------------------------------------------------------


def test_held_out_precedes_validation_and_classes(collection: Path) -> None:
    config = TrainConfig(classes=("*e*",), validation=("g*",), held_out=("green",))
    splits = split_pictures(read_pictures(collection), config)
    assert splits["train"].names == ("blue", "red")
    assert splits["validation"].names == ("gray",)
    opened = {path.parent.name for split in splits.values() for path in split.paths}
    assert "green" not in opened


def test_every_picture_keeps_its_class(collection: Path) -> None:
    train = split_pictures(read_pictures(collection), TrainConfig())["train"]
    assert labels(train) == [path.parent.name for path in train.paths]
    part = train.take(np.array([20, 3, 21]))
    assert labels(part) == [path.parent.name for path in part.paths]


@pytest.mark.parametrize("field", ["classes", "validation", "held_out"])
def test_a_pattern_that_matches_nothing_is_an_error(collection: Path, field: str) -> None:
    with pytest.raises(DataError, match=r"none of the classes matches 'purple'.*blue, gray"):
        split_pictures(read_pictures(collection), TrainConfig(**{field: ("purple",)}))


def test_without_labels_patterns_match_folders(collection: Path) -> None:
    found = read_pictures(collection, labelled=False)
    splits = split_pictures(found, TrainConfig(labelled=False, held_out=("green",), validation=("gray",)))
    assert {path.parent.name for path in splits["train"].paths} == {"blue", "red"}
    assert {path.parent.name for path in splits["validation"].paths} == {"gray"}
    with pytest.raises(DataError, match="none of the folders matches"):
        split_pictures(found, TrainConfig(labelled=False, classes=("0.png",)))


# By share -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("share", [0.05, 0.2, 0.5])
@pytest.mark.parametrize("by", ["class", "subject", "picture"])
def test_a_share_is_drawn_and_nothing_is_on_both_sides(by: str, share: float, seed: int) -> None:
    found = many()
    split = sides(found, split_by=by, validation_share=share, seed=seed)
    assert split["train"] | split["validation"] == {str(each.path) for each in found}
    assert not split["train"] & split["validation"]
    unit = {"class": lambda one: one.label, "subject": lambda one: one.subject, "picture": lambda one: one.path}[by]
    units = {side: {unit(each) for each in found if str(each.path) in split[side]} for side in split}
    assert not units["train"] & units["validation"]
    count = len(units["train"] | units["validation"])
    assert len(units["validation"]) == max(1 if by == "subject" else 2, round(share * count))


@pytest.mark.parametrize("by", ["class", "subject", "picture"])
def test_the_seed_decides(by: str) -> None:
    found = many()
    settings = {"split_by": by, "validation_share": 0.3}
    assert sides(found, **settings) == sides(list(found), **settings)
    assert len({frozenset(sides(found, **settings, seed=seed)["validation"]) for seed in range(8)}) > 1


def test_by_picture_every_class_gives_its_share_and_both_sides_number_classes_alike() -> None:
    found = [*many(classes=6, each=20), picture("only", "lonely")]
    split = split_pictures(found, TrainConfig(split_by="picture", validation_share=0.1))
    assert split["train"].names == split["validation"].names
    counts = Counter(labels(split["validation"]))
    assert all(1 <= counts[f"class{label}"] <= 3 for label in range(6))
    assert counts["lonely"] == 0
    for part in split.values():
        assert all(
            str(path).startswith(name.removeprefix("class")) or name == "lonely"
            for path, name in zip(part.paths, labels(part), strict=True)
        )


@pytest.mark.parametrize("seed", range(10))
def test_by_picture_every_class_keeps_a_training_picture(seed: int) -> None:
    found = [picture(f"{label}-{number}", str(label)) for label in range(12) for number in range(1 + label % 3)]
    split = split_pictures(found, TrainConfig(split_by="picture", validation_share=0.7, seed=seed))
    assert set(labels(split["train"])) == {str(label) for label in range(12)}
    assert len(split["validation"].paths) > 2


def test_a_subject_of_a_single_label_stays_together_too() -> None:
    found = [
        picture(f"{label}-{person}-{n}", label, subject=f"{person}{label}")
        for label in "ab"
        for person in "xyz"
        for n in range(3)
    ]
    for seed in range(5):
        split = sides(found, split_by="subject", validation_share=0.3, seed=seed)
        assert len({name[:3] for name in split["validation"]}) == 2
        assert not {name[:3] for name in split["validation"]} & {name[:3] for name in split["train"]}


def test_held_out_classes_are_not_drawn_from() -> None:
    for seed in range(5):
        split = sides(many(), held_out=("class[0-4]",), validation_share=0.4, seed=seed)
        assert {name[0] for name in split["validation"] | split["train"]} == set("56789")


def test_without_labels_pictures_are_drawn(collection: Path) -> None:
    found = read_pictures(collection, labelled=False)
    split = split_pictures(found, TrainConfig(labelled=False, split_by="picture", validation_share=0.25))
    assert [len(split[side].paths) for side in ("train", "validation")] == [18, 6]
    by_class = split_pictures(found, TrainConfig(labelled=False, validation_share=0.25))
    assert [len(by_class[side].paths) for side in ("train", "validation")] == [18, 6]
    assert len(by_class["train"].names) == 18


@pytest.mark.parametrize(
    ("found", "settings"),
    [
        (many(classes=2), {"validation_share": 0.1}),
        (many(subjects=1), {"validation_share": 0.1, "split_by": "subject"}),
        (many(classes=1, each=2), {"validation_share": 0.1, "split_by": "picture"}),
        (many(), {"validation_share": 0.99}),
    ],
)
def test_a_share_that_leaves_nothing_to_train_on_is_rejected(
    found: list[LabelledPicture], settings: dict[str, object]
) -> None:
    with pytest.raises(
        DataError, match=r"validation_share 0\.\d+: \d+ of \d+ (classes|subjects|pictures) .* leaves none to train on"
    ):
        split_pictures(found, TrainConfig(**settings))


def test_a_share_together_with_named_validation_is_rejected() -> None:
    named = [*many(), picture("v", "validated", split="validation")]
    with pytest.raises(DataError, match="already names"):
        split_pictures(named, TrainConfig(validation_share=0.1))
    with pytest.raises(DataError, match="already names"):
        split_pictures(many(), TrainConfig(validation=("class1",), validation_share=0.1))


# By CSV ---------------------------------------------------------------------------------------------------------------


def test_a_csv_precedes_patterns() -> None:
    found = [picture("a", "one", split="train"), picture("b", "two", split="held_out"), picture("c", "three")]
    split = sides(found, validation=("one",), classes=("two",))
    assert split == {"train": {"a"}, "validation": set()}


def test_a_share_is_drawn_from_the_training_rows_of_the_csv() -> None:
    found = [
        picture(f"{label}-{n}", label, split="held_out" if label == "h" else "train")
        for label in "abcdefgh"
        for n in range(3)
    ]
    split = sides(found, validation_share=0.3)
    assert len({name[0] for name in split["validation"]}) == 2
    assert "h" not in {name[0] for name in split["validation"] | split["train"]}


@pytest.mark.parametrize("other", ["validation", "held_out"])
def test_a_class_on_two_sides_is_named(other: str) -> None:
    found = [picture("a.png", "cat", split="train"), picture("b.png", "cat", split=other)]
    with pytest.raises(DataError, match=rf"the class 'cat'.*a\.png in train, b\.png in {other}.*split_by picture"):
        split_pictures(found, TrainConfig())
    assert sides(found, split_by="picture")["train"] == {"a.png"}


def test_a_subject_on_two_sides_is_named() -> None:
    found = [picture("a", "cat", subject="ann", split="train"), picture("b", "dog", subject="ann", split="validation")]
    with pytest.raises(DataError, match="the subject 'ann' is on two sides"):
        split_pictures(found, TrainConfig(split_by="subject"))
    with pytest.raises(DataError, match="the subject 'ann' is on two sides"):
        split_pictures(
            [picture("a", "cat", subject="ann"), picture("b", "dog", subject="ann")],
            TrainConfig(split_by="subject", validation=("dog",)),
        )
    assert sides(found)["validation"] == {"b"}  # by class it may


def test_classes_that_are_left_out_are_on_no_side() -> None:
    found = [picture("a", "cat", subject="ann"), picture("b", "dog", subject="ann")]
    assert sides(found, split_by="subject", classes=("cat",)) == {"train": {"a"}, "validation": set()}


def test_split_by_subject_needs_subjects() -> None:
    with pytest.raises(DataError, match=r"b has no subject.*CSV with a subject.*split_by class"):
        split_pictures([picture("a", "cat", subject="ann"), picture("b", "cat")], TrainConfig(split_by="subject"))


def test_csv_splits_by_picture_number_classes_alike_though_one_is_missing() -> None:
    found = [
        picture("a", "cat", split="train"),
        picture("b", "dog", split="train"),
        picture("c", "dog", split="validation"),
    ]
    split = split_pictures(found, TrainConfig(split_by="picture"))
    assert split["validation"].names == ("cat", "dog")
    assert split["validation"].classes.tolist() == [1]


# Enough ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("counts", "settings", "enough"),
    [
        ({"a": 2, "b": 2}, {}, True),
        ({"a": 9}, {}, False),
        ({"a": 9, "b": 1}, {}, False),
        ({}, {}, False),
        ({"a": 1, "b": 1}, {"sampling": "random"}, True),
        ({"a": 9}, {"sampling": "random"}, False),
        ({"a": 1, "b": 1}, {"labelled": False}, True),
        ({"a": 1}, {"labelled": False}, False),
    ],
)
def test_enough_to_train_on(counts: dict[str, int], settings: dict[str, object], enough: bool) -> None:
    split = split_of([(name, Path(f"{name}{n}")) for name, count in counts.items() for n in range(count)])
    if enough:
        assert check_trainable(split, TrainConfig(**settings)) is None
    else:
        with pytest.raises(DataError, match="training needs at least 2"):
            check_trainable(split, TrainConfig(**settings))


def test_classes_of_one_picture_are_named() -> None:
    split = split_of([("a", Path("1")), ("b", Path("2")), ("b", Path("3")), ("c", Path("4"))], ("a", "b", "c", "d"))
    assert lonely_classes(split) == ("a", "c")
