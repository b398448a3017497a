"""The table of encoders: names and the classes behind them, which are imported on first use.

    builtin             the default: ships in the package, needs no network
    color-layout        colours and their positions, without weights: the baseline
    torchvision:NAME    a classification model of torchvision without its head
    timm:NAME           a model of timm without its head (pip install "twinlens[timm]")
    FOLDER              a checkpoint of `twinlens train`, or any saved encoder

`torchvision:NAME@random` and `timm:NAME@random` have reproducible random weights and need no network.
"""

from __future__ import annotations

import os
from contextlib import suppress
from importlib import import_module, resources
from pathlib import Path
from typing import TYPE_CHECKING

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
}
"""Family, as in `encoder.json`, to `module:Class`. Adding an encoder is one file and one line here."""
"""Family, as in `encoder.json`, to `module:Class`. A new encoder needs one file and one line here."""
BUILTIN = "builtin"
_BACKBONES = ("torchvision", "timm")


def encoder_names() -> tuple[str, ...]:
    """The forms of name that `load_encoder` accepts, the default first; it also accepts a folder."""
    return (BUILTIN, "color-layout", *(f"{family}:NAME" for family in _BACKBONES))


def load_encoder(
    name: str | os.PathLike[str],
    *,
    device: Device = "auto",
    precision: Precision | None = None,
    runtime: Runtime = "auto",
) -> Encoder:
    """Create an encoder by name, or load one from a folder with an `encoder.json`.

    A name of the table takes precedence over a folder with the same name; write `./builtin` for the folder.

    Args:
        name: one of the forms of `encoder_names`, or a folder.
        device: `auto` uses a GPU if there is one.
        precision: precision of the network on a CPU with OpenVINO. Defaults to that of the folder, or float32.
        runtime: `auto` computes on a CPU with OpenVINO, if that is installed and the network is converted; `torch`
            does not.

    Raises:
        EncoderError: the name is unknown, weights cannot be downloaded, or files in the folder are damaged; or
            `bfloat16` is requested for an encoder without a network.
        UnsupportedError: `cuda` was requested and there is no GPU.
    """
    text = os.fspath(name)
    if (folder := encoder_folder(name)) is not None:
        return load_folder(folder, device=device, precision=precision, runtime=runtime)
    if text == BUILTIN:
        return _load_builtin(device, precision, runtime)
    family, colon, _ = text.partition(":")
    if (family in _BACKBONES and colon) or text == "color-layout":
        return _computing(family_class(family).create(text, device), precision or "float32", runtime)
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
    from search.encoders.runtime_keys import CONVERSION, precision_of

    manifest = read_manifest(folder)
    precision = precision or precision_of(manifest)
    if runtime == "auto" and CONVERSION in manifest.extra and _on_cpu(device):
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
    from search.encoders.runtime_keys import checked_precision

    encoder.precision, encoder.runtime = checked_precision(precision, "precision"), runtime
    if encoder.family == "color-layout" and precision != "float32":
        raise EncoderError(f"color-layout has no network that could compute in {precision}: leave the precision out")
    return encoder


def _load_builtin(device: Device, precision: Precision | None, runtime: Runtime) -> Encoder:
    with resources.as_file(resources.files(__name__) / "weights" / BUILTIN) as folder:
        if not (folder / "encoder.json").is_file():
            raise EncoderError(
                "the built-in encoder is missing from this installation: reinstall Twinlens, "
                f"or name another encoder ({', '.join(encoder_names()[1:])})"
            )
        # The package holds no conversion, whose files would be as large as the weights: it is made in memory.
        return _computing(load_folder(folder, device=device), precision or "float32", runtime)
