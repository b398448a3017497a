"""The table of encoders: a name to the class that makes its vectors, imported only when asked for.

    builtin             the default: ships in the package, needs no network
    color-layout        weight-free colours and where they are: the baseline
    torchvision:NAME    a classification model of torchvision without its head
    timm:NAME           one of timm (pip install "twinlens[timm]")
    FOLDER              a checkpoint of `twinlens train`, or any encoder that was saved

`torchvision:NAME@random` and `timm:NAME@random` have random weights, the same ones each time, and need no network.
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
}
"""Family, as in `encoder.json`, to `module:Class`. Adding an encoder is one file and one line here."""

BUILTIN = "builtin"
_BACKBONES = ("torchvision", "timm")


def encoder_names() -> tuple[str, ...]:
    """Every form of name that `load_encoder` takes, the default first; a folder is taken beside them."""
    return (BUILTIN, "color-layout", *(f"{family}:NAME" for family in _BACKBONES))


def load_encoder(name: str | os.PathLike[str], *, device: Device = "auto") -> Encoder:
    """Make the encoder of a name, or read one back from a folder that holds `encoder.json`.

    A name of the table wins over a folder called the same: write `./builtin` for that.

    Raises:
        EncoderError: an unknown name, weights that cannot be fetched, or a folder whose files are damaged.
        UnsupportedError: `cuda` where there is no GPU.
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
        f"there is no encoder {text!r}: known are {', '.join(encoder_names())}, and a folder that holds encoder.json"
    )


def encoder_folder(name: str | os.PathLike[str]) -> Path | None:
    """The folder that `load_encoder` would read; None where the name is one of the table, or nothing is there."""
    text = os.fspath(name)
    if isinstance(name, str):
        family, colon, _ = text.partition(":")
        if text in (BUILTIN, "color-layout") or (family in _BACKBONES and colon):
            return None
    return Path(text) if text and Path(text).is_dir() else None


def load_folder(folder: Path, *, device: Device = "auto") -> Encoder:
    """Read back an encoder of any family from the folder that it was saved in.

    Raises:
        EncoderError: a file is missing, damaged, or of another version.
    """
    from search.encoders.manifest import read_manifest

    return family_class(read_manifest(folder).family).load(folder, device)


def family_class(family: str) -> type[Encoder]:
    """Import the class of one family.

    Raises:
        EncoderError: the table has no such family.
    """
    if family not in FAMILIES:
        raise EncoderError(f"there is no family of encoders {family!r}: known are {', '.join(FAMILIES)}")
    module, _, class_name = FAMILIES[family].partition(":")
    use_one_thread("torch", lambda torch: torch.set_num_threads)
    with collection_paused():
        found: type[Encoder] = getattr(import_module(module), class_name)
    return found


def _load_builtin(device: Device) -> Encoder:
    with resources.as_file(resources.files(__name__) / "weights" / BUILTIN) as folder:
        if not (folder / "encoder.json").is_file():
            raise EncoderError(
                "the built-in encoder is missing from this installation: install Twinlens again, "
                f"or name another encoder ({', '.join(encoder_names()[1:])})"
            )
        return load_folder(folder, device=device)
