"""Which pictures are trained on, which are watched, and which are never opened."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

import numpy as np

from indexer.training.data import Split, split_of
from search.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from indexer.training.config import TrainConfig
    from indexer.training.data import LabelledPicture

_PLURAL = {"class": "classes", "subject": "subjects", "picture": "pictures"}
_LEFT_OUT = "left_out"
_MOST_LISTED = 8
"""Names in an error message."""


def split_pictures(found: Sequence[LabelledPicture], config: TrainConfig) -> dict[str, Split]:
    """Sort pictures into `train` and `validation`; `held_out` ones are dropped here and never opened.

    A pattern of `held_out` wins over one of `validation`, that over `classes`; a CSV's split wins over all. Where
    neither names a picture to watch, `validation_share` of the classes, subjects or pictures that would be trained on
    is drawn: pictures in proportion to their classes, of each of which one at least stays.

    By class and by subject, none stands on two sides. By picture the classes of both sides share their numbers.

    Raises:
        DataError: a pattern that no class matches, a class (subject) on two sides, pictures without a subject where
            subjects are kept apart, or a share that cannot be drawn.
    """
    _check_patterns(found, config)
    units = [_unit(picture, config) for picture in found]
    sides = [picture.split or _side_by_pattern(picture.group, config) for picture in found]
    if config.validation_share > 0:
        _draw(found, units, sides, config)
    if config.split_by != "picture":
        _check_apart(found, units, sides, config)
    chosen = {
        side: [(picture.label, picture.path) for picture, of in zip(found, sides, strict=True) if of == side]
        for side in ("train", "validation")
    }
    shared = None
    if config.split_by == "picture":
        shared = tuple(sorted({name for pairs in chosen.values() for name, _ in pairs}))
    return {side: split_of(pairs, shared) for side, pairs in chosen.items()}


def _check_patterns(found: Sequence[LabelledPicture], config: TrainConfig) -> None:
    groups = {picture.group for picture in found}
    kinds = "classes" if config.labelled else "folders"
    for pattern in (*config.classes, *config.validation, *config.held_out):
        if not any(fnmatchcase(group, pattern) for group in groups):
            raise DataError(f"none of the {kinds} matches {pattern!r}: there are {_listed(groups)}")


def _unit(picture: LabelledPicture, config: TrainConfig) -> str:
    """Name what must not stand on two sides."""
    if config.split_by == "picture":
        return str(picture.path)
    if config.split_by == "class":
        return picture.label
    if picture.subject is None:
        raise DataError(
            f"split_by subject: nothing says whom {picture.path} shows. Training wants a CSV with a column subject "
            "that is filled in every row, or split_by class"
        )
    return picture.subject


def _side_by_pattern(group: str, config: TrainConfig) -> str:
    for side, patterns in (("held_out", config.held_out), ("validation", config.validation)):
        if any(fnmatchcase(group, pattern) for pattern in patterns):
            return side
    return "train" if any(fnmatchcase(group, pattern) for pattern in config.classes) else _LEFT_OUT


def _draw(found: Sequence[LabelledPicture], units: Sequence[str], sides: list[str], config: TrainConfig) -> None:
    """Move what is drawn from `train` to `validation`."""
    if "validation" in sides:
        raise DataError(
            f"validation_share {config.validation_share}: what is watched is named already, by the CSV or the "
            "setting validation. Use 0"
        )
    rows = [row for row, side in enumerate(sides) if side == "train"]
    generator = np.random.default_rng(config.seed)
    if config.split_by == "picture":
        drawn = _drawn_pictures([found[row].label for row in rows], config, generator)
        watched = {units[rows[place]] for place in drawn}
    else:
        names = sorted({units[row] for row in rows})
        count = _count(len(names), config, least=1 if config.split_by == "subject" else 2)
        watched = {names[place] for place in generator.permutation(len(names))[:count]}
    for row in rows:
        if units[row] in watched:
            sides[row] = "validation"


def _drawn_pictures(labels: Sequence[str], config: TrainConfig, generator: np.random.Generator) -> set[int]:
    """Places in `labels`: with the classes in a row, every so-manieth picture, so that each gives its share."""
    by_class: dict[str, list[int]] = {}
    for place, label in enumerate(labels):
        by_class.setdefault(label, []).append(place)
    names = sorted(by_class)
    shuffled = [generator.permutation(by_class[names[number]]) for number in generator.permutation(len(names))]
    count = _count(len(labels), config, least=2)
    step = len(labels) / count
    order = np.concatenate(shuffled)
    drawn = {int(place) for place in order[((np.arange(count) + generator.random()) * step).astype(np.int64)]}
    if config.labelled:
        drawn -= {int(places[0]) for places in shuffled if drawn.issuperset(places.tolist())}
    return drawn


def _count(units: int, config: TrainConfig, *, least: int) -> int:
    """How many to draw; `least` are needed for a figure, and one must be left."""
    count = max(least, round(config.validation_share * units))
    if count >= units:
        kinds = _PLURAL[config.split_by]
        raise DataError(
            f"validation_share {config.validation_share}: of {units} {kinds} {count} would be watched and none be left "
            f"to train on. Use more {kinds}, a smaller share, or 0"
        )
    return count


def _check_apart(
    found: Sequence[LabelledPicture], units: Sequence[str], sides: Sequence[str], config: TrainConfig
) -> None:
    first: dict[str, tuple[str, LabelledPicture]] = {}
    for picture, unit, side in zip(found, units, sides, strict=True):
        if side == _LEFT_OUT:
            continue
        before, example = first.setdefault(unit, (side, picture))
        if before != side:
            raise DataError(
                f"the {config.split_by} {unit!r} stands on two sides: {example.path} in {before}, {picture.path} in "
                f"{side}. Put all its pictures on one side, or set split_by picture where that is meant"
            )


def _listed(names: Iterable[str]) -> str:
    ordered = sorted(names)
    more = len(ordered) - _MOST_LISTED
    return ", ".join(ordered[:_MOST_LISTED]) + (f" and {more} more" if more > 0 else "")


def check_trainable(train: Split, config: TrainConfig) -> None:
    """See that there is something to tell apart.

    Raises:
        DataError: too few classes or pictures for the batches that `config` asks for.
    """
    if not config.labelled:
        if len(train.paths) < 2:
            raise DataError(f"training needs at least 2 readable pictures; found {len(train.paths)}")
        return
    classes, alone = len(np.unique(train.classes)), len(lonely_classes(train))
    enough = classes if config.sampling == "random" else classes - alone
    if enough < 2:
        raise DataError(
            f"training needs at least 2 classes of at least 2 readable pictures each; found {classes} classes, "
            f"{alone} of them with a single picture. Put each class into a folder of its own, or train unlabelled"
        )


def lonely_classes(split: Split) -> tuple[str, ...]:
    """Names of the classes of a single picture."""
    counts = np.bincount(split.classes, minlength=len(split.names))
    return tuple(split.names[number] for number in np.flatnonzero(counts == 1))
