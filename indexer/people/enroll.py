"""Enroll and remove identities, which an index stores beside its pictures, or without any pictures."""

from __future__ import annotations

import os
import unicodedata
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING

from indexer.people.csv_log import is_control
from indexer.pipeline.content_hash import content_hash
from indexer.pipeline.index_encoder import choose_encoder, commit_encoder, new_encoder
from indexer.pipeline.index_place import check_place
from indexer.pipeline.writer import open_writer
from search.config import BuildConfig, EnrollConfig
from search.encoders import load_encoder
from search.errors import DataError, QueryError
from search.pictures.decode import read_file
from search.pictures.quality import refuse_poor
from search.recognition.identities import Gallery, open_set_threshold
from search.recognition.parts import reference_part
from search.recognition.stored import index_calibration
from search.store.catalog import has_catalog
from search.store.records import BOX, TemplateRecord
from search.text import utc_now

if TYPE_CHECKING:
    from collections.abc import Sequence

    from search.encoders.base import Encoder
    from search.recognition.identities import OpenSetThreshold
    from search.store.catalog import Catalog

_LONGEST = 200
"""Most characters of a name."""
_INVISIBLE = {"Cf", "Zs"}
"""Unicode categories of joiners and blanks: a name needs other characters too."""


@dataclass(frozen=True, slots=True)
class EnrollReport:
    """Result of an enrolment."""

    name: str
    added: int
    templates: int
    """All reference pictures of this name, including earlier ones."""
    warnings: tuple[str, ...] = ()


def enroll(
    index: str | os.PathLike[str],
    name: str,
    pictures: Sequence[str | os.PathLike[str]],
    config: EnrollConfig | None = None,
) -> EnrollReport:
    """Enroll an identity with one or more reference pictures; if one of them is refused, none is stored.

    A new index, with an encoder and no pictures, is made if there is none. Nothing is trained.

    Args:
        index: the index folder.
        name: any text without control characters; blanks around it are dropped.
        pictures: paths.
        config: defaults to `EnrollConfig()`.

    Returns:
        The report, with a warning for each other identity that is nearer than strangers should be.

    Raises:
        PictureError: a picture cannot be read, its quality is too poor and it is not forced, or the encoder finds
            faces and there is none, or more than one and no box.
        QueryError: the name is invalid, no picture is given, the same picture is given twice, or a box with several.
        DataError: the name is enrolled already and `config.add` is not set, or a picture belongs to another name.
        IndexFolderError: the index folder cannot be made, is a file, or holds other files and no index.
        IndexLockedError: another process is writing this index.
    """
    config = config or EnrollConfig()
    name = checked_name(name)
    if not pictures:
        raise QueryError(f"no reference picture for {name}: name at least one picture")
    if config.box is not None and len(pictures) > 1:
        raise QueryError(f"a box is a part of one picture, and {len(pictures)} are given: enroll them one by one")
    folder = Path(index).absolute()
    check_place(folder)
    encoder = _encoder(folder, config)
    added = [_template(name, picture, encoder, config) for picture in pictures]
    _refuse_repeated(added)
    with open_writer(folder, create=True) as catalog:
        before = catalog.identities.templates()
        _refuse_enrolled(name, added, before, config)
        if catalog.settings().get("fingerprint", encoder.fingerprint) != encoder.fingerprint:
            raise DataError(f"{folder}: its encoder was changed in the meantime. Enroll again")
        if "encoder" not in catalog.settings():
            commit_encoder(catalog, encoder, BuildConfig(encoder=config.encoder))
        warnings = _similarity_warnings(catalog, name, added, before, encoder.dim)
        with catalog.transaction():
            catalog.identities.add(added)
    own = sum(each.identity == name for each in before)
    return EnrollReport(name, len(added), own + len(added), warnings)


def unenroll(index: str | os.PathLike[str], names: Sequence[str]) -> int:
    """Remove identities and their reference pictures, all of them or none; return how many pictures were removed.

    Raises:
        QueryError: a name is not enrolled.
        IndexFolderError: there is no index.
    """
    folder = Path(index).absolute()
    chosen = {checked_name(name) for name in names}
    with open_writer(folder) as catalog:
        templates = catalog.identities.templates()
        known = sorted({each.identity for each in templates})
        for name in sorted(chosen - set(known)):
            similar = get_close_matches(name, known, n=3)
            meant = f". Did you mean {' or '.join(map(repr, similar))}?" if similar else ""
            raise QueryError(f"{folder}: no identity with the name {name!r} is enrolled{meant}")
        with catalog.transaction():
            catalog.identities.remove(chosen)
    return sum(each.identity in chosen for each in templates)


