"""What the page of the encoder `small` says of the pictures it is measured on."""

from pathlib import Path

import pytest

from benchmarks.held_out import COLLECTIONS, Collection, pictures_of, touched
from tests.conftest import draw

CONFIG = {"classes": ["clothing/train/*", "signs/*"], "validation": ["signs/b*"], "held_out": ["signs/c*"]}


@pytest.fixture
def datasets(tmp_path: Path) -> Path:
    for place in ("clothing/train/hat", "clothing/test/hat", "signs/a", "signs/b", "signs/c", "full/hat", "faces/one"):
        (tmp_path / place).mkdir(parents=True)
        for name in ("1.png", "2.png"):
            draw(1).save(tmp_path / place / (name if "test" not in place else f"test{name}"))
    return tmp_path


@pytest.mark.parametrize(
    ("pattern", "twin", "says"),
    [
        ("clothing/train/*/*", "", "2 of 2 pictures were trained on"),
        ("clothing/test/*/*", "", "others of the same data set were trained on (`clothing/train/*`)"),
        ("full/*/*", "clothing", "2 of 2 pictures were trained on, in another size"),
        ("signs/*/*", "", "2 of 6 pictures were trained on"),
        ("signs/b/*", "", "2 of 2 pictures were watched"),
        ("signs/c/*", "", "none of these was opened; others of the same data set were trained on (`signs/*`)"),
        ("faces/*/*", "", "nothing of this data set was opened"),
    ],
)
def test_what_a_training_touched_is_read_from_its_card(datasets: Path, pattern: str, twin: str, says: str) -> None:
    collection = Collection("some", (pattern,), twin=twin)
    paths = pictures_of(collection, datasets).paths
    assert says in touched(collection, paths, datasets, CONFIG)
    assert "does not say" in touched(collection, paths, datasets, None)


def test_a_collection_is_thinned_by_label_and_may_be_absent(datasets: Path) -> None:
    signs = pictures_of(Collection("signs", ("signs/*/*",)), datasets)
    assert (len(signs.paths), signs.names) == (6, ("signs/a", "signs/b", "signs/c"))
    assert pictures_of(Collection("signs", ("signs/*/*",), most=4), datasets).names == ("signs/a", "signs/c")
    assert all(not pictures_of(each, datasets / "faces").paths for each in COLLECTIONS)
