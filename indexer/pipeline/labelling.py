"""Choose the label of each picture in an update, by the given source of labels or the one that the index remembers.

An index remembers the source of the labels of each folder that it follows. If no source is given, the remembered one
labels new pictures, and pictures with a label keep it: a label from elsewhere, such as an import or a CSV given to
`add`, is not lost.

Earlier versions labelled a picture by the name of its folder; `indexer.labels.by_folder` uses the path. An index that
they made keeps the old rule until a source is given, because scripts may depend on its labels.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from indexer.labels import FOLDER, NONE, LabelTable, by_folder, read_labels
from search.errors import DataError
from search.pictures.remote import is_remote

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from search.store.catalog import Catalog
    from search.store.records import PictureRecord

SETTING = "labels"
"""Setting of the catalog: followed folder -> source of its labels, which is `BY_PATH`, `BY_NAME`, `NONE`, or the
absolute path of a CSV."""
RULE_SETTING = "label_rule"
"""Setting of the catalog: `BY_PATH` or `BY_NAME`, the source for pictures outside the folders of `SETTING`. Earlier
versions did not store it."""
BY_PATH, BY_NAME = "path", "folder"
"""Stored sources; earlier versions wrote the second one for `indexer.labels.FOLDER`."""


class Labeller(Protocol):
    """Path -> label."""

    def __call__(self, path: Path, known: PictureRecord | None, /) -> str | None:
        """Label a picture; `known` is its record in the index, at this path or at the one that it moved from."""


@dataclass(frozen=True, slots=True)
class Labelling:
    """How one update labels pictures."""

    label: Labeller
    sources: dict[str, str]
    """The setting `labels` after the update."""
    notes: list[str] = field(default_factory=list)
    """Notes for the report, one sentence each."""
    kept_too: bool = False
    """Whether pictures of missing folders, which stay, are labelled too. A CSV was not matched with them."""


def names_csv(stored: str) -> bool:
    """Whether a stored source is a CSV."""
    return stored not in (BY_PATH, BY_NAME, NONE)


def rule_of(catalog: Catalog) -> str:
    """The default rule of an index for labels by folder: `BY_PATH` or `BY_NAME`."""
    settings = catalog.settings()
    return BY_PATH if "encoder" not in settings or settings.get(RULE_SETTING) == BY_PATH else BY_NAME


def _by_name(path: Path, root: Path) -> str | None:
    return None if by_folder(path, root) is None else path.parent.name


_RULES = {BY_PATH: by_folder, BY_NAME: _by_name}


def remembered_sources(catalog: Catalog) -> dict[str, str]:
    """The setting `labels`; empty for an index that has none."""
    sources: Any = catalog.settings().get(SETTING)
    return dict(sources) if isinstance(sources, dict) else {}


def named_table(source: str | None, bases: Sequence[Path], pictures: Collection[Path]) -> LabelTable | None:
    """Read the CSV that is given as the source; None if the source is not a CSV. Raises as `read_labels`."""
    return None if source in (None, FOLDER, NONE) else read_labels(Path(source), bases, pictures)


def follow_named(catalog: Catalog, root: Path, source: str, table: LabelTable | None) -> Labelling:
    """Label all pictures below `root` by a given source, and remember the source."""
    sources = {top: each for top, each in remembered_sources(catalog).items() if not Path(top).is_relative_to(root)}
    if table is not None:
        rows = table.labels
        sources[str(root)] = str(table.file.absolute())
        return Labelling(lambda path, known: rows.get(path), sources, table.notes())
    sources[str(root)] = NONE if source == NONE else BY_PATH
    if source == NONE:
        return Labelling(lambda path, known: None, sources, kept_too=True)
    return Labelling(lambda path, known: by_folder(path, root), sources, kept_too=True)


def follow_own(catalog: Catalog, root: Path, own: Callable[[Path], str | None]) -> Labelling:
    """Label new pictures by what their source says of them, such as the labels in tar shards; others keep theirs."""
    sources = {top: each for top, each in remembered_sources(catalog).items() if not Path(top).is_relative_to(root)}
    sources[str(root)] = NONE
    return Labelling(lambda path, known: own(path) if known is None else known.label, sources)


def follow_remembered(
    catalog: Catalog, root: Path, pictures: Collection[Path], roots: Sequence[Path] = ()
) -> Labelling:
    """Label a folder by the sources that the index remembers, and keep existing labels.

    A remembered CSV is read again, and its rows are applied; if it cannot be used, a note reports that and labels stay.
    A moved folder keeps its source. A folder that is followed for the first time is remembered with the rule of the
    index, so that labels stay relative to it if one of its parent folders is followed later.
    """
    sources = _moved_along(catalog, remembered_sources(catalog), root, pictures)
    if not any(root.is_relative_to(top) for top in (*roots, *map(Path, sources))):
        sources[str(root)] = rule_of(catalog)
    remembered = _Remembered(sources, rule_of(catalog))
    for top in remembered.touching(root):
        remembered.read(top, pictures)
    outer = next((each for each in roots if root.is_relative_to(each)), root)  # the followed folder that holds `root`
    return Labelling(lambda path, known: remembered.label(path, known, outer), sources, remembered.notes)


def add_named(catalog: Catalog, table: LabelTable) -> Labelling:
    """Label added pictures by a CSV; a picture without a row keeps its label."""
    rows = table.labels
    return Labelling(
        lambda path, known: rows.get(path, known.label if known else None),
        remembered_sources(catalog),
        table.notes(),
    )


def add_remembered(
    catalog: Catalog, source: str | None, tops: dict[Path, Path], roots: Sequence[Path], pictures: Collection[Path]
) -> Labelling:
    """Label added pictures: pictures of the index keep their labels, new ones are labelled by their folders.

    Args:
        catalog: the index.
        source: `folder` or `none`, if one is given.
        tops: path of a picture -> the file or folder given by the caller that it belongs to.
        roots: folders that the index follows.
        pictures: absolute paths of the added pictures.
    """
    remembered = _Remembered(remembered_sources(catalog), rule_of(catalog))
    in_use = catalog.pictures.label_counts()
    if source is None:
        for top in remembered.sources:
            remembered.read(top, pictures)

    def label(path: Path, known: PictureRecord | None) -> str | None:
        root = next((each for each in roots if path.is_relative_to(each)), tops[path])
        if source == NONE:
            return known.label if known else None
        if root == path:  # the file itself was given, and no followed folder holds it
            return kept(path, known, lambda new: _ending_in_use(new, in_use))
        if source == FOLDER:
            return kept(path, known, lambda new: remembered.by_folder(new, root))
        return remembered.label(path, known, root)

    return Labelling(label, remembered_sources(catalog), remembered.notes)


def kept(path: Path, known: PictureRecord | None, fresh: Callable[[Path], str | None]) -> str | None:
    """The existing label of a picture; a fresh one for a new picture, and if a moved picture had its folder's label."""
    if known is None:
        return fresh(path)
    if known.path == path or not (known.label is None or known.has_folder_label):
        return known.label
    return fresh(path)


