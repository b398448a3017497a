"""Open a source of vectors: an export, a Parquet file, or a .npy file with a list of its pictures."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from indexer.exchange.manifest import ENCODER_FOLDER, MANIFEST_FILE, read_manifest
from indexer.exchange.npy_files import NpySource, exported_npy
from indexer.exchange.parquet_file import PARQUET_FILE, ParquetSource
from indexer.exchange.path_lists import listed_rows
from indexer.exchange.rows import Places
from search.errors import DataError

if TYPE_CHECKING:
    from indexer.exchange.config import ImportConfig
    from indexer.exchange.rows import Source


def open_source(vectors: Path, config: ImportConfig) -> Source:
    """Open a file of vectors, or a folder that `export` wrote; reads only headers and descriptions.

    Raises:
        DataError: neither of these, or something is missing.
    """
    if vectors.is_dir():
        return _exported(vectors, config)
    if not vectors.exists():
        raise DataError(f"{vectors}: no such file")
    if vectors.suffix.lower() == ".npy":
        if config.paths is None:
            raise DataError(f"{vectors}: name a file with the picture of each row: --paths FILE")
        listed = Path(config.paths)
        places = Places(listed, config.root)
        return NpySource(vectors, lambda: listed_rows(listed, places), listed)
    if vectors.suffix.lower() in (".parquet", ".pq"):
        _refuse_paths(vectors, config)
        return ParquetSource(vectors, Places(vectors, config.root), config.path_column, config.vector_column)
    raise DataError(f"{vectors}: is not a .npy file, a .parquet file, or a folder that twinlens export wrote")


def _exported(folder: Path, config: ImportConfig) -> Source:
    _refuse_paths(folder, config)
    manifest = read_manifest(folder / MANIFEST_FILE)
    places = Places(folder / MANIFEST_FILE, config.root)
    source: Source
    if manifest.format == "npy":
        source = exported_npy(folder, manifest, places)
    else:
        source = ParquetSource(folder / PARQUET_FILE, places, config.path_column, config.vector_column)
        source.manifest = source.manifest or manifest
    if (source.count, source.dim) != (manifest.count, manifest.dim):
        raise DataError(
            f"{folder}: is damaged: {MANIFEST_FILE} names {manifest.count:,} vectors of {manifest.dim} dimensions, but"
            f" {source.name.name} holds {source.count:,} of {source.dim}. Export again"
        )
    if (folder / ENCODER_FOLDER).is_dir():
        source.encoder_folder = folder / ENCODER_FOLDER
    return source


def _refuse_paths(vectors: Path, config: ImportConfig) -> None:
    if config.paths is not None:
        raise DataError(f"{vectors}: already names its pictures: leave --paths out")
