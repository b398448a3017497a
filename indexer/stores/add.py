"""Add pictures to an index, in a folder or in Milvus."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from indexer.collection.add import PictureFinder
from indexer.collection.add import add as add_to_folder
from indexer.pipeline.content_hash import content_hash
from indexer.pipeline.progress import Silent, Stages
from indexer.stores.folder_copy import fill_folder
from indexer.stores.working_copy import discard, forget_structure, send_back, working_folder
from search.chunks import chunks
from search.config import BuildConfig
from search.errors import EncoderError, PictureError
from search.filters.conditions import Column, OneOf, Value
from search.pictures.source import read_steady
from search.store.address import is_uri
from search.store.milvus.store import MilvusStore

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Sequence

    from indexer.pipeline.change_report import ChangeReport
    from indexer.pipeline.progress import Progress
    from indexer.pipeline.scan import FoundFile
    from search.store.records import PictureRecord

_AT_ONCE = 1_000


def add(
    index: str | os.PathLike[str],
    pictures: Sequence[str | os.PathLike[str]],
    config: BuildConfig | None = None,
    *,
    progress: Progress | None = None,
) -> ChangeReport:
    """Add files and folders of pictures to an index: see `indexer.collection.add.add`.

    In Milvus the index must exist; the same stages run on a working copy of the pictures at these paths, and of those
    with the same content, so that nothing is embedded twice. One process may change an index at a time.

    Raises:
        StoreError: there is no index in Milvus, or its server does not answer.
        (and as `indexer.collection.add.add`)
    """
    if not is_uri(index):
        return add_to_folder(index, pictures, config, progress=progress)
    config, stages = config or BuildConfig(), Stages(progress or Silent())
    with stages.stage("open"):
        opened = MilvusStore(str(index), config.device)
    with closing(opened) as store:
        folder = working_folder(str(store.address), "add")
        discard(folder)
        try:
            before = _copy(store, folder, pictures, config)
            report = add_to_folder(folder, pictures, config, progress=progress)
            with stages.stage("send"):
                send_back(store, folder, before)
        finally:
            discard(folder)
        forget_structure(report, store.records.count())
        return report


def _copy(
    store: MilvusStore,
    folder: Path,
    pictures: Sequence[str | os.PathLike[str]],
    config: BuildConfig,
) -> list[PictureRecord]:
    """Make the working copy, with the pictures that the files at these paths may have to do with."""
    if not pictures:
        return []
    if store.settings["encoder_folder"] is None:
        store.encoder_folder()  # says why nothing can be embedded
        raise EncoderError(f"{store.address}: has no encoder")
    fill_folder(folder, store, [])
    files, _ = PictureFinder(folder, config.exclude or ()).all_of(pictures)
    records = {each.id: each for each in _at(store, [str(file.path) for file in files])}
    contents = _contents(files, {each.path: each for each in records.values()}, rehash=config.rehash)
    for chunk in chunks(contents, _AT_ONCE):
        records |= {each.id: each for each in store.with_contents(chunk)}
    if any(Path(each).is_file() for each in pictures):  # such a picture gets a label that others have
        records |= {each.id: each for each in store.records.of(store.one_of_each_label())}
    before = [records[key] for key in sorted(records)]
    fill_folder(folder, store, chunks(before, _AT_ONCE))
    return before


def _at(store: MilvusStore, paths: Sequence[str]) -> Iterable[PictureRecord]:
    for chunk in chunks(paths, _AT_ONCE):
        condition = OneOf(Column("path"), tuple(Value(path) for path in chunk))
        yield from store.records.of(store.records.ids(condition))


def _contents(files: Sequence[FoundFile], known: dict[Path, PictureRecord], *, rehash: bool) -> list[str]:
    """Hashes of the files that will be read: those that are new, or do not look as they did."""
    hashes = []
    for file in files:
        old = known.get(file.path)
        if old is not None and not rehash and (old.bytes, old.mtime_ns) == (file.bytes, file.mtime_ns):
            continue
        try:
            hashes.append(content_hash(read_steady(str(file.path))[0]))
        except PictureError:  # reported when it is read again
            continue
    return list(dict.fromkeys(hashes))
