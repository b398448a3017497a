"""The keys of `encoder.json` that say how a network is computed; the fingerprint does not cover them.

"precision": "bfloat16"                        left out for float32
"openvino": {"version": ..., "architecture": ["network"], "files": {"openvino.xml": SHA-256, ...}}
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, get_args

from search.config import Precision
from search.errors import EncoderError

if TYPE_CHECKING:
    from search.encoders.manifest import Manifest

PRECISION, CONVERSION = "precision", "openvino"
PRECISIONS: tuple[Precision, ...] = get_args(Precision)

_TORCH_ONLY = ("open_clip",)
"""Families that OpenVINO does not compute: a conversion has one input, and these embed texts too."""


def is_convertible(family: str) -> bool:
    """Whether OpenVINO may compute encoders of a family with a network."""
    return family not in _TORCH_ONLY


def runtime_keys(precision: Precision, conversion: dict[str, Any] | None) -> dict[str, Any]:
    """The keys for an encoder with this precision and this description of its conversion, if it has one."""
    keys = {} if precision == "float32" else {PRECISION: precision}
    return keys if conversion is None else {**keys, CONVERSION: conversion}


def precision_of(manifest: Manifest) -> Precision:
    """The precision that an encoder was saved with.

    Raises:
        EncoderError: it is unknown.
    """
    return checked_precision(manifest.extra.get(PRECISION, "float32"), f"encoder.json of {manifest.name!r}")


def checked_precision(value: Any, where: str) -> Precision:
    """Check a precision that came from `where`.

    Raises:
        EncoderError: it is unknown.
    """
    for precision in PRECISIONS:
        if value == precision:
            return precision
    raise EncoderError(f"{where}: unknown precision {value!r:.60}: the precisions are {', '.join(PRECISIONS)}")
