"""Determine the encoder of imported vectors, and check that it is the encoder of the index."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from indexer.pipeline.index_encoder import (
    fitting_calibration,
    name_encoder,
    name_foreign,
    new_index_settings,
    store_encoder,
)
from search.encoders import load_encoder
from search.encoders.foreign import foreign_fingerprint, is_foreign
from search.errors import DataError, EncoderError
from search.recognition.stored import index_calibration
from search.text import utc_now

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from indexer.exchange.config import ImportConfig
    from indexer.exchange.rows import Source
    from search.encoders.base import Encoder
    from search.store.catalog import Catalog
    from search.store.records import FileRecord

_LONGEST_NAME = 100


@dataclass(frozen=True, slots=True)
class Origin:
    """The encoder that made the vectors; `encoder` is None if it is not available or not needed."""

    name: str
    fingerprint: str
    dim: int
    encoder: Encoder | None = None


def origin_of(source: Source, own: Mapping[str, Any], config: ImportConfig) -> Origin:
    """Determine the encoder that made the vectors.

    Args:
        source: the vectors.
        own: the settings of the index; empty for a new one.
        config: names the encoder; without a name, an export does.

    Raises:
        EncoderError: no encoder is named, there is no such encoder, or the export names another one.
        DataError: the vectors have another dimension than those of the encoder.
    """
    origin = _stated(source, own, config) if config.encoder else _exported(source, own, config)
    made_by = source.manifest
    if made_by is not None and made_by.fingerprint != origin.fingerprint:
        raise EncoderError(
            f"{source.name}: was exported from an index of the encoder {made_by.encoder} ({made_by.fingerprint}), but"
            f" {origin.name} is another one ({origin.fingerprint}). Vectors of two encoders cannot be compared: leave"
            " --encoder out"
        )
    if origin.dim != source.dim:
        raise DataError(
            f"{source.name}: holds vectors of {source.dim} dimensions, but {origin.name} makes vectors of {origin.dim}."
            " Name the encoder that made them"
        )
    return origin


def refuse_another(origin: Origin, own: Mapping[str, Any], folder: Path) -> None:
    """Raise EncoderError if an index has another encoder than the one that made the vectors."""
    if own and own["fingerprint"] != origin.fingerprint:
        raise EncoderError(
            f"{folder}: has vectors of the encoder {own['encoder']} ({own['fingerprint']}), which cannot be compared"
            f" with these vectors of {origin.name} ({origin.fingerprint}). Import into another folder"
        )


def origin_namer(catalog: Catalog, source: Source, origin: Origin, config: ImportConfig) -> Callable[[], None]:
    """Store the encoder of an index without pictures, unless it has one.

    Returns:
        A function that names the encoder in the catalog, and the calibration of an export; to be called in the first
        transaction.

    Raises:
        IndexFolderError: the export's calibration is damaged.
    """
    settings, manifest = catalog.settings(), source.manifest
    calibration = None if manifest is None else manifest.calibration
    index_calibration(source.name, {"calibration": calibration, "fingerprint": origin.fingerprint})
    first, encoder = "encoder" not in settings, origin.encoder
    stored: list[FileRecord] = []
    if first and encoder is not None:
        stored = store_encoder(catalog.folder, encoder)
        calibration = calibration or fitting_calibration(None, encoder, config.build_config())

    def name() -> None:
        if first and encoder is not None:
            name_encoder(catalog, encoder, stored)
        elif first:
            name_foreign(catalog, origin.name, origin.dim)
        if first:
            catalog.set(**new_index_settings(utc_now()))
        catalog.set(calibration=settings.get("calibration") or calibration)

    return name


def _stated(source: Source, own: Mapping[str, Any], config: ImportConfig) -> Origin:
    name = str(config.encoder)
    if config.foreign:
        if not name.isprintable() or not name.strip() or len(name) > _LONGEST_NAME:
            raise EncoderError(
                f"{name!a:.200} cannot be the name of an encoder. Use 1 to {_LONGEST_NAME} printable characters"
            )
        return Origin(name, foreign_fingerprint(name, source.dim), source.dim)
    if is_foreign(str(own.get("fingerprint", ""))) and own["encoder"] == name:
        return Origin(name, own["fingerprint"], own["dim"])
    try:
        encoder = load_encoder(name, device=config.device)
    except EncoderError as error:
        raise EncoderError(f"{error}. For vectors of an encoder that Twinlens cannot load, add --foreign") from error
    return Origin(encoder.name, encoder.fingerprint, encoder.dim, encoder)


def _exported(source: Source, own: Mapping[str, Any], config: ImportConfig) -> Origin:
    """The encoder that the export names."""
    manifest = source.manifest
    if manifest is None:
        raise EncoderError(f"{source.name}: name the encoder that made these vectors: --encoder NAME")
    if is_foreign(manifest.fingerprint) or own.get("fingerprint") == manifest.fingerprint:
        return Origin(manifest.encoder, manifest.fingerprint, manifest.dim)
    if source.encoder_folder is not None:
        encoder = load_encoder(source.encoder_folder, device=config.device)
        return Origin(encoder.name, encoder.fingerprint, encoder.dim, encoder)
    raise EncoderError(
        f"{source.name}: has vectors of the encoder {manifest.encoder}, but the encoder itself is not beside it. Name"
        " it: --encoder NAME"
    )