def checked_name(name: str) -> str:
    """Return a name in one spelling (Unicode NFC), without blanks around it.

    Raises:
        QueryError: an empty name, a very long one, or one with control characters.
    """
    spelled = unicodedata.normalize("NFC", name).strip()
    kinds = {unicodedata.category(each) for each in spelled}
    if kinds <= _INVISIBLE or "Cs" in kinds or len(spelled) > _LONGEST or any(map(is_control, spelled)):
        raise QueryError(
            f"{name!a} is not a valid name: use 1 to {_LONGEST} characters, none of them a control character"
        )
    return spelled


def _encoder(folder: Path, config: EnrollConfig) -> Encoder:
    """Load the encoder of the index, or of the index that will be made; nothing is written."""
    build = BuildConfig(encoder=config.encoder, device=config.device)
    if not has_catalog(folder):
        return load_encoder(new_encoder(build), device=config.device)
    # Opened for writing: a killed first enrolment may have left an unfinished catalog.
    with open_writer(folder, create=True) as catalog:
        return choose_encoder(catalog, build)


def _template(name: str, picture: str | os.PathLike[str], encoder: Encoder, config: EnrollConfig) -> TemplateRecord:
    """Read, check and embed a picture, exactly as `identify` does."""
    path = Path(os.path.normpath(Path(picture).absolute()))
    data = read_file(path)
    part = reference_part(encoder, data, str(picture), config.box)
    if not config.force:
        refuse_poor(part.quality, str(picture))
    vector = encoder.encode_prepared(part.prepared[None])[0].astype("<f4").tobytes()
    quality = part.quality.to_dict()
    if config.box is not None:  # needed when the picture is embedded again with another encoder
        quality[BOX] = config.box.ends
    return TemplateRecord(name, content_hash(data), path, vector, quality, utc_now())


def _refuse_repeated(added: list[TemplateRecord]) -> None:
    paths: dict[str, Path] = {}
    for each in added:
        if each.content in paths:
            raise QueryError(f"{each.path} and {paths[each.content]} are the same picture: name it once")
        paths[each.content] = each.path


def _refuse_enrolled(
    name: str, added: list[TemplateRecord], before: list[TemplateRecord], config: EnrollConfig
) -> None:
    if any(each.identity == name for each in before) and not config.add:
        raise DataError(f"{name} is enrolled already. Add pictures with --add, or unenroll first")
    for each in added:
        for other in before:
            parts_of_one = each.box is not None and other.box is not None and each.box != other.box
            if other.content != each.content or parts_of_one:
                continue
            if other.identity == name:
                raise DataError(f"{each.path}: is a reference picture of {name} already")
            if not config.force:
                raise DataError(f"{each.path}: is a reference picture of {other.identity}. Force it if it shows both")


def _similarity_warnings(
    catalog: Catalog, name: str, added: list[TemplateRecord], before: list[TemplateRecord], dim: int
) -> tuple[str, ...]:
    """Warn of other identities that are similar to this one."""
    others = Gallery([each for each in before if each.identity != name], dim)
    threshold = _threshold(catalog, len(before) + len(added))
    if threshold is None or len(others) == 0:
        return ()
    similar: dict[str, float] = {}
    for vector in Gallery(added, dim).vectors:
        for candidate in others.candidates(vector, "best", None):
            similar[candidate.name] = min(candidate.distance, similar.get(candidate.name, 2.0))
    return tuple(
        f"{name} is similar to {other}: their distance is {distance:.3f}, and up to {threshold.distance:.3f} counts as "
        "the same. Use clearer pictures, or expect confusions between the two"
        for other, distance in sorted(similar.items(), key=lambda item: item[1])
        if distance <= threshold.distance
    )


def _threshold(catalog: Catalog, comparisons: int) -> OpenSetThreshold | None:
    calibration = index_calibration(catalog.folder, catalog.settings())
    if calibration is None:
        return None
    try:
        return open_set_threshold(calibration, comparisons)
    except QueryError:  # it has too few pairs for a threshold, which identify reports
        return None
