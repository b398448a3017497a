"""The table of encoders: names and the classes behind them, which are imported on first use.

    photo               the default, for photos: ships in the package, except for ImageNet weights of another package
    small               small and fast, needs no other package; for drawings, strokes and copies
    signatures          for handwritten names; borrows from `small`, and ImageNet weights of another package
    color-layout        colours and their positions, without weights: the baseline
    torchvision:NAME    a classification model of torchvision without its head
    timm:NAME           a model of timm without its head
    FOLDER              a checkpoint of `twinlens train`, or any saved encoder

`torchvision:NAME@random` and `timm:NAME@random` have reproducible random weights and need no network.
"""

from __future__ import annotations

import os
from contextlib import contextmanager
from importlib import import_module, resources
from pathlib import Path
from typing import TYPE_CHECKING

from search.errors import EncoderError
from search.forks import use_one_thread
from search.large_imports import collection_paused

if TYPE_CHECKING:
    from collections.abc import Iterator

    from search.config import Device
    from search.encoders.base import Encoder

FAMILIES = {
    "color-layout": "search.encoders.color_layout:ColorLayoutEncoder",
    "checkpoint": "search.encoders.checkpoint:CheckpointEncoder",
    "torchvision": "search.encoders.torchvision_backbones:TorchvisionEncoder",
    "timm": "search.encoders.timm_backbones:TimmEncoder",
}
"""Family, as in `encoder.json`, to `module:Class`. A new encoder needs one file and one line here."""
SHIPPED = ("photo", "small", "signatures")
"""The encoders whose weights are in this package, in `weights/NAME`; the default first."""
OLD_NAMES = {"builtin": "small"}
"""Earlier names of encoders, which are still accepted: indexes and scripts have them."""
_BACKBONES = ("torchvision", "timm")


def encoder_names() -> tuple[str, ...]:
    """The forms of name that `load_encoder` accepts, the default first; it also accepts a folder."""
    return (*SHIPPED, "color-layout", *(f"{family}:NAME" for family in _BACKBONES))


def current_name(name: str) -> str:
    """The present name of an encoder that has been renamed; any other name as it is."""
    return OLD_NAMES.get(name, name)


def load_encoder(name: str | os.PathLike[str], *, device: Device = "auto") -> Encoder:
    """Create an encoder by name, or load one from a folder with an `encoder.json`.

    A name of the table takes precedence over a folder with the same name; write `./photo` for the folder.

    Raises:
        EncoderError: the name is unknown, weights cannot be downloaded, or files in the folder are damaged.
        UnsupportedError: `cuda` was requested and there is no GPU.
    """
    text = os.fspath(name)
    if (folder := encoder_folder(name)) is not None:
        return load_folder(folder, device=device)
    if current_name(text) in SHIPPED:
        with shipped_folder(current_name(text)) as folder:
            return load_folder(folder, device=device)
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
        if current_name(text) in (*SHIPPED, "color-layout") or (family in _BACKBONES and colon):
            return None
    return Path(text) if text and Path(text).is_dir() else None


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


@contextmanager
def shipped_folder(name: str) -> Iterator[Path]:
    """The folder of an encoder of `SHIPPED`.

    Raises:
        EncoderError: it is missing.
    """
    with resources.as_file(resources.files(__name__) / "weights" / name) as folder:
        if not (folder / "encoder.json").is_file():
            others = ", ".join(other for other in encoder_names() if other != name)
            raise EncoderError(
                f"the encoder {name} is missing from this installation: reinstall Twinlens, or name another encoder "
                f"({others})"
            )
        yield folder
