"""The collections that encoders are measured on, and whether the training of an encoder used them."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, TypeGuard

from indexer.training.data import Split, evenly, split_of
from indexer.training.recipes.small import HELD_OUT
from search.pictures.decode import PICTURE_SUFFIXES

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

PHOTOS = "photos, 20 unseen classes"
FULL_SIZE = "clothes, full size"
_ALL = 1_000_000


@dataclass(frozen=True, slots=True)
class Collection:
    """Pictures below the data sets' folder; the label of a picture is its folder."""

    title: str
    patterns: tuple[str, ...]
    most: int = _ALL
    """Largest number of pictures, the same number for each label."""
    twin: str = ""
    """Another data set with the same pictures and file names in another size."""


# The other people and writers are in `benchmarks.joining`, where they are used to choose settings.
COLLECTIONS = (
    Collection(PHOTOS, tuple(f"tiny-imagenet/train/{wnid}/*" for wnid in HELD_OUT)),
    Collection("clothes, test split", ("clothing/test/*/*",)),
    Collection("faces of 20 people", ("faces/s2[1-9]/*", "faces/s3?/*", "faces/s40/*")),
    Collection("characters of alphabets K to Z, 5 drawers", ("omniglot/[K-Z]*/*/*_0[1-5].png",)),
    Collection("signatures, by 60 writers", ("signatures/writer01[1-9]/*", "signatures/writer0[2-7]?/*"), most=1000),
    Collection("Fashion-MNIST, test", ("fashion-mnist/test/*/*",), most=1000),
    Collection("MNIST, test", ("mnist/test/*/*",), most=1000),
    Collection(FULL_SIZE, ("clothing-full/*/*",), twin="clothing"),
)


def pictures_of(collection: Collection, datasets: Path, limit: int = _ALL) -> Split:
    """The pictures of a collection and their labels; empty if the data set is not unpacked."""
    paths = (path for pattern in collection.patterns for path in sorted(datasets.glob(pattern)))
    pictures = [path for path in paths if path.suffix.lower() in PICTURE_SUFFIXES]
    split = split_of((path.parent.relative_to(datasets).as_posix(), path) for path in pictures)
    return evenly(split, min(limit, collection.most))


def touched(collection: Collection, paths: Sequence[Path], datasets: Path, config: dict[str, Any] | None) -> str:
    """Describe how a training used a collection, from the `config` of the encoder's card."""
    if not says_classes(config):
        return "the card does not say what was trained on"
    places = _places(collection, paths, datasets)
    trained = _count("classes", places, config)
    watched = _count("validation", places, config)
    if trained:
        size = ", in another size" if collection.twin else ""
        return f"{trained} of {len(paths)} pictures were trained on{size}"
    if watched:
        return f"{watched} of {len(paths)} pictures were watched while settings were chosen"
    data_set = places[0].partition("/")[0]
    others = [f"`{pattern}`" for pattern in config["classes"] if pattern.partition("/")[0] in (data_set, "*")]
    if others:
        return f"none of these was opened; others of the same data set were trained on ({', '.join(others)})"
    return "nothing of this data set was opened"


def says_classes(config: dict[str, Any] | None) -> TypeGuard[dict[str, Any]]:
    """Whether the `config` of a card says which classes were trained on."""
    return bool(config) and "classes" in (config or {})


def trained_on(collection: Collection, paths: Sequence[Path], datasets: Path, config: dict[str, Any] | None) -> bool:
    """Whether a training used pictures of a collection, as far as the `config` of the encoder's card says."""
    return says_classes(config) and _count("classes", _places(collection, paths, datasets), config) > 0


def _places(collection: Collection, paths: Sequence[Path], datasets: Path) -> list[str]:
    """The folder of each picture, or of the same picture in another size."""
    twins = {path.name: path for path in (datasets / collection.twin).rglob("*")} if collection.twin else {}
    return [twins.get(path.name, path).parent.relative_to(datasets).as_posix() for path in paths]


def _count(side: str, places: Sequence[str], config: dict[str, Any]) -> int:
    return sum(_side(place, config) == side for place in places)


def _side(place: str, config: dict[str, Any]) -> str | None:
    """The side of a class, by the rule of `indexer.training.splits`."""
    for side in ("held_out", "validation", "classes"):
        if any(fnmatchcase(place, pattern) for pattern in config[side]):
            return side
    return None
