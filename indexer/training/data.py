"""List the pictures of a training run with their classes, from folders or a CSV."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from indexer.labels import FOLDER, by_folder, read_labels_of_files
from indexer.pipeline.excludes import Excludes
from indexer.pipeline.scan import scan
from search.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class LabelledPicture:
    """One picture with its class, split and subject."""

    path: Path
    label: str
    """The class; the relative path of the picture if it has no class."""
    group: str
    """Text that the patterns of `TrainConfig` are matched with: the class, or the folder if there is no class."""
    split: str | None = None
    """`train`, `validation` or `held_out`, from a CSV; None without one."""
    subject: str | None = None
    """The person, writer or thing that the picture shows, from a CSV; None without one."""


@dataclass(frozen=True, slots=True)
class Split:
    """Pictures of one split, sorted by class and path; `classes (N,) int64` are indices into `names`."""

    paths: tuple[Path, ...]
    classes: NDArray[np.int64]
    names: tuple[str, ...]
    names_shared: bool = False
    """Whether the other splits have the same `names`; a subset then keeps them and the numbers of its classes."""

    def take(self, rows: NDArray[np.int64]) -> Split:
        """Select pictures; classes are numbered again unless their names are shared."""
        kept = [(self.names[self.classes[row]], self.paths[row]) for row in rows]
        return split_of(kept, self.names if self.names_shared else None)


def read_pictures(
    pictures: Path, labels: str = FOLDER, *, labelled: bool = True, exclude: Sequence[str] = ()
) -> list[LabelledPicture]:
    """List the pictures to train on, sorted by class and path.

    Classes are the labels of `indexer.labels`: by the folders below `pictures` (`folder`), or by the rows of a CSV with
    the columns `path` and `label` and, optionally, `split` (train, validation or test) and `subject`. Pictures without
    a label are left out.

    If `labelled` is false, each picture is its own class: all pictures in `pictures` and its subfolders, or those of a
    CSV, which then needs no labels. In folders, files that `indexer.pipeline.excludes` or the patterns of `exclude`
    match are left out.

    Raises:
        DataError: the folder or CSV does not exist or cannot be read, there are no pictures, or `indexer.labels`
            rejects the CSV: a missing column, an unknown split, a row that names two files, or rows that disagree.
    """
    if not pictures.is_dir():
        raise DataError(f"{pictures}: no such folder of pictures")
    if labels == FOLDER:
        listed = list(_of_folders(pictures, exclude, labelled=labelled))
    else:
        listed = list(_of_rows(Path(labels), pictures, labelled=labelled))
    if not listed:
        raise DataError(_nothing_in(pictures if labels == FOLDER else Path(labels), labelled=labelled))
    return sorted(listed, key=lambda picture: (picture.label, os.fsencode(picture.path)))


def split_of(pictures: Iterable[tuple[str, Path]], names: tuple[str, ...] | None = None) -> Split:
    """Number the classes of (class, path) pairs by their position in `names`, which defaults to the sorted names."""
    pairs = list(pictures)
    numbered = tuple(sorted({name for name, _ in pairs})) if names is None else names
    number = {name: index for index, name in enumerate(numbered)}
    classes = np.array([number[name] for name, _ in pairs], dtype=np.int64)
    return Split(tuple(path for _, path in pairs), classes, numbered, names_shared=names is not None)


def evenly(split: Split, most: int) -> Split:
    """Select at most `most` pictures, up to the same number per class, evenly spread over the files of each class.

    If there are too many classes for two pictures each, some are left out, evenly spread over their names.
    """
    if len(split.paths) <= most:
        return split
    numbers, counts = np.unique(split.classes, return_counts=True)
    each = min(max(2, most // len(numbers)), int(counts.max()))
    chosen = numbers[_spread(len(numbers), max(1, most // each))]
    rows = [np.flatnonzero(split.classes == number) for number in chosen]
    return split.take(np.concatenate([of[_spread(len(of), each)] for of in rows]))


def _spread(count: int, most: int) -> NDArray[np.int64]:
    """At most `most` evenly spread indices from 0 to count - 1."""
    return np.unique(np.linspace(0, count - 1, min(most, count)).astype(np.int64))


def digest(pictures: Path, splits: dict[str, Split]) -> str:
    """Sixteen hex digits that identify a set of labelled files, by split, class, name and size."""
    sha = hashlib.sha256()
    for split, content in sorted(splits.items()):
        for path, number in zip(content.paths, content.classes, strict=True):
            size = path.stat().st_size if path.exists() else -1
            line = (split, content.names[number], os.path.relpath(path, pictures), size)
            sha.update(repr(line).encode("utf-8", "surrogateescape"))
    return sha.hexdigest()[:16]


def _of_folders(root: Path, exclude: Sequence[str], *, labelled: bool) -> Iterator[LabelledPicture]:
    top = root.absolute()
    for file in scan(root, excludes=Excludes(top, exclude)):
        name = file.path.relative_to(top)
        if not labelled:
            yield LabelledPicture(root / name, name.as_posix(), name.parent.as_posix())
        elif (label := by_folder(file.path, top)) is not None:
            yield LabelledPicture(root / name, label, label)


def _of_rows(file: Path, root: Path, *, labelled: bool) -> Iterator[LabelledPicture]:
    def examples() -> list[Path]:
        return [file.path for file in scan(root, unreadable=lambda path, error: None)]

    for path, row in read_labels_of_files(file, root, labelled=labelled, examples=examples).rows.items():
        if not labelled:
            name = Path(os.path.relpath(path, root))
            yield LabelledPicture(path, name.as_posix(), name.parent.as_posix(), row.split, row.subject)
        elif row.label is not None:
            yield LabelledPicture(path, row.label, row.label, row.split, row.subject)


def _nothing_in(place: Path, *, labelled: bool) -> str:
    if not labelled:
        return f"{place}: no pictures here"
    return (
        f"{place}: no labelled pictures here. Labels come from one folder per class, or from a CSV with a path and a "
        "label in each row (--labels). To train without labels, use --unlabelled"
    )
