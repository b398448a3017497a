"""Split pictures into training, validation and held out."""

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


def split_pictures(pictures: Sequence[LabelledPicture], config: TrainConfig) -> dict[str, Split]:
    """Split pictures into `train` and `validation`; `held_out` ones are dropped and never opened.

    A split named in a CSV comes first, then the patterns of `held_out`, `validation` and `classes`, in this order. If
    none of them names a validation picture, `validation_share` of the classes, subjects or pictures is drawn from the
    training side. Pictures are drawn in proportion to their classes, and at least one of each class stays.

    Splitting by class or by subject puts each of them on one side. Splitting by picture numbers the classes of both
    sides alike.

    Raises:
        DataError: a pattern that no class matches, a class or subject on two sides, pictures without a subject with
            `split_by` subject, or a share that cannot be drawn.
    """
    _check_patterns(pictures, config)
    units = [_unit(picture, config) for picture in pictures]
    sides = [picture.split or _side_by_pattern(picture.group, config) for picture in pictures]
    if config.validation_share > 0:
        _draw(pictures, units, sides, config)
    if config.split_by != "picture":
        _check_apart(pictures, units, sides, config)
    chosen = {
        side: [(picture.label, picture.path) for picture, of in zip(pictures, sides, strict=True) if of == side]
        for side in ("train", "validation")
    }
    shared = None
    if config.split_by == "picture":
        shared = tuple(sorted({name for pairs in chosen.values() for name, _ in pairs}))
    return {side: split_of(pairs, shared) for side, pairs in chosen.items()}


def _check_patterns(pictures: Sequence[LabelledPicture], config: TrainConfig) -> None:
    groups = {picture.group for picture in pictures}
    kinds = "classes" if config.labelled else "folders"
    for pattern in (*config.classes, *config.validation, *config.held_out):
        if not any(fnmatchcase(group, pattern) for group in groups):
            raise DataError(f"none of the {kinds} matches {pattern!r}. They are {_listed(groups)}")


def _unit(picture: LabelledPicture, config: TrainConfig) -> str:
    """The class, subject or path that must stay on one side."""
    if config.split_by == "picture":
        return str(picture.path)
    if config.split_by == "class":
        return picture.label
    if picture.subject is None:
        raise DataError(
            f"split_by subject: {picture.path} has no subject. Use a CSV with a subject in every row, or split_by class"
        )
    return picture.subject


def _side_by_pattern(group: str, config: TrainConfig) -> str:
    for side, patterns in (("held_out", config.held_out), ("validation", config.validation)):
        if any(fnmatchcase(group, pattern) for pattern in patterns):
            return side
    return "train" if any(fnmatchcase(group, pattern) for pattern in config.classes) else _LEFT_OUT


def _draw(pictures: Sequence[LabelledPicture], units: Sequence[str], sides: list[str], config: TrainConfig) -> None:
    """Move a random share of the units from `train` to `validation`, in place."""
    if "validation" in sides:
        raise DataError(
            f"validation_share {config.validation_share}: the CSV or the setting validation already names the "
            "validation pictures. Use 0"
        )
    rows = [row for row, side in enumerate(sides) if side == "train"]
    generator = np.random.default_rng(config.seed)
    if config.split_by == "picture":
        drawn = _drawn_pictures([pictures[row].label for row in rows], config, generator)
        chosen = {units[rows[place]] for place in drawn}
    else:
        names = sorted({units[row] for row in rows})
        count = _count(len(names), config, least=1 if config.split_by == "subject" else 2)
        chosen = {names[place] for place in generator.permutation(len(names))[:count]}
    for row in rows:
        if units[row] in chosen:
            sides[row] = "validation"


def _drawn_pictures(labels: Sequence[str], config: TrainConfig, generator: np.random.Generator) -> set[int]:
    """Positions in `labels`, at regular steps through the shuffled classes, so that each class gives its share."""
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
    """How many to draw: at least `least`, and fewer than all."""
    count = max(least, round(config.validation_share * units))
    if count >= units:
        kinds = _PLURAL[config.split_by]
        raise DataError(
            f"validation_share {config.validation_share}: {count} of {units} {kinds} for validation leaves none to "
            f"train on. Use more {kinds}, a smaller share, or 0"
        )
    return count


def _check_apart(
    pictures: Sequence[LabelledPicture], units: Sequence[str], sides: Sequence[str], config: TrainConfig
) -> None:
    first: dict[str, tuple[str, LabelledPicture]] = {}
    for picture, unit, side in zip(pictures, units, sides, strict=True):
        if side == _LEFT_OUT:
            continue
        before, example = first.setdefault(unit, (side, picture))
        if before != side:
            raise DataError(
                f"the {config.split_by} {unit!r} is on two sides of the split: {example.path} in {before}, "
                f"{picture.path} in {side}. Put all its pictures on one side, or set split_by picture"
            )


def _listed(names: Iterable[str]) -> str:
    ordered = sorted(names)
    more = len(ordered) - _MOST_LISTED
    return ", ".join(ordered[:_MOST_LISTED]) + (f" and {more} more" if more > 0 else "")


def check_trainable(train: Split, config: TrainConfig) -> None:
    """Check that there are enough classes and pictures.

    Raises:
        DataError: too few classes or pictures for the sampling of `config`.
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
            f"{alone} of them with a single picture. Put each class into a folder of its own, or give --unlabelled"
        )


def lonely_classes(split: Split) -> tuple[str, ...]:
    """Names of the classes with a single picture."""
    counts = np.bincount(split.classes, minlength=len(split.names))
    return tuple(split.names[number] for number in np.flatnonzero(counts == 1))
