"""The pictures of a training run and their classes, from folders or a CSV."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from indexer.csv_table import open_csv
from indexer.labels import mismatch
from indexer.pipeline.excludes import Excludes
from search.errors import DataError
from search.pictures.decode import PICTURE_SUFFIXES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from numpy.typing import NDArray

_SPLIT_NAMES = {"": "train", "train": "train", "validation": "validation", "val": "validation", "test": "held_out"}


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
    pictures: Path, labels: str = "folder", *, labelled: bool = True, exclude: Sequence[str] = ()
) -> list[LabelledPicture]:
    """List the pictures to train on, sorted by class and path.

    `folder`: a class is the folder that holds a picture, called by its path relative to `pictures`, so that two
    folders of one name in different places are two classes. Anything else: the path of a CSV with the columns `path`
    (absolute, or relative to `pictures` or to the CSV's folder), `label`, and perhaps `split` (train, validation or
    test) and `subject`. A row without a path or label is left out; one that is repeated counts once.

    Where `labelled` is false every picture is its own class: those of all folders, `pictures` itself among them, or
    those of a CSV, which then needs no labels. In folders, what `indexer.pipeline.excludes` names is left out, and so
    is what the patterns of `exclude` match.

    Raises:
        DataError: no such folder or CSV, no pictures, a missing column, an unknown split, or a picture of which two
            rows say different things.
    """
    if not pictures.is_dir():
        raise DataError(f"{pictures}: no such folder of pictures")
    by_folder = labels == "folder"
    found = list(
        _by_folder(pictures, Excludes(pictures, exclude), labelled=labelled)
        if by_folder
        else _once(_by_csv(Path(labels), pictures, labelled=labelled), Path(labels))
    )
    if not found:
        raise DataError(_nothing_in(pictures if by_folder else Path(labels), by_folder=by_folder, labelled=labelled))
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


def _by_folder(root: Path, excludes: Excludes, *, labelled: bool) -> Iterator[LabelledPicture]:
    def is_taken(name: str) -> bool:
        return not name.startswith(".") and not excludes.covers(str(Path(folder, name)))

    for folder, subfolders, names in os.walk(root):
        subfolders[:] = filter(is_taken, subfolders)
        group = Path(folder).relative_to(root).as_posix()
        if group == "." and labelled:
            continue
        for name in names:
            if Path(name).suffix.lower() in PICTURE_SUFFIXES and is_taken(name):
                path = Path(folder, name)
                yield LabelledPicture(path, group if labelled else path.relative_to(root).as_posix(), group)


def _by_csv(file: Path, root: Path, *, labelled: bool) -> Iterator[LabelledPicture]:
    rows = _rows(file, {"path", "label"} if labelled else {"path"})
    _refuse_misfit(rows, file, root)
    for _, row in rows:
        path, split = row["path"], row.get("split")
        if split is not None and split not in _SPLIT_NAMES:
            raise DataError(f"{file}: {path} has the split {split!r}; known are train, validation and test")
        if not path or (labelled and not row["label"]):
            continue
        place = Path(os.path.normpath(root / path if (root / path).exists() else file.parent / path))
        name = Path(os.path.relpath(place, root))
        yield LabelledPicture(
            path=place,
            label=row["label"] if labelled else name.as_posix(),
            group=row["label"] if labelled else name.parent.as_posix(),
            split=None if split is None else _SPLIT_NAMES[split],
            subject=row.get("subject") or None,
        )


def _rows(file: Path, wanted: set[str]) -> list[tuple[int, dict[str, str]]]:
    with open_csv(file, ("path", "label", "split", "subject"), kind="a CSV of labels") as table:
        table.require(*sorted(wanted))
        return list(table.named())


def _refuse_misfit(rows: list[tuple[int, dict[str, str]]], file: Path, root: Path) -> None:
    """Raise DataError where not one row names a file that is there."""
    paths = [(line, row["path"]) for line, row in rows if row["path"]]
    if paths and not any((base / path).exists() for _, path in paths for base in (root, file.parent)):
        there = [each.path for each in _by_folder(root, Excludes(root), labelled=False)]
        hint = mismatch(*paths[0], there) if there else f"Line {paths[0][0]} says {paths[0][1]!r}"
        raise DataError(f"{file}: none of its {len(paths):,} rows names a picture that is there. {hint}")


def _once(pictures: Iterable[LabelledPicture], file: Path) -> Sequence[LabelledPicture]:
    """Drop rows that say the same again; two that disagree on a picture leave nothing to believe."""
    known: dict[Path, LabelledPicture] = {}
    for picture in pictures:
        before = known.setdefault(picture.path, picture)
        for column in ("label", "split", "subject"):
            one, other = getattr(before, column), getattr(picture, column)
            if one != other:
                raise DataError(
                    f"{file}: {picture.path} stands there twice, with the {column} {one!r} and {other!r}. "
                    "Keep one of the two rows"
                )
    return list(known.values())


def _nothing_in(place: Path, *, by_folder: bool, labelled: bool) -> str:
    if not labelled:
        return f"{place}: no pictures here"
    shape = "a folder a class, or a CSV" if by_folder else "a path and a label in a row"
    return f"{place}: no labelled pictures here. Training wants {shape}; without classes, train unlabelled"
