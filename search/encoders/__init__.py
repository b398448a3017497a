"""The table of encoders: names and the classes behind them, which are imported on first use.

    builtin             the default: ships in the package, needs no network
    color-layout        colours and their positions, without weights: the baseline
    torchvision:NAME    a classification model of torchvision without its head
    timm:NAME           a model of timm without its head (pip install "twinlens[timm]")
    open_clip:NAME      pictures and texts in one space (pip install "twinlens[clip]")
    FOLDER              a checkpoint of `twinlens train`, or any saved encoder

`torchvision:NAME@random`, `timm:NAME@random` and `open_clip:NAME@random` have reproducible random weights and need no
network.
"""

from __future__ import annotations

import os
from importlib import import_module, resources
from pathlib import Path
from typing import TYPE_CHECKING

from search.errors import EncoderError
from search.forks import use_one_thread
from search.large_imports import collection_paused

if TYPE_CHECKING:
    from search.config import Device
    from search.encoders.base import Encoder

FAMILIES = {
    "color-layout": "search.encoders.color_layout:ColorLayoutEncoder",
    "checkpoint": "search.encoders.checkpoint:CheckpointEncoder",
    "torchvision": "search.encoders.torchvision_backbones:TorchvisionEncoder",
    "timm": "search.encoders.timm_backbones:TimmEncoder",
    "open_clip": "search.encoders.open_clip_encoder:OpenClipEncoder",
}
"""Family, as in `encoder.json`, to `module:Class`. Adding an encoder is one file and one line here."""
"""Family, as in `encoder.json`, to `module:Class`. A new encoder needs one file and one line here."""
BUILTIN = "builtin"
TEXT_FAMILIES = ("open_clip",)
"""Families whose encoders embed texts too: they are `search.encoders.text_encoder.TextEncoder`."""
_BACKBONES = ("torchvision", "timm", "open_clip")


def encoder_names() -> tuple[str, ...]:
    """The forms of name that `load_encoder` accepts, the default first; it also accepts a folder."""
    return (BUILTIN, "color-layout", *(f"{family}:NAME" for family in _BACKBONES))


def load_encoder(name: str | os.PathLike[str], *, device: Device = "auto") -> Encoder:
    """Create an encoder by name, or load one from a folder with an `encoder.json`.

    A name of the table takes precedence over a folder with the same name; write `./builtin` for the folder.

    Raises:
        EncoderError: the name is unknown, weights cannot be downloaded, or files in the folder are damaged.
        UnsupportedError: `cuda` was requested and there is no GPU.
    """
    text = os.fspath(name)
    if (folder := encoder_folder(name)) is not None:
        return load_folder(folder, device=device)
    if text == BUILTIN:
        return _load_builtin(device)
    family, colon, _ = text.partition(":")
    if (family in _BACKBONES and colon) or text == "color-layout":
        return family_class(family).create(text, device)
    raise EncoderError(
        f"unknown encoder {text!r}: use {', '.join(encoder_names())}, or a folder that holds encoder.json"
    )


def encoder_folder(name: str | os.PathLike[str]) -> Path | None:
    """The folder that `load_encoder` would read; None if the name is in the table or there is no such folder."""
    text = os.fspath(name)
    if isinstance(name, str):
        family, colon, _ = text.partition(":")
        if text in (BUILTIN, "color-layout") or (family in _BACKBONES and colon):
            return None
    return Path(text) if text and Path(text).is_dir() else None


def embeds_text(folder: Path) -> bool:
    """Whether a saved encoder embeds texts too, according to its `encoder.json`.

    Raises:
        EncoderError: the file is missing or damaged.
    """
    from search.encoders.manifest import read_manifest

    return read_manifest(folder).family in TEXT_FAMILIES


def load_folder(folder: Path, *, device: Device = "auto") -> Encoder:
    """Load a saved encoder of any family from its folder.

    Raises:
        EncoderError: a file is missing, damaged, or of another version.
    """
    from search.encoders.manifest import read_manifest

    return family_class(read_manifest(folder).family).load(folder, device)


def family_class(family: str) -> type[Encoder]:
    """Import the class of a family.

    Raises:
        EncoderError: the family is unknown.
    """
    if family not in FAMILIES:
        raise EncoderError(f"unknown family of encoders {family!r}: the families are {', '.join(FAMILIES)}")
    module, _, class_name = FAMILIES[family].partition(":")
    use_one_thread("torch", lambda torch: torch.set_num_threads)
    with collection_paused():
        encoder_class: type[Encoder] = getattr(import_module(module), class_name)
    return encoder_class


def _load_builtin(device: Device) -> Encoder:
    with resources.as_file(resources.files(__name__) / "weights" / BUILTIN) as folder:
        if not (folder / "encoder.json").is_file():
            raise EncoderError(
                "the built-in encoder is missing from this installation: reinstall Twinlens, "
                f"or name another encoder ({', '.join(encoder_names()[1:])})"
            )
        return load_folder(folder, device=device)
