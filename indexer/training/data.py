"""The pictures of a training run, their classes, and which classes are trained on."""

from __future__ import annotations

import csv
import hashlib
import os
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from search.errors import DataError
from search.images import PICTURE_SUFFIXES

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from indexer.training.config import TrainConfig

SPLITS = ("train", "validation", "held_out")
_SPLIT_NAMES = {"": "train", "train": "train", "validation": "validation", "val": "validation", "test": "held_out"}


@dataclass(frozen=True, slots=True)
class LabelledPicture:
    """One picture, the name of its class, and its split where a CSV says one."""

    path: Path
    label: str
    split: str | None = None


@dataclass(frozen=True, slots=True)
class Split:
    """Pictures of one split, sorted by class and path; `classes (N,)` counts into `names`."""

    paths: tuple[Path, ...]
    classes: NDArray[np.int64]
    names: tuple[str, ...]

    def take(self, rows: NDArray[np.int64]) -> Split:
        """Keep some pictures; classes are counted anew."""
        kept = [(self.names[self.classes[row]], self.paths[row]) for row in rows]
        return split_of(kept)


def read_pictures(pictures: Path, labels: str = "folder") -> list[LabelledPicture]:
    """List labelled pictures.

    `folder`: a class is the folder that holds a picture, called by its path relative to `pictures`, so that two
    folders of one name in different places are two classes. Anything else: the path of a CSV with the columns `path`
    (absolute, or relative to `pictures` or to the CSV's folder), `label`, and perhaps `split` (train, validation or
    test).

    Raises:
        DataError: no such folder or CSV, no pictures, a missing column, an unknown split.
    """
    if not pictures.is_dir():
        raise DataError(f"{pictures}: no such folder of pictures")
    found = list(_by_folder(pictures) if labels == "folder" else _by_csv(Path(labels), pictures))
    if not found:
        raise DataError(f"{pictures}: no labelled pictures here. Training wants a folder a class, or a CSV")
    return sorted(found, key=lambda picture: (picture.label, os.fsencode(picture.path)))


def split_by_class(found: Sequence[LabelledPicture], config: TrainConfig) -> dict[str, Split]:
    """Sort pictures into `train` and `validation`; `held_out` ones are dropped here and never opened.

    A pattern of `held_out` wins over one of `validation`, that over `classes`; a CSV's split wins over all.

    Raises:
        DataError: a pattern that no class matches.
    """
    names = {picture.label for picture in found}
    for pattern in (*config.classes, *config.validation, *config.held_out):
        if not any(fnmatchcase(name, pattern) for name in names):
            raise DataError(f"no class matches {pattern!r}: the classes are {_listed(names)}")
    where = {name: _split_of_class(name, config) for name in names}
    chosen: dict[str, list[tuple[str, Path]]] = {split: [] for split in (*SPLITS, "left_out")}
    for picture in found:
        chosen[picture.split or where[picture.label]].append((picture.label, picture.path))
    return {split: split_of(chosen[split]) for split in ("train", "validation")}


def split_of(pictures: Iterable[tuple[str, Path]]) -> Split:
    """Number the classes of (class, path) pairs, in the order of their names."""
    pairs = list(pictures)
    names = tuple(sorted({name for name, _ in pairs}))
    number = {name: index for index, name in enumerate(names)}
    classes = np.array([number[name] for name, _ in pairs], dtype=np.int64)
    return Split(tuple(path for _, path in pairs), classes, names)


def evenly(split: Split, most: int) -> Split:
    """At most `most` pictures, the same number of each class, spread over its files; never fewer than two a class."""
    if len(split.paths) <= most:
        return split
    each = max(2, most // len(split.names))
    rows = [np.flatnonzero(split.classes == number) for number in range(len(split.names))]
    spread = [of[np.unique(np.linspace(0, len(of) - 1, min(each, len(of))).astype(np.int64))] for of in rows]
    return split.take(np.concatenate(spread))


def digest(pictures: Path, splits: dict[str, Split]) -> str:
    """Sixteen hex digits that tell two sets of labelled files apart, by name, class and size."""
    sha = hashlib.sha256()
    for split, content in sorted(splits.items()):
        for path, number in zip(content.paths, content.classes, strict=True):
            size = path.stat().st_size if path.exists() else -1
            line = (split, content.names[number], os.path.relpath(path, pictures), size)
            sha.update(repr(line).encode("utf-8", "surrogateescape"))
    return sha.hexdigest()[:16]


def _by_folder(root: Path) -> Iterable[LabelledPicture]:
    for folder, subfolders, names in os.walk(root):
        subfolders[:] = [name for name in subfolders if not name.startswith(".")]
        label = Path(folder).relative_to(root).as_posix()
        if label != ".":
            for name in names:
                if Path(name).suffix.lower() in PICTURE_SUFFIXES and not name.startswith("."):
                    yield LabelledPicture(Path(folder, name), label)


def _by_csv(file: Path, root: Path) -> Iterable[LabelledPicture]:
    try:
        with file.open(newline="", encoding="utf-8-sig") as stream:
            reader = csv.DictReader(stream)
            if missing := {"path", "label"} - set(reader.fieldnames or ()):
                raise DataError(f"{file}: lacks the column {' and '.join(sorted(missing))}")
            rows = [(row["path"], row["label"], row.get("split")) for row in reader]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{file}: cannot be read as a CSV of labels ({error})") from error
    for path, label, split in rows:
        if split is not None and split not in _SPLIT_NAMES:
            raise DataError(f"{file}: {path} has the split {split!r}; known are train, validation and test")
        if path and label:
            place = root / path if (root / path).exists() else file.parent / path
            yield LabelledPicture(place, label, None if split is None else _SPLIT_NAMES[split])


def _split_of_class(name: str, config: TrainConfig) -> str:
    for split, patterns in (("held_out", config.held_out), ("validation", config.validation)):
        if any(fnmatchcase(name, pattern) for pattern in patterns):
            return split
    return "train" if any(fnmatchcase(name, pattern) for pattern in config.classes) else "left_out"


def _listed(names: Iterable[str], most: int = 8) -> str:
    ordered = sorted(names)
    return ", ".join(ordered[:most]) + (f" and {len(ordered) - most} more" if len(ordered) > most else "")
