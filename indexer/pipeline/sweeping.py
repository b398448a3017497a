"""Delete files of an index folder that the catalog no longer names, and no files that Twinlens did not make.

A file is deleted only if it is a regular file whose name and place are those that Twinlens uses. Links are neither
followed nor deleted, and a folder is deleted only if it holds nothing else.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from search.files.writing import ASIDE_NAME, UUID, is_folder, is_regular
from search.indexes import KINDS
from search.store.map_file import MAPS_FOLDER
from search.store.segments import SEGMENTS_FOLDER

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from search.store.catalog import Catalog

ENCODERS_FOLDER = "encoders"
_SEGMENT_FILE = re.compile(rf"{UUID}\.(npy|part|{'|'.join(KINDS)})|{ASIDE_NAME.pattern}")
"""A random stem and the suffix of vectors, of a kind of structure, or of a file being written."""
_MAP_FILE = re.compile(rf"{UUID}\.npy|{ASIDE_NAME.pattern}")
_ENCODER_FOLDER = re.compile(rf"[0-9a-f]{{32}}|{UUID}\.part")
"""A fingerprint, or a random name: of an encoder that was saved again, or while one is being written."""
_ENCODER_FILE = re.compile(rf"(encoder\.json|weights\.safetensors)(\.part)?|openvino\.(xml|bin)|{ASIDE_NAME.pattern}")
_BESIDE_CATALOG = re.compile(rf"catalog\.seal\.part|{ASIDE_NAME.pattern}")


def sweep(catalog: Catalog) -> None:
    """Delete files that the catalog does not name: leftovers of a killed writer, or files that a change replaced.

    Nothing is deleted while a reader may use an older snapshot, which names other files and may load its encoder at any
    time; the next writer sweeps then. New readers open the last commit.
    """
    named = {catalog.folder / record.name for record in catalog.files.records()}
    encoders = list(_encoder_folders(catalog.folder))
    places = [(catalog.folder, _BESIDE_CATALOG), (catalog.folder / SEGMENTS_FOLDER, _SEGMENT_FILE)]
    places.append((catalog.folder / MAPS_FOLDER, _MAP_FILE))
    places += [(each, _ENCODER_FILE) for each in encoders]
    useless = [path for place, names in places for path in _made_here(place, names) if path not in named]
    emptied = [each for each in encoders if not any(path.parent == each for path in named)]
    if (useless or emptied) and not catalog.has_older_readers():
        _delete(useless, emptied)
    maps = catalog.folder / MAPS_FOLDER
    if is_folder(maps) and not any(maps.iterdir()):
        maps.rmdir()


def _delete(useless: list[Path], emptied: list[Path]) -> None:
    for path in useless:
        path.unlink()
    for each in emptied:
        each.rmdir()


def delete_encoder(place: Path) -> bool:
    """Delete the folder of an unused encoder; return False and keep it if it holds other files."""
    if not _holds_an_encoder_alone(place):
        return False
    for path in place.iterdir():
        path.unlink()
    place.rmdir()
    return True


def _encoder_folders(folder: Path) -> Iterator[Path]:
    """Folders of encoders that hold nothing else."""
    if is_folder(folder / ENCODERS_FOLDER):
        for place in (folder / ENCODERS_FOLDER).iterdir():
            if _ENCODER_FOLDER.fullmatch(place.name) and _holds_an_encoder_alone(place):
                yield place


def _holds_an_encoder_alone(place: Path) -> bool:
    return is_folder(place) and all(is_regular(path) and _ENCODER_FILE.fullmatch(path.name) for path in place.iterdir())


def _made_here(place: Path, names: re.Pattern[str]) -> Iterator[Path]:
    """The regular files of a folder whose names match."""
    if is_folder(place):
        yield from (path for path in place.iterdir() if names.fullmatch(path.name) and is_regular(path))
