"""Import vectors that were made elsewhere: check all, then write segment after segment."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from indexer.change_report import ChangeReport
from indexer.exchange.checking import check_source
from indexer.exchange.config import ImportConfig, chunk_rows, default_segment_rows
from indexer.exchange.contents import read_content, stamp
from indexer.exchange.origin import origin_namer, origin_of, refuse_another
from indexer.exchange.segment_writer import SegmentWriter
from indexer.exchange.sources import open_source
from indexer.exchange.unit_vectors import unit_rows
from indexer.progress import Silent, Stages
from indexer.writer import open_writer
from search.catalog import Catalog, has_catalog
from search.errors import DataError
from search.indexes import resolve_device
from search.metadata import MOST_COLUMNS

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterator, Mapping
    from typing import Any

    from indexer.exchange.checking import Checked
    from indexer.exchange.rows import Row, Source
    from indexer.progress import Progress
    from search.metadata import ColumnType
    from search.records import PictureRecord
    from search.types import Floats


def import_vectors(
    vectors: str | os.PathLike[str],
    index: str | os.PathLike[str],
    config: ImportConfig | None = None,
    *,
    progress: Progress | None = None,
) -> ChangeReport:
    """Make an index of vectors from elsewhere, or add them to one of the same encoder.

    Everything is checked before the first is written. Then each segment is a commit: an import that was killed goes
    on where it was when it is run again, as pictures that the index has with the same vector stay as they are. No
    more is in memory than the vectors of one segment, with its structure.

    The pictures need not exist. Ids are those of an export where the index had no picture before, else new ones.

    Args:
        vectors: a .npy file `(N, D)`, a Parquet file, or a folder that `export` wrote.
        index: the index folder.
        config: see there.
        progress: who is told.

    Raises:
        DataError: the vectors cannot be used; the message names the row.
        EncoderError: they are of another encoder than the index, or nobody says of which.
        IndexFolderError: the index folder cannot be made, or is damaged.
        IndexLockedError: another process is writing this index.
        DiskError: the disk failed, is full, or refused.
    """
    config = config or ImportConfig()
    folder, stages = Path(index).absolute(), Stages(progress or Silent())
    if config.kind != "auto":
        resolve_device(config.device, config.kind)
    source = open_source(Path(vectors), config)
    with stages.stage("load encoder"):
        own = _settings(folder)
        origin = origin_of(source, own, config)
        refuse_another(origin, own, folder)
    checked = check_source(source, normalize=config.normalize, stages=stages)
    with open_writer(folder, create=True) as catalog:
        if "encoder" in catalog.settings():  # another writer may have been quicker
            refuse_another(origin, catalog.settings(), folder)
        columns = _new_columns(catalog, source)
        run = _Import(catalog, source, config, stages)
        keep_ids = run.check_known() and checked.ids_ascend
        first = origin_namer(catalog, source, origin, config) if catalog.count() == 0 else None
        run.write(first, columns, keep_ids=keep_ids)
        return run.report(checked)


def _settings(folder: Path) -> Mapping[str, Any]:
    """Of an index; empty where there is none, or an unfinished one."""
    if not has_catalog(folder):
        return {}
    catalog = Catalog.read(folder)
    try:
        return catalog.settings() if "encoder" in catalog.settings() else {}
    finally:
        catalog.close()


def _new_columns(catalog: Catalog, source: Source) -> dict[str, ColumnType]:
    """Columns of metadata that the index lacks; raises DataError where one has another type in the index."""
    known = catalog.metadata.columns()
    for name, kind in source.columns.items():
        if known.get(name, kind) != kind:
            raise DataError(
                f"{source.name}: its column {name!r} is {kind}, and in the index {known[name]}. Rename it there, or"
                f" forget what the index has of it: twinlens metadata --index {catalog.folder} --drop {name!r}"
            )
    new = {name: kind for name, kind in source.columns.items() if name not in known}
    if len(known) + len(new) > MOST_COLUMNS:
        raise DataError(f"{source.name}: the index would have more than {MOST_COLUMNS:,} columns of metadata")
    return new


@dataclass(slots=True)
class _Prepared:
    """A chunk, ready: unit vectors, rows whose contents are known, and what the index has at their paths."""

    rows: list[Row]
    vectors: Floats
    known: dict[str, PictureRecord]


class _Import:
    """One source on its way into one index."""

    def __init__(self, catalog: Catalog, source: Source, config: ImportConfig, stages: Stages) -> None:
        self._catalog, self._source, self._config, self._stages = catalog, source, config, stages
        self._rows = config.segment_rows or default_segment_rows(source.dim)
        quiet = Stages(Silent())  # its stages are parts of one that is shown
        quiet.seconds = stages.seconds
        self._writer = SegmentWriter(catalog, source, config.build_config(), self._rows, quiet)
        self._had_pictures = catalog.count() > 0
        self._unchanged = self._hashed = 0

    def check_known(self) -> bool:
        """Compare with the pictures of the index.

        Returns:
            Whether the ids of an export can be kept: the index has no picture but the first of the same import.

        Raises:
            DataError: a picture is there with another vector, and is not to be replaced.
        """
        if not self._had_pictures:
            return True
        same = True
        first_new = 0
        with self._stages.stage("compare", self._source.count):
            for part in self._prepared():
                for row in part.rows:
                    old = part.known.get(row.path)
                    if old is None:
                        first_new = first_new or row.id
                    elif old.content != row.content and not self._config.replace:
                        raise DataError(
                            f"{self._source.name}: {row.path} is in the index with another vector. Give it the new one"
                            " by --replace, or remove it first"
                        )
                    same = same and (old is None or old.id == row.id)
                self._stages.progress.advance(len(part.rows))
        return same and not self._catalog.pictures(after=max(0, first_new - 1), limit=1)

    def write(self, first: Callable[[], None] | None, columns: Mapping[str, ColumnType], *, keep_ids: bool) -> None:
        """Write and commit segment after segment; with the first, what `first` says, and new columns."""
        self._writer.at_first_commit(first, columns)
        self._hashed = 0
        with self._stages.stage("import", self._source.count):
            for part in self._prepared():
                for row, vector in zip(part.rows, part.vectors, strict=True):
                    old = part.known.get(row.path)
                    if old is not None and old.content == row.content:
                        self._unchanged += 1
                        continue
                    row.id = row.id if keep_ids and old is None else 0
                    self._writer.add(row, vector, old)
                self._stages.progress.advance(len(part.rows))
            self._writer.flush()

    def report(self, checked: Checked) -> ChangeReport:
        """What became of the pictures."""
        notes = []
        if checked.normalized:
            notes.append(f"{checked.normalized} vectors were not of unit length and were divided by theirs")
        if self._config.hash_files:
            notes.append(f"{self._hashed} of {self._source.count} pictures were found and read")
        if self._source.left_out:
            notes.append(f"left out {', '.join(self._source.left_out)}: their types cannot be metadata")
        written = self._writer.segments
        return ChangeReport(
            images=self._catalog.count(),
            encoder=str(self._catalog.settings()["encoder"]),
            added=self._writer.added,
            changed=self._writer.replaced,
            unchanged=self._unchanged,
            kind="+".join(sorted({each.kind for each in written})) or None,
            recall=min((each.recall for each in written if each.recall is not None), default=None),
            seconds=self._stages.seconds,
            notes=notes,
        )

    def _prepared(self) -> Iterator[_Prepared]:
        """Every row of the source, ready to be compared and stored."""
        rows = min(self._rows, chunk_rows(self._source.dim))
        for chunk in self._source.chunks(rows):
            vectors, _ = unit_rows(chunk.vectors, chunk.first, self._source.name, normalize=self._config.normalize)
            for row, vector in zip(chunk.rows, vectors, strict=True):
                if self._source.manifest is not None and row.content:
                    continue
                if self._config.hash_files and read_content(row):
                    self._hashed += 1
                else:
                    row.content = stamp(row.path, vector)
            known: dict[str, PictureRecord] = {}
            if self._had_pictures:
                found = self._catalog.pictures_at_paths([row.path for row in chunk.rows])
                known = {str(each.path): each for each in found}
            yield _Prepared(chunk.rows, vectors, known)
