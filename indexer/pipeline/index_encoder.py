"""The encoder of an index: choose it, store it in the folder, and name it in the catalog with its calibration."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

from indexer.pipeline.labelling import BY_PATH, RULE_SETTING
from indexer.pipeline.sweeping import ENCODERS_FOLDER, delete_encoder
from search.config import BuildConfig
from search.encoders import load_encoder
from search.encoders.converted import conversion_problem
from search.encoders.foreign import foreign_fingerprint, stored_encoder
from search.encoders.manifest import read_manifest
from search.encoders.openvino_conversion import is_conversion
from search.encoders.runtime_keys import precision_of
from search.errors import EncoderError
from search.files.writing import is_regular, make_folder, require_own_folder, sync_folder
from search.pictures.decoder_revision import decoder_setting
from search.recognition.stored import encoder_calibration
from search.store.durable import checksum, sealed
from search.text import utc_now

if TYPE_CHECKING:
    from pathlib import Path

    from search.config import Device, Precision
    from search.encoders.base import Encoder
    from search.store.catalog import Catalog
    from search.store.records import FileRecord


def new_encoder(config: BuildConfig) -> str:
    """Name of the encoder that a new index gets."""
    return config.encoder or BuildConfig.default_encoder


def own_encoder(catalog: Catalog, device: Device) -> Encoder:
    """Load the encoder that is stored in the index folder; raises EncoderError if there is none."""
    return load_encoder(catalog.folder / stored_encoder(catalog.folder, catalog.settings()), device=device)


def own_precision(catalog: Catalog) -> Precision | None:
    """The precision in which the encoder of an index computes; None if the folder has no encoder.

    Raises:
        EncoderError: the files of the encoder are damaged.
    """
    settings = catalog.settings()
    if settings["encoder_folder"] is None:
        return None
    return precision_of(read_manifest(catalog.folder / stored_encoder(catalog.folder, settings)))


def choose_encoder(catalog: Catalog, config: BuildConfig, new: Encoder | None = None) -> Encoder:
    """Load the encoder of the index; if it has none yet, take the new one, or load the configured one.

    Raises:
        EncoderError: the configured encoder or its precision is not that of the index.
    """
    settings = catalog.settings()
    if "encoder" not in settings:
        return new or load_encoder(new_encoder(config), device=config.device, precision=config.precision)
    own = own_encoder(catalog, config.device)
    if config.precision and config.precision != own.precision:
        raise EncoderError(
            f"{catalog.folder}: its encoder computes in {own.precision}, not in {config.precision}. Leave --precision"
            f" out, or change it for the index: twinlens rebuild --index {catalog.folder} --precision"
            f" {config.precision}"
        )
    if config.encoder and load_encoder(config.encoder, device=config.device).fingerprint != own.fingerprint:
        raise EncoderError(
            f"{catalog.folder}: was built with the encoder {settings['encoder']}, and vectors of two encoders cannot be"
            f" compared. Leave --encoder out, or embed the whole index with the new encoder: twinlens rebuild --index "
            f"{catalog.folder} --encoder {config.encoder}"
        )
    return own


def commit_encoder(catalog: Catalog, encoder: Encoder, config: BuildConfig) -> None:
    """Make an index without pictures: store the encoder and, if it has one, its calibration."""
    stored = store_encoder(catalog.folder, encoder)
    calibration = fitting_calibration(None, encoder, config)
    with catalog.transaction():
        name_encoder(catalog, encoder, stored)
        catalog.set(calibration=calibration, **new_index_settings(utc_now()))


def new_index_settings(moment: str) -> dict[str, Any]:
    """Settings that a new index gets with its encoder; only `updated` changes later."""
    return {"created": moment, "updated": moment, RULE_SETTING: BY_PATH}


def name_foreign(catalog: Catalog, name: str, dim: int) -> None:
    """Record that the vectors were made by an encoder that is not available; within a transaction."""
    catalog.set(encoder=name, fingerprint=foreign_fingerprint(name, dim), encoder_folder=None, dim=dim)


def name_encoder(catalog: Catalog, encoder: Encoder, stored: list[FileRecord]) -> None:
    """Record in the catalog which encoder the index has now; within a transaction."""
    if (old := catalog.settings().get("encoder_folder")) is not None:
        catalog.files.drop(file.name for file in catalog.files.records() if file.name.startswith(f"{old}/"))
    catalog.files.add(stored)
    catalog.set(
        encoder=encoder.name,
        fingerprint=encoder.fingerprint,
        encoder_folder=_place(encoder),
        dim=encoder.dim,
        **decoder_setting(),
    )


def store_encoder(folder: Path, encoder: Encoder, place: str | None = None) -> list[FileRecord]:
    """Write the encoder into the index folder, synced, so that the folder alone can answer queries.

    If the same files are there already, as after a switch to another encoder and back, they stay: a reader may use
    them. Other files in that folder stay too.

    Args:
        folder: the index folder.
        encoder: what to write.
        place: folder in it. Defaults to the one that is named after the fingerprint.

    Raises:
        IndexFolderError: the folder is a link.
    """
    place = place or _place(encoder)
    aside, target = folder / ENCODERS_FOLDER / f"{uuid.uuid4().hex}.part", folder / place
    require_own_folder(target)
    make_folder(aside)
    encoder.save(aside)
    saved = {file.name: checksum(file) for file in sorted(aside.iterdir())}
    if saved == {name: checksum(target / name) for name in saved if is_regular(target / name)}:
        delete_encoder(aside)
    elif not target.exists() or delete_encoder(target):
        aside.rename(target)
    else:
        for name in saved:
            (aside / name).replace(target / name)
        aside.rmdir()
    records = [sealed(folder, f"{place}/{name}") for name in saved]
    sync_folder(target)
    sync_folder(target.parent)
    return records


def resaved_encoder(catalog: Catalog, config: BuildConfig) -> list[FileRecord]:
    """Save the encoder of an index again if it needs another precision, or a conversion for OpenVINO that it lacks.

    An index of an earlier version, or one made without OpenVINO, gets its conversion in this way. The files are in a
    folder of their own, because the old ones are in use until `replace_encoder_files` names the new ones.

    Returns:
        The new files; none if the encoder stays as it is, or the index has none.

    Raises:
        EncoderError: the files of the encoder are damaged.
    """
    old = own_precision(catalog)
    if old is None:
        return []
    folder = catalog.folder / stored_encoder(catalog.folder, catalog.settings())
    precision = config.precision or old
    if precision == old and conversion_problem(folder) is None:
        return []
    encoder = load_encoder(folder, device="cpu", precision=precision)
    stored = store_encoder(catalog.folder, encoder, f"{ENCODERS_FOLDER}/{uuid.uuid4().hex}")
    # A network that OpenVINO cannot convert stays as it is; the next writer sweeps the files.
    return stored if precision != old or any(is_conversion(file.name) for file in stored) else []


def replace_encoder_files(catalog: Catalog, stored: list[FileRecord]) -> None:
    """Name the files of an encoder that was saved again, in place of the old ones; within a transaction."""
    old = f"{catalog.settings()['encoder_folder']}/"
    catalog.files.drop(file.name for file in catalog.files.records() if file.name.startswith(old))
    catalog.files.add(stored)
    catalog.set(encoder_folder=stored[0].name.rpartition("/")[0])


def fitting_calibration(own: Any, encoder: Encoder, config: BuildConfig) -> dict[str, Any] | None:
    """The calibration of the index, if it belongs to this encoder; else that of the encoder's folder, if it has one.

    Raises:
        EncoderError: the folder's calibration is damaged, or belongs to another encoder.
    """
    if isinstance(own, dict) and own.get("fingerprint") == encoder.fingerprint:
        return own
    calibration = encoder_calibration(new_encoder(config), encoder.fingerprint)
    return None if calibration is None else calibration.to_dict()


def _place(encoder: Encoder) -> str:
    return f"{ENCODERS_FOLDER}/{encoder.fingerprint}"
