"""The table of encoders: names and the classes behind them, which are imported on first use.

    photo               the default, for photos: ships in the package, except for ImageNet weights of another package
    small               small and fast, needs no other package; for drawings, strokes and copies
    signatures          for handwritten names; borrows from `small`, and ImageNet weights of another package
    color-layout        colours and their positions, without weights: the baseline
    torchvision:NAME    a classification model of torchvision without its head
    timm:NAME           a model of timm without its head
    open_clip:NAME      pictures and texts in one space (pip install "twinlens[clip]")
    faces               the faces of a picture, for identification (pip install "twinlens[faces]")
    FOLDER              a checkpoint of `twinlens train`, or any saved encoder

`available()` lists them with their costs. The presets of `search.encoders.menu` are names for one model each.
`torchvision:NAME@random`, `timm:NAME@random` and `open_clip:NAME@random` have reproducible random weights and need no
network.
"""

from __future__ import annotations

import os
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from search.encoders.manifest import MANIFEST_FILE
from search.encoders.menu import ALIASES, WEIGHTS, EncoderEntry, menu_entries, resolved
from search.errors import EncoderError
from search.forks import use_one_thread
from search.gpu_driver import gpu_driver_present
from search.large_imports import collection_paused

if TYPE_CHECKING:
    from search.config import Device, Precision, Runtime
    from search.encoders.base import Encoder

FAMILIES = {
    "color-layout": "search.encoders.color_layout:ColorLayoutEncoder",
    "checkpoint": "search.encoders.checkpoint:CheckpointEncoder",
    "torchvision": "search.encoders.torchvision_backbones:TorchvisionEncoder",
    "timm": "search.encoders.timm_backbones:TimmEncoder",
    "open_clip": "search.encoders.open_clip_encoder:OpenClipEncoder",
    "faces": "search.encoders.dlib_faces:FacesEncoder",
}
"""Family, as in `encoder.json`, to `module:Class`. A new encoder needs one file and one line here."""
SHIPPED = ("photo", "small", "signatures", "photo-large")
"""The encoders whose weights are in this package, in `weights/NAME`; the default first."""
OLD_NAMES = {"builtin": "small"}
"""Earlier names of encoders, which are still accepted: indexes and scripts have them."""
TEXT_FAMILIES = ("open_clip",)
"""Families whose encoders embed texts too: they are `search.encoders.text_encoder.TextEncoder`."""
_BACKBONES = ("torchvision", "timm", "open_clip")
_WITHOUT_FOLDER = ("color-layout", "faces")
"""Families with one encoder each, whose name is that of the family."""


def encoder_names() -> tuple[str, ...]:
    """The forms of name that `load_encoder` accepts, the default first; it also accepts a folder."""
    return (*SHIPPED, "color-layout", *(f"{family}:NAME" for family in _BACKBONES), "faces")


def available() -> tuple[EncoderEntry, ...]:
    """Every encoder with its job, costs and figures, and whether it is installed; imports none of them."""
    return menu_entries(FAMILIES)


def current_name(name: str) -> str:
    """The present name of an encoder that has been renamed; any other name as it is."""
    return OLD_NAMES.get(name, name)


def load_encoder(
    name: str | os.PathLike[str],
    *,
    device: Device = "auto",
    precision: Precision | None = None,
    runtime: Runtime = "auto",
) -> Encoder:
    """Create an encoder by name, or load one from a folder with an `encoder.json`.

    A name of the table takes precedence over a folder with the same name; write `./photo` for the folder.

    Args:
        name: one of the forms of `encoder_names`, or a folder.
        device: `auto` uses a GPU if there is one.
        precision: precision of the network on a CPU with OpenVINO. Defaults to that of the folder, or float32.
        runtime: `auto` computes on a CPU with OpenVINO, if that is installed and the network is converted; `torch`
            does not.

    Raises:
        EncoderError: the name is unknown, what it needs is not installed, weights cannot be downloaded, or files in
            the folder are damaged; or `bfloat16` is requested for an encoder without a network.
        UnsupportedError: `cuda` was requested and there is no GPU.
    """
    if (folder := encoder_folder(name)) is not None:
        return load_folder(folder, device=device, precision=precision, runtime=runtime)
    text = resolved(current_name(os.fspath(name)), FAMILIES)
    if text in SHIPPED:
        # The package holds no conversion, whose files would be as large as the weights: it is made in memory.
        return _computing(load_folder(own_folder(text), device=device), precision or "float32", runtime)
    family, colon, _ = text.partition(":")
    if (family in _BACKBONES and colon) or text in _WITHOUT_FOLDER:
        return _computing(family_class(family).create(text, device), precision or "float32", runtime)
    raise EncoderError(
        f"unknown encoder {text!r}: use {', '.join(encoder_names())}, or a folder that holds encoder.json"
    )


