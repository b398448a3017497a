"""The JSON values of a catalog: settings, parameters of structures, quality of reference pictures."""

from __future__ import annotations

import json
import os
import re
from typing import TYPE_CHECKING, Any

from search.files.reading import is_inside_name
from search.store.values import MOST, shown

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_LARGEST_DIM = 2**20
MOST_DAYS = 36_500
"""That an index retains what was removed."""
_FINGERPRINT = re.compile(r"[0-9A-Za-z_-]{1,128}")
"""It becomes part of names of files."""
_RESERVED = {"self", "path", "vectors", "device"}
"""Arguments of structures that are no parameters of theirs."""


def decoded(text: str) -> Any:
    """A JSON value.

    Raises:
        ValueError: it is none; numbers that are none, such as NaN, are no JSON either.
    """
    try:
        return json.loads(text, parse_constant=_refused)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def checked_settings(stored: Mapping[str, str]) -> dict[str, Any]:
    """Decode settings, and check those that are known.

    Raises:
        ValueError: a setting that is no JSON, or of another type than its readers take.
    """
    found: dict[str, Any] = {}
    for key, text in stored.items():
        try:
            found[key] = decoded(text)
        except ValueError as error:
            raise ValueError(f"the setting {key} is {shown(text)}, which is no JSON ({error})") from None
        if key in _KNOWN and not _KNOWN[key](found[key]):
            raise ValueError(f"the setting {key} has the invalid value {shown(found[key])}")
    if "encoder" in found and (missing := [key for key in _OF_AN_INDEX if key not in found]):
        raise ValueError(f"the setting {missing[0]} is missing")
    return found


def checked_parameters(text: str) -> dict[str, int | None]:
    """Decode the parameters of a structure; raises ValueError for what is none."""
    found = decoded(text)
    if not isinstance(found, dict) or not all(map(_is_parameter, found.items())):
        raise ValueError(f"a segment has invalid parameters: {shown(text)}")
    return found


def checked_quality(text: str) -> dict[str, Any]:
    """Decode what was measured of a reference picture; raises ValueError for what is none."""
    found = decoded(text)
    if not isinstance(found, dict):
        raise ValueError(f"a reference picture has an invalid quality: {shown(text)}")
    return found


def checked_retained(text: str) -> dict[str, Any]:
    """Decode the metadata of a removed picture, id of a column -> value; raises ValueError for what is none."""
    found = decoded(text)
    if not isinstance(found, dict) or not all(isinstance(each, str | int | float) for each in found.values()):
        raise ValueError(f"a removed picture has invalid metadata: {shown(text)}")
    return found


def _is_parameter(item: tuple[str, Any]) -> bool:
    name, value = item
    return name.isidentifier() and name not in _RESERVED and (value is None or _is_whole(value))


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < MOST


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
    """Folder -> `path`, `folder`, `none` or a CSV; null in an index whose sources are forgotten."""
    return value is None or (isinstance(value, dict) and _are_paths([*value, *value.values()]))


def _are_missing_folders(value: object) -> bool:
    """Folder -> what `indexer.pipeline.missing.PicturesBefore` holds."""
    return isinstance(value, dict) and _are_paths(list(value)) and all(map(_is_missing_folder, value.values()))


def _is_missing_folder(value: object) -> bool:
    if not isinstance(value, dict) or not _is_whole(value.get("up_to")):
        return False
    moved = value.get("moved")
    return isinstance(moved, list) and all(map(_is_whole, moved))


def _refused(name: str) -> Any:
    raise ValueError(f"{name} is no number")


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
    "decoder": lambda value: value is None or _is_whole(value),
}
"""What each known setting may be; a calibration is checked where it is read, and made anew where it is damaged."""
_OF_AN_INDEX = ("fingerprint", "encoder_folder", "dim", "created", "updated")
"""What every index has that has an encoder."""
