"""Decode and check the JSON values of a catalog: settings, parameters of structures, quality of reference pictures."""

from __future__ import annotations

import json
import os
import re
from typing import TYPE_CHECKING, Any

from search.crop import Crop
from search.errors import QueryError
from search.files.reading import is_inside_name
from search.store.records import BOX
from search.store.values import MOST, shown
from search.tuned import Tuning

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_LARGEST_DIM = 2**20
MOST_DAYS = 36_500
"""Most days for which an index retains metadata of removed pictures."""
_FINGERPRINT = re.compile(r"[0-9A-Za-z_-]{1,128}")
"""A fingerprint is used in file names."""
_RESERVED = {"self", "path", "vectors", "device"}
"""Arguments of structures that are not parameters."""


def decoded(text: str) -> Any:
    """Decode a JSON value.

    Raises:
        ValueError: the text is not JSON; NaN and infinities are not JSON either.
    """
    try:
        return json.loads(text, parse_constant=_refused)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def checked_settings(stored: Mapping[str, str]) -> dict[str, Any]:
    """Decode settings, and check the known ones.

    Raises:
        ValueError: a setting is not JSON, has an invalid value, or is missing.
    """
    settings: dict[str, Any] = {}
    for key, text in stored.items():
        try:
            settings[key] = decoded(text)
        except ValueError as error:
            raise ValueError(f"the setting {key} is {shown(text)}, which is not JSON ({error})") from None
        if key in _KNOWN and not _KNOWN[key](settings[key]):
            raise ValueError(f"the setting {key} has the invalid value {shown(settings[key])}")
    if "encoder" in settings and (missing := [key for key in _OF_AN_INDEX if key not in settings]):
        raise ValueError(f"the setting {missing[0]} is missing")
    return settings


def checked_parameters(text: str) -> dict[str, int | None]:
    """Decode the parameters of a structure; raises ValueError if they are invalid."""
    parameters = decoded(text)
    if not isinstance(parameters, dict) or not all(map(_is_parameter, parameters.items())):
        raise ValueError(f"a segment has invalid parameters: {shown(text)}")
    return parameters


def checked_tuning(text: str | None) -> Tuning | None:
    """Decode the tuning of a segment; raises ValueError if it is invalid."""
    if text is None:
        return None
    try:
        return Tuning.of_dict(decoded(text))
    except ValueError as error:
        raise ValueError(f"a segment has an invalid tuning ({error}): {shown(text)}") from None


def checked_quality(text: str) -> dict[str, Any]:
    """Decode the quality of a reference picture; raises ValueError if it is invalid."""
    quality = decoded(text)
    if not isinstance(quality, dict) or not (BOX not in quality or _is_box(quality[BOX])):
        raise ValueError(f"a reference picture has an invalid quality: {shown(text)}")
    return quality


def checked_retained(text: str) -> dict[str, Any]:
    """Decode the metadata of a removed picture, id of a column -> value; raises ValueError if it is invalid."""
    metadata = decoded(text)
    if not isinstance(metadata, dict) or not all(isinstance(each, str | int | float) for each in metadata.values()):
        raise ValueError(f"a removed picture has invalid metadata: {shown(text)}")
    return metadata


def _is_parameter(item: tuple[str, Any]) -> bool:
    name, value = item
    return name.isidentifier() and name not in _RESERVED and (value is None or _is_whole(value))


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < MOST


def _is_box(value: object) -> bool:
    if not isinstance(value, list) or len(value) != 4:
        return False
    try:
        Crop(*value)
    except QueryError:
        return False
    return True


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_path(value: object) -> bool:
    if not isinstance(value, str) or "\0" in value:
        return False
    try:
        os.fsencode(value)
    except UnicodeEncodeError:
        return False
    return True


def _are_paths(value: object) -> bool:
    return isinstance(value, list) and all(map(_is_path, value))


def _is_source_of_labels(value: object) -> bool:
    """Folder -> `path`, `folder`, `none` or the path of a CSV; null in an index that remembers no sources."""
    return value is None or (isinstance(value, dict) and _are_paths([*value, *value.values()]))


def _are_missing_folders(value: object) -> bool:
    """Folder -> fields of `indexer.pipeline.missing.PicturesBefore`."""
    return isinstance(value, dict) and _are_paths(list(value)) and all(map(_is_missing_folder, value.values()))


def _is_missing_folder(value: object) -> bool:
    if not isinstance(value, dict) or not _is_whole(value.get("up_to")):
        return False
    moved = value.get("moved")
    return isinstance(moved, list) and all(map(_is_whole, moved))


def _is_map(value: object) -> bool:
    """The file of a map and how it was made, as `indexer.plots.kept_map` stores them; null once it was removed."""
    if value is None:
        return True
    if not isinstance(value, dict) or not is_inside_name(value.get("file")):
        return False
    texts = all(_is_text(value.get(name)) for name in ("method", "fingerprint", "created"))
    return texts and all(_is_whole(value.get(name)) for name in ("seed", "clusters"))


def _refused(name: str) -> Any:
    raise ValueError(f"{name} is not a number")


_KNOWN: dict[str, Callable[[Any], bool]] = {
    "generation": _is_whole,
    "encoder": _is_text,
    "fingerprint": lambda value: _is_text(value) and _FINGERPRINT.fullmatch(value) is not None,
    "encoder_folder": lambda value: value is None or is_inside_name(value),
    "dim": lambda value: _is_whole(value) and 1 <= value <= _LARGEST_DIM,
    "created": _is_text,
    "updated": _is_text,
    "roots": _are_paths,
    "labels": _is_source_of_labels,
    "label_rule": _is_text,
    "exclude": _are_paths,
    "missing": _are_missing_folders,
    "retain_days": lambda value: _is_whole(value) and value <= MOST_DAYS,
    "map": _is_map,
    "decoder": lambda value: value is None or _is_whole(value),
}
"""Checks of the known settings. A calibration is checked when it is read, and a damaged one can be made again."""
_OF_AN_INDEX = ("fingerprint", "encoder_folder", "dim", "created", "updated")
"""Settings of every index that has an encoder."""