def encoder_folder(name: str | os.PathLike[str]) -> Path | None:
    """The folder that `load_encoder` would read; None if the name is in the table or there is no such folder."""
    text = os.fspath(name)
    if isinstance(name, str):
        family, colon, _ = text.partition(":")
        if current_name(text) in (*SHIPPED, *_WITHOUT_FOLDER, *ALIASES) or (family in _BACKBONES and colon):
            return None
    return Path(text) if text and Path(text).is_dir() else None


def shipped_folder(name: str | os.PathLike[str]) -> Path | None:
    """The folder of this package that belongs to an encoder by name, such as `faces`; None if there is none."""
    known = isinstance(name, str) and current_name(name) in encoder_names()
    folder = WEIGHTS / current_name(os.fspath(name))
    return folder if known and folder.is_dir() else None


def embeds_text(folder: Path) -> bool:
    """Whether a saved encoder embeds texts too, according to its `encoder.json`.

    Raises:
        EncoderError: the file is missing or damaged.
    """
    from search.encoders.manifest import read_manifest

    return read_manifest(folder).family in TEXT_FAMILIES


def load_folder(
    folder: Path, *, device: Device = "auto", precision: Precision | None = None, runtime: Runtime = "auto"
) -> Encoder:
    """Load a saved encoder of any family from its folder.

    On a CPU it is computed by OpenVINO, without importing torch, if OpenVINO is installed and the folder holds a
    conversion that it can use; otherwise by torch. Arguments as in `load_encoder`.

    Raises:
        EncoderError: a file is missing, damaged, or of another version.
    """
    from search.encoders.manifest import read_manifest
    from search.encoders.runtime_keys import CONVERSION, is_convertible, precision_of

    manifest = read_manifest(folder)
    precision = precision or precision_of(manifest)
    converted = CONVERSION in manifest.extra and is_convertible(manifest.family)
    if runtime == "auto" and converted and _on_cpu(device):
        from search.encoders.converted import ConvertedEncoder
        from search.encoders.openvino_runtime import available

        if available():
            with suppress(EncoderError):  # torch finds the same damage in the weights, or does without the conversion
                return ConvertedEncoder.of(folder, manifest, precision)
    return _computing(family_class(manifest.family).load(folder, device), precision, "torch")


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


def _on_cpu(device: Device) -> bool:
    """Whether `resolve_device` gives the CPU, without importing torch if there is no driver of a GPU."""
    if device == "auto" and gpu_driver_present():
        from search.encoders.torch_base import resolve_device

        return resolve_device(device).type == "cpu"
    return device in ("auto", "cpu")


def _computing(encoder: Encoder, precision: Precision, runtime: Runtime) -> Encoder:
    """Set how a new encoder computes."""
    from search.encoders.runtime_keys import checked_precision, is_convertible

    encoder.precision, encoder.runtime = checked_precision(precision, "precision"), runtime
    if encoder.family == "color-layout" and precision != "float32":
        raise EncoderError(f"color-layout has no network that could compute in {precision}: leave the precision out")
    if not is_convertible(encoder.family) and precision != "float32":
        raise EncoderError(f"{encoder.name} is computed by torch, not in {precision}: leave the precision out")
    return encoder


def own_folder(name: str) -> Path:
    """The folder of an encoder of `SHIPPED`.

    Raises:
        EncoderError: it is missing.
    """
    folder = shipped_folder(name)
    if folder is None or not (folder / MANIFEST_FILE).is_file():
        others = ", ".join(other for other in encoder_names() if other != name)
        raise EncoderError(
            f"the encoder {name} is missing from this installation: reinstall Twinlens, or name another encoder "
            f"({others})"
        )
    return folder