def _ending_in_use(path: Path, in_use: Collection[str]) -> str | None:
    """The longest end of the path of a picture's folder that is a label of the index; None if there is none."""
    parts = path.parent.parts[1:]
    return next((end for start in range(len(parts)) if (end := "/".join(parts[start:])) in in_use), None)


def _moved_along(catalog: Catalog, sources: dict[str, str], root: Path, pictures: Collection[Path]) -> dict[str, str]:
    """The sources, with those of a folder that moved to `root` under its new path.

    A folder has moved to `root` if it no longer exists, `root` has no source, and most of its pictures have the same
    relative path below `root`.
    """
    tops = [Path(top) for top in sources]
    if any(top.is_relative_to(root) or root.is_relative_to(top) for top in tops):
        return sources
    for top in sorted(tops, key=lambda each: len(each.parts)):
        if is_remote(top) or os.path.lexists(top):
            continue
        there = [root / record.path.relative_to(top) in pictures for record in catalog.pictures.below(top)]
        if 2 * sum(there) > len(there):
            return {_renamed(each, top, root): _renamed(source, top, root) for each, source in sources.items()}
    return sources


def _renamed(path: str, top: Path, root: Path) -> str:
    """Replace `top` by `root` at the start of a path; other text is returned unchanged."""
    return str(root / Path(path).relative_to(top)) if Path(path).is_relative_to(top) else path


class _Remembered:
    """The sources that an index remembers; each CSV is read once."""

    def __init__(self, sources: dict[str, str], rule: str) -> None:
        self.sources = {Path(top): source for top, source in sources.items()}
        self._rule = rule
        self.notes: list[str] = []
        self._rows: dict[Path, dict[Path, str | None]] = {}

    def touching(self, root: Path) -> list[Path]:
        """Folders with a source of their own that are below `root` or contain it."""
        return [top for top in self.sources if top.is_relative_to(root) or root.is_relative_to(top)]

    def read(self, top: Path, pictures: Collection[Path]) -> None:
        """Read the CSV of a folder, if its source is one."""
        if not names_csv(self.sources[top]):
            return
        below = {path for path in pictures if path.is_relative_to(top)}
        if not below:
            return
        try:
            self._rows[top] = read_labels(Path(self.sources[top]), [top], below).labels
        except DataError as error:
            self.notes.append(f"labels stay as they are: {error}. To use another source, name it with --labels")

    def label(self, path: Path, known: PictureRecord | None, root: Path) -> str | None:
        """The label of a picture, by the source of the innermost folder that has one, else relative to `root`."""
        top = self._top(path) or root
        before = None if known is None else self._top(known.path)
        if self.sources.get(top, self._rule) not in _RULES:
            return self._rows.get(top, {}).get(path, known.label if known else None)
        if known is not None and before is not None and self.sources[before] not in _RULES:
            return known.label  # moved here from a folder whose labels do not come from folders
        return kept(path, known, lambda new: self.by_folder(new, top))

    def by_folder(self, path: Path, root: Path) -> str | None:
        """The label of a picture by its folders, below the innermost folder with a source, else below `root`."""
        top = self._top(path) or root
        return _RULES.get(self.sources.get(top, self._rule), _RULES[self._rule])(path, top)

    def _top(self, path: Path) -> Path | None:
        holding = [top for top in self.sources if path.is_relative_to(top)]
        return max(holding, key=lambda each: len(each.parts), default=None)
