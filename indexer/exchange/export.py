"""Export an index: its pictures, their metadata and vectors, for other programs and for `twinlens import`."""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from indexer.exchange.config import FORMATS, ExportConfig, chunk_rows
from indexer.exchange.manifest import ENCODER_FOLDER, MANIFEST_FILE, Manifest, columns_of
from indexer.exchange.npy_files import PICTURES_FILE, VECTORS_FILE, NpyWriter
from indexer.exchange.parquet_file import PARQUET_FILE, ParquetWriter
from indexer.exchange.whole_folder import whole_folder
from indexer.pipeline.progress import Silent, Stages
from indexer.pipeline.stored_vectors import StoredVectors
from search import __version__
from search.chunks import chunks
from search.errors import DamagedFileError, DataError, IndexFolderError
from search.files.writing import is_folder, is_regular, new_file, write_file
from search.filters.language import condition_of
from search.store.catalog import Catalog
from search.store.durable import verify

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator

    from indexer.pipeline.progress import Progress
    from search.store.records import PictureRecord

_ENCODER_FILE = re.compile(r"[a-z]+\.(json|safetensors)")
_NAMES = {MANIFEST_FILE, PARQUET_FILE, VECTORS_FILE, PICTURES_FILE, ENCODER_FOLDER}


@dataclass(frozen=True, slots=True)
class ExportReport:
    """What was written."""

    out: Path
    pictures: int
    dim: int
    encoder: str
    size: int
    """Bytes of all files."""


def export(
    index: str | os.PathLike[str],
    out: str | os.PathLike[str],
    config: ExportConfig | None = None,
    *,
    progress: Progress | None = None,
) -> ExportReport:
    """Write what an index holds into a folder, which appears whole or not at all.

    `export.json` says who made the vectors; `encoder/` is the encoder, where the index carries one. With the format
    `parquet` all else is in `pictures.parquet`, a row a picture by ascending id; with `npy` the vectors are in
    `vectors.npy` and all else in `pictures.jsonl`. What is read is one snapshot, whatever is committed meanwhile; the
    memory taken does not grow with the index.

    Raises:
        DataError: the folder holds something already, or is a file; there is no such format.
        IndexFolderError: no index there, or a damaged one.
        QueryError: a filter that cannot be.
        DiskError: the disk failed, is full, or refused.
    """
    config = config or ExportConfig()
    if config.format not in FORMATS:
        raise DataError(f"unknown format {config.format!r}: known formats are {', '.join(FORMATS)}")
    condition, target = condition_of(config.where), Path(out).absolute()
    stages = Stages(progress or Silent())
    catalog = Catalog.read(Path(index).absolute())
    try:
        if "encoder" not in catalog.settings():
            raise IndexFolderError(f"{index}: its first build was not finished. Run the same twinlens build again")
        ids = None if condition is None else catalog.pictures.ids_where(condition)
        manifest = _manifest(catalog, config, catalog.pictures.count() if ids is None else len(ids))
        with whole_folder(target, lambda place: _may_replace(place, force=config.force)) as part:
            writer = (ParquetWriter if config.format == "parquet" else NpyWriter)(part, manifest)
            with writer, stages.stage("export", manifest.count):
                stored = StoredVectors(catalog, manifest.dim)
                for pictures in _pages(catalog, ids, chunk_rows(manifest.dim)):
                    metadata = catalog.metadata.of([each.id for each in pictures])
                    writer.write(pictures, metadata, stored.take([(each.segment, each.row) for each in pictures]))
                    stages.progress.advance(len(pictures))
            _copy_encoder(catalog, part / ENCODER_FOLDER)
            write_file(part / MANIFEST_FILE, manifest.to_json() + "\n")
            size = sum(each.stat().st_size for each in part.rglob("*") if each.is_file())
    finally:
        catalog.close()
    return ExportReport(target, manifest.count, manifest.dim, manifest.encoder, size)


def _manifest(catalog: Catalog, config: ExportConfig, count: int) -> Manifest:
    settings = catalog.settings()
    return Manifest(
        format=config.format,
        encoder=settings["encoder"],
        fingerprint=settings["fingerprint"],
        dim=int(settings["dim"]),
        count=count,
        generation=catalog.generation(),
        twinlens=__version__,
        columns=columns_of(catalog.metadata.columns()),
        calibration=settings.get("calibration"),
    )


def _pages(catalog: Catalog, ids: list[int] | None, rows: int) -> Iterator[list[PictureRecord]]:
    """Pictures by ascending id: all, or those of some ids."""
    if ids is not None:
        yield from map(catalog.pictures.of, chunks(ids, rows))
        return
    last = 0
    while page := catalog.pictures.records(after=last, limit=rows):
        yield page
        last = page[-1].id


def _copy_encoder(catalog: Catalog, target: Path) -> None:
    folder = catalog.settings()["encoder_folder"]
    if folder is None:
        return
    target.mkdir()
    for record in catalog.files.records():
        if record.name.startswith(f"{folder}/"):
            verify(catalog.folder, record)
            name = record.name.removeprefix(f"{folder}/")
            if not _ENCODER_FILE.fullmatch(name):
                raise DamagedFileError(catalog.folder / record.name, "is no file of an encoder")
            with (catalog.folder / record.name).open("rb") as source, new_file(target / name) as stream:
                shutil.copyfileobj(source, stream)


def _holds_only_files(place: Path) -> bool:
    """Whether all that lies in an export is of the kind that an export writes there."""
    encoder = place / ENCODER_FOLDER
    files = [each for each in place.iterdir() if each != encoder]
    if encoder.exists():
        files += encoder.iterdir()
        if not is_folder(encoder) or not all(_ENCODER_FILE.fullmatch(each.name) for each in encoder.iterdir()):
            return False
    return all(map(is_regular, files))


def _may_replace(place: Path, *, force: bool) -> bool:
    """True for an export that is to be replaced; what is no export is never deleted."""
    names = {each.name for each in place.iterdir()}
    ours = MANIFEST_FILE in names and names <= _NAMES and _holds_only_files(place)
    if ours and force:
        return True
    what = "holds an export already: --force replaces it" if ours else "holds other files: name another folder"
    raise DataError(f"{place}: {what}")
