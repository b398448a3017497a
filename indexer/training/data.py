"""The pictures of a training run and their classes, from folders or a CSV."""

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
    """One picture and what is known of it."""

    path: Path
    label: str
    """Its class; its own relative path where no class is known."""
    group: str
    """What the patterns of `TrainConfig` are matched with: the class, or the folder where no class is known."""
    split: str | None = None
    """`train`, `validation` or `held_out`, where a CSV says it."""
    subject: str | None = None
    """The person, writer or thing that it shows, where a CSV says it."""


@dataclass(frozen=True, slots=True)
class Split:
    """Pictures of one split, sorted by class and path; `classes (N,)` counts into `names`."""

    paths: tuple[Path, ...]
    classes: NDArray[np.int64]
    names: tuple[str, ...]
    names_shared: bool = False
    """Whether `names` are also those of the other splits: a part then keeps them, with its classes numbered as here."""

    def take(self, rows: NDArray[np.int64]) -> Split:
        """Keep some pictures; classes are counted anew unless their names are shared."""
        kept = [(self.names[self.classes[row]], self.paths[row]) for row in rows]
        return split_of(kept, self.names if self.names_shared else None)


def read_pictures(
    pictures: Path, labels: str = FOLDER, *, labelled: bool = True, exclude: Sequence[str] = ()
) -> list[LabelledPicture]:
    """List the pictures to train on, sorted by class and path.

    Classes are the labels that `indexer.labels` gives: by the folders below `pictures` (`folder`), or by the rows of a
    CSV with the columns `path` and `label`, and perhaps `split` (train, validation or test) and `subject`. Pictures
    without a label are left out.

    Where `labelled` is false every picture is its own class: those of all folders, `pictures` itself among them, or
    those of a CSV, which then needs no labels. In folders, what `indexer.pipeline.excludes` names is left out, and so
    is what the patterns of `exclude` match.

    Raises:
        DataError: no such folder or CSV, no pictures, a folder that cannot be read, or what `indexer.labels` refuses:
            a missing column, an unknown split, a row that names two files, or two rows that disagree on one.
    """
    if not pictures.is_dir():
        raise DataError(f"{pictures}: no such folder of pictures")
    if labels == FOLDER:
        found = list(_of_folders(pictures, exclude, labelled=labelled))
    else:
        found = list(_of_rows(Path(labels), pictures, labelled=labelled))
    if not found:
        raise DataError(_nothing_in(pictures if labels == FOLDER else Path(labels), labelled=labelled))
    return sorted(found, key=lambda picture: (picture.label, os.fsencode(picture.path)))


def split_of(pictures: Iterable[tuple[str, Path]], names: tuple[str, ...] | None = None) -> Split:
    """Number the classes of (class, path) pairs by their place in `names`; None: in the order of their names."""
    pairs = list(pictures)
    counted = tuple(sorted({name for name, _ in pairs})) if names is None else names
    number = {name: index for index, name in enumerate(counted)}
    classes = np.array([number[name] for name, _ in pairs], dtype=np.int64)
    return Split(tuple(path for _, path in pairs), classes, counted, names_shared=names is not None)


def evenly(split: Split, most: int) -> Split:
    """At most `most` pictures, the same number of each class, spread over its files.

    Of more classes than `most` can show two pictures each, some are left out, evenly spread over their names.
    """
    if len(split.paths) <= most:
        return split
    numbers, counts = np.unique(split.classes, return_counts=True)
    each = min(max(2, most // len(numbers)), int(counts.max()))
    chosen = numbers[_spread(len(numbers), max(1, most // each))]
    rows = [np.flatnonzero(split.classes == number) for number in chosen]
    return split.take(np.concatenate([of[_spread(len(of), each)] for of in rows]))


def _spread(count: int, most: int) -> NDArray[np.int64]:
    """At most `most` of the places 0 to count - 1, from the first to the last."""
    return np.unique(np.linspace(0, count - 1, min(most, count)).astype(np.int64))


def digest(pictures: Path, splits: dict[str, Split]) -> str:
    """Sixteen hex digits that tell two sets of labelled files apart, by name, class and size."""
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
        return [found.path for found in scan(root, unreadable=lambda path, error: None)]

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
        "label in each row (--labels); to train without classes, give --unlabelled"
    )
