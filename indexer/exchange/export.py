"""Export an index: its pictures, their metadata and vectors, for other programs and for `twinlens import`."""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from indexer.exchange.atomic_folder import atomic_folder
from indexer.exchange.config import FORMATS, ExportConfig, chunk_rows
from indexer.exchange.manifest import ENCODER_FOLDER, MANIFEST_FILE, Manifest, columns_of
from indexer.exchange.npy_files import PICTURES_FILE, VECTORS_FILE, NpyWriter
from indexer.exchange.parquet_file import PARQUET_FILE, ParquetWriter
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

_ENCODER_FILE = re.compile(r"[a-z]+\.(json|safetensors|xml|bin)")
_NAMES = {MANIFEST_FILE, PARQUET_FILE, VECTORS_FILE, PICTURES_FILE, ENCODER_FOLDER}


@dataclass(frozen=True, slots=True)
class ExportReport:
    """Result of an export."""

    out: Path
    pictures: int
    dim: int
    encoder: str
    size: int
    """Size of all files in bytes."""


def export(
    index: str | os.PathLike[str],
    out: str | os.PathLike[str],
    config: ExportConfig | None = None,
    *,
    progress: Progress | None = None,
) -> ExportReport:
    """Export an index into a folder, which is created completely or not at all.

    `export.json` names the encoder that made the vectors; `encoder/` is a copy of it if the index carries one. With
    the format `parquet` everything else is in `pictures.parquet`, one row per picture by ascending id; with `npy` the
    vectors are in `vectors.npy` and everything else in `pictures.jsonl`. The export reads one snapshot of the index.
    Its memory does not grow with the index.

    Raises:
        DataError: the folder holds other files or an export, or is a file; or an unknown format.
        IndexFolderError: no index in the folder, or a damaged one.
        QueryError: an invalid filter.
        DiskError: the disk failed, is full, or refused access.
    """
    config = config or ExportConfig()
    if config.format not in FORMATS:
        raise DataError(f"unknown format {config.format!r}. Use one of {', '.join(FORMATS)}")
    condition, target = condition_of(config.where), Path(out).absolute()
    stages = Stages(progress or Silent())
    catalog = Catalog.read(Path(index).absolute())
    try:
        if "encoder" not in catalog.settings():
            raise IndexFolderError(f"{index}: its first build was not finished. Run the same twinlens build again")
        ids = None if condition is None else catalog.pictures.ids_where(condition)
        manifest = _manifest(catalog, config, catalog.pictures.count() if ids is None else len(ids))
        with atomic_folder(target, lambda place: _may_replace(place, force=config.force)) as part:
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
    """Pictures by ascending id, in chunks: all, or those with the given ids."""
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
                raise DamagedFileError(catalog.folder / record.name, "is not a file of an encoder")
            with (catalog.folder / record.name).open("rb") as source, new_file(target / name) as stream:
                shutil.copyfileobj(source, stream)


def _holds_only_files(place: Path) -> bool:
    """Whether a folder contains only regular files that an export writes."""
    encoder = place / ENCODER_FOLDER
    files = [each for each in place.iterdir() if each != encoder]
    if encoder.exists():
        files += encoder.iterdir()
        if not is_folder(encoder) or not all(_ENCODER_FILE.fullmatch(each.name) for each in encoder.iterdir()):
            return False
    return all(map(is_regular, files))


def _may_replace(place: Path, *, force: bool) -> bool:
    """True for an export that `force` may replace; any other content is an error."""
    names = {each.name for each in place.iterdir()}
    ours = MANIFEST_FILE in names and names <= _NAMES and _holds_only_files(place)
    if ours and force:
        return True
    what = "already holds an export. --force replaces it" if ours else "holds other files. Name another folder"
    raise DataError(f"{place}: {what}")
