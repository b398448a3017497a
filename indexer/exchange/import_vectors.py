"""Import vectors from files: check all rows, compare them with the index, write a segment, commit."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from indexer.collection.update import check_device
from indexer.exchange.checking import check_source
from indexer.exchange.config import ImportConfig
from indexer.exchange.origin import origin_namer, origin_of, refuse_another
from indexer.exchange.plan import plan_import
from indexer.exchange.sources import open_source
from indexer.exchange.storing import commit_planned, write_planned
from indexer.pipeline.change_report import ChangeReport
from indexer.pipeline.index_place import check_place
from indexer.pipeline.progress import Silent, Stages
from indexer.pipeline.writer import open_writer
from search.errors import DamagedFileError, DataError, IndexBusyError, IndexFolderError
from search.filters.columns import MOST_COLUMNS
from search.store.catalog import Catalog, has_catalog

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping
    from typing import Any

    from indexer.exchange.checking import Checked
    from indexer.exchange.plan import Plan
    from indexer.exchange.rows import Source
    from indexer.pipeline.progress import Progress
    from search.filters.columns import ColumnType
    from search.store.records import SegmentRecord


def import_vectors(
    vectors: str | os.PathLike[str],
    index: str | os.PathLike[str],
    config: ImportConfig | None = None,
    *,
    progress: Progress | None = None,
) -> ChangeReport:
    """Build an index from existing vectors, or add them to an index of the same encoder.

    All rows are checked before anything is written, and a single commit makes them visible: an import that fails or is
    killed leaves the index unchanged. The vectors are streamed into a memory-mapped file, so that only the index
    structure needs memory. Pictures that the index has with the same vector are not changed.

    The picture files do not have to exist. An import into an index that never had pictures keeps the ids of an export;
    otherwise pictures get new ids.

    Args:
        vectors: a .npy file `(N, D)`, a Parquet file, or a folder that `export` wrote.
        index: the index folder.
        config: settings; defaults to `ImportConfig()`.
        progress: callback for progress updates.

    Raises:
        DataError: unusable vectors; the message names the row.
        EncoderError: the vectors are of another encoder than the index, or their encoder is not named.
        IndexFolderError: the index folder cannot be created, is damaged, or holds other files and no index.
        IndexLockedError: another process is writing this index.
        DiskError: the disk failed, is full, or refused access.
    """
    config = config or ImportConfig()
    folder, stages = Path(index).absolute(), Stages(progress or Silent())
    check_device(config.build_config())
    check_place(folder)
    source = open_source(Path(vectors), config)
    with stages.stage("load encoder"):
        own = _settings(folder)
        origin = origin_of(source, own, config)
        refuse_another(origin, own, folder)
    checked = check_source(source, normalize=config.normalize, stages=stages)
    with open_writer(folder, create=True) as catalog:
        if "encoder" in catalog.settings():  # another process may have written it in the meantime
            refuse_another(origin, catalog.settings(), folder)
        columns = _new_columns(catalog, source)
        plan = plan_import(catalog, source, config, stages)
        segment, files = write_planned(catalog, source, plan, config, stages)
        if segment is not None:
            empty = catalog.pictures.count() == 0
            first = origin_namer(catalog, source, origin, config) if empty else None
            keep_ids = checked.ids_ascend and empty and not catalog.segments.records()
            commit_planned(
                catalog, source, plan, segment, files, columns, first=first, keep_ids=keep_ids, stages=stages
            )
        return _report(catalog, source, plan, checked, segment, stages)


def _settings(folder: Path) -> Mapping[str, Any]:
    """Settings of an index; empty without an index, for an unfinished one, or for one that the writer will reject."""
    if not has_catalog(folder):
        return {}
    try:
        catalog = Catalog.read(folder)
    except (DamagedFileError, IndexBusyError):
        raise
    except IndexFolderError:
        return {}
    try:
        return catalog.settings() if "encoder" in catalog.settings() else {}
    finally:
        catalog.close()


def _new_columns(catalog: Catalog, source: Source) -> dict[str, ColumnType]:
    """Metadata columns that the index lacks; raises DataError if one has another type in the index."""
    known = catalog.metadata.columns()
    for name, kind in source.columns.items():
        if known.get(name, kind) != kind:
            raise DataError(
                f"{source.name}: its column {name!r} is {kind}, and in the index {known[name]}. Rename it in the file,"
                f" or drop it from the index: twinlens metadata --index {catalog.folder} --drop {name!r}"
            )
    new = {name: kind for name, kind in source.columns.items() if name not in known}
    if len(known) + len(new) > MOST_COLUMNS:
        raise DataError(f"{source.name}: the index would have more than {MOST_COLUMNS:,} columns of metadata")
    return new


def _report(
    catalog: Catalog, source: Source, plan: Plan, checked: Checked, segment: SegmentRecord | None, stages: Stages
) -> ChangeReport:
    report = ChangeReport(
        images=catalog.pictures.count(),
        encoder=str(catalog.settings()["encoder"]),
        unchanged=source.count - plan.rows,
        segments=len(catalog.segments.records()),
        seconds=stages.seconds,
    )
    report.list_paths("added", plan.added, count=plan.rows - plan.replaced)
    report.list_paths("changed", plan.changed, count=plan.replaced)
    if segment is not None:
        report.describe(segment)
    if checked.normalized:
        report.notes.append(f"{checked.normalized} vectors were not of unit length and were divided by their length")
    if plan.hashed is not None:
        report.notes.append(f"{plan.hashed} of {source.count} pictures exist and were read")
    if source.left_out:
        report.notes.append(f"left out {', '.join(source.left_out)}: not a supported type of metadata")
    report.advise()
    return report
