"""Make one encoder of several networks, whose linear layers are fitted to pictures: the encoder `photo`.

    python -m indexer.training.combining photo .cache/datasets/varied --out search/encoders/weights/photo

A part is a pretrained EfficientNet-Lite, whose head becomes the principal axes of its features, or the network of an
encoder: one that this package ships, or one that `twinlens train` wrote. `--part 0=FOLDER` puts the encoder in FOLDER
in the place of the first part, for example one whose head was trained.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch.nn import functional

from indexer.training.cached_maps import computed
from indexer.training.config import PartConfig
from indexer.training.data import evenly, read_pictures, split_of
from indexer.training.discriminant import discriminant_projection, in_folders
from indexer.training.joining import principal_projection
from indexer.training.recipes import combination_names, load_combination
from search.chunks import chunks
from search.encoders import SHIPPED, current_name, load_encoder
from search.encoders.base import unit_rows
from search.encoders.borrowed_weights import FromEncoder, FromPackage, Lender, leave_out
from search.encoders.checkpoint import CheckpointEncoder
from search.encoders.networks import build_network
from search.encoders.networks.combined import Combined, Part
from search.encoders.networks.efficientnet_lite import PACKAGES, EfficientNetLite
from search.encoders.networks.pooling import resized
from search.encoders.preprocessing import squash
from search.errors import DataError, TwinlensError
from search.pictures.decode import load_picture
from search.text import utc_today

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray
    from torch import Tensor, nn

    from indexer.training.config import CombineConfig, DiscriminantConfig
    from indexer.training.discriminant import Folders
    from search.types import Floats

_BATCH = 32


@dataclass(frozen=True, slots=True)
class _Source:
    """The network of a part and its origin."""

    network: nn.Module
    spec: dict[str, Any]
    size: int
    weight: float
    lenders: tuple[Lender, ...]
    """Who provides its weights; their prefixes are relative to the part."""
    to_fit: bool = False
    """Whether its head is still random."""

    @property
    def dim(self) -> int:
        """Dimensions of its vector."""
        return int(self.network.features if self.spec["dim"] is None else self.spec["dim"])  # type: ignore[arg-type]

    @property
    def width(self) -> int:
        """Length of what `rows` returns for one picture."""
        return int(self.network.features) if self.to_fit else self.dim  # type: ignore[arg-type]

    def rows(self, pictures: Tensor) -> Tensor:
        """What is fitted: the features of a head that is to be fitted, or else the part's unit vectors."""
        pictures = resized(pictures, self.size)
        if isinstance(self.network, EfficientNetLite) and self.to_fit:
            return self.network.pooled(pictures)
        return functional.normalize(self.network(pictures).float())


class _Rows(torch.nn.Module):
    """The rows of all sources side by side."""

    def __init__(self, sources: Sequence[_Source]) -> None:
        super().__init__()
        self.networks = torch.nn.ModuleList(source.network for source in sources)
        self._sources = tuple(sources)

    def forward(self, pictures: Tensor) -> Tensor:
        return torch.cat([source.rows(pictures) for source in self._sources], dim=1)


def combine(
    pictures: Path, out: Path, config: CombineConfig, *, advance: Callable[[int, int], None] = lambda done, total: None
) -> CheckpointEncoder:
    """Fit the heads and the projection to a sample of the pictures, and save the encoder in `out`.

    Weights that a package or a shipped encoder provides are left out of the folder. `advance` receives the number of
    pictures that were embedded, and of all.

    Raises:
        DataError: there are no such pictures, or an encoder has no network to combine.
        EncoderError: an encoder or a package is missing or damaged.
        PictureError: a picture cannot be read.
    """
    sources = [_source(part) for part in config.parts]
    paths = sample(pictures, config)
    size = max(source.size for source in sources)
    widths = [source.width for source in sources]
    compute = computed(_Rows(sources), size, sum(widths))
    joined = np.concatenate([compute(batch) for batch in _batches(paths, size, advance)])
    rows = np.split(joined, np.cumsum(widths)[:-1], axis=1)
    network, spec = fit(sources, rows, config, in_folders(paths, pictures))
    encoder = CheckpointEncoder(
        network, spec, name=config.name, input_size=size, dim=config.dim, card=_card(config, paths), device="cpu"
    )
    out.mkdir(parents=True, exist_ok=True)
    encoder.save(out)
    leave_out(out, encoder.network.state_dict(), _lenders(sources))
    return encoder


def without_folders(config: CombineConfig, folders: Sequence[str]) -> CombineConfig:
    """The same settings, with these folders held out."""

    def fitted(axes: DiscriminantConfig | None) -> DiscriminantConfig | None:
        kept = {} if axes is None else {name: each for name, each in axes.sets.items() if name not in folders}
        return None if axes is None else replace(axes, sets=kept)

    heads, discriminant = fitted(config.heads), fitted(config.discriminant)
    return replace(config, held_out=tuple(folders), heads=heads, discriminant=discriminant)


def sample(pictures: Path, config: CombineConfig) -> tuple[Path, ...]:
    """The pictures to fit to: the same number from each folder directly below, except those that are held out.

    Raises:
        DataError: there are none.
    """
    labelled = [(each.label.partition("/")[0], each.path) for each in read_pictures(pictures)]
    kept = [(folder, path) for folder, path in labelled if folder not in config.held_out]
    if not kept:
        raise DataError(f"{pictures}: all its folders are held out: {', '.join(config.held_out)}")
    return evenly(split_of(kept), config.pictures).paths


def fit(
    sources: Sequence[_Source], rows: Sequence[Floats], config: CombineConfig, folders: Folders
) -> tuple[Combined, dict[str, Any]]:
    """Fit the heads and the projection to the rows of each source; return the network with its spec."""
    total = sum(source.weight for source in sources)
    vectors: list[Floats] = []
    for source, given in zip(sources, rows, strict=True):
        if source.to_fit:
            given = unit_rows(_fit_head(source.network.get_submodule("head"), given, config, folders))
        vectors.append(given * (source.weight / total) ** 0.5)
    parts = [Part(each.network, each.size, each.dim, each.weight / total) for each in sources]
    network = Combined(parts=parts, dim=config.dim).eval()
    if isinstance(network.projection, torch.nn.Linear):
        joined = np.concatenate(vectors, axis=1)
        if config.discriminant is None:
            _fit_layer(network.projection, joined, 0.0)
        else:
            _set_layer(network.projection, *discriminant_projection(joined, folders, config.discriminant, config.dim))
    listed = [{**part._asdict(), "network": each.spec} for part, each in zip(parts, sources, strict=True)]
    return network, {"kind": "combined", "parts": listed, "dim": config.dim}


def _fit_head(head: nn.Module, rows: Floats, config: CombineConfig, folders: Folders) -> Floats:
    """Fit a head to discriminant axes if the recipe has any for heads, or else to principal ones."""
    if config.heads is None:
        return _fit_layer(head, rows, config.whitening)
    assert isinstance(head, torch.nn.Linear)
    weight, bias = discriminant_projection(rows, folders, config.heads, head.out_features)
    _set_layer(head, weight, bias)
    mapped: Floats = rows @ weight.T + bias
    return mapped


def _source(part: PartConfig) -> _Source:
    if part.encoder is None:
        network = build_network(part.network, pretrained=True).eval()
        to_fit = part.network["dim"] is not None
        return _Source(network, part.network, part.size, part.weight, _trunk(part.network), to_fit)
    encoder, name = load_encoder(part.encoder, device="cpu", runtime="torch"), current_name(part.encoder)
    if not isinstance(encoder, CheckpointEncoder):
        raise DataError(f"{part.encoder}: has no network that twinlens train wrote. Name small, or a folder")
    spec = encoder.architecture["network"]
    lenders: tuple[Lender, ...] = ()
    if name in SHIPPED:
        inside = "" if part.part is None else f"parts.{part.part}."
        lenders = (FromEncoder("", name, encoder.fingerprint, inside),)
    if part.part is not None:
        taken = spec["parts"][part.part]
        network = encoder.network.get_submodule(f"parts.{part.part}")
        return _Source(network, taken["network"], taken["size"], part.weight, (*_trunk(taken["network"]), *lenders))
    return _Source(encoder.network, spec, encoder.input_size, part.weight, lenders or _trunk(spec))


def _trunk(spec: dict[str, Any]) -> tuple[Lender, ...]:
    """Who provides the trunk of a network, if it has one of a package."""
    if spec["kind"] != "efficientnet_lite":
        return ()
    return (FromPackage("trunk.", PACKAGES[spec["variant"]]),)


def _batches(paths: Sequence[Path], size: int, advance: Callable[[int, int], None]) -> Iterator[NDArray[np.uint8]]:
    done = 0
    for batch in chunks(paths, _BATCH):
        yield np.stack([squash(load_picture(path, target=size), size) for path in batch])
        done += len(batch)
        advance(done, len(paths))


def _fit_layer(layer: nn.Module, rows: Floats, whitening: float) -> Floats:
    """Make a linear layer the principal axes of rows, and return what it maps them to."""
    assert isinstance(layer, torch.nn.Linear)
    weight, bias = principal_projection(rows, layer.out_features, whitening)
    _set_layer(layer, weight, bias)
    mapped: Floats = rows @ weight.T + bias
    return mapped


@torch.no_grad()
def _set_layer(layer: torch.nn.Linear, weight: Floats, bias: Floats) -> None:
    layer.weight.copy_(torch.from_numpy(weight))
    layer.bias.copy_(torch.from_numpy(bias))


def _lenders(sources: Sequence[_Source]) -> list[Lender]:
    return [
        replace(lender, prefix=f"parts.{place}.{lender.prefix}")
        for place, source in enumerate(sources)
        for lender in source.lenders
    ]


def _card(config: CombineConfig, paths: Sequence[Path]) -> dict[str, Any]:
    # The card travels into every index: it names the folder of a part, and not where that lies on this machine.
    named = [replace(part, encoder=part.encoder and Path(part.encoder).name) for part in config.parts]
    return {
        "made_with": f"indexer.training.combining, torch {torch.__version__}",
        "date": utc_today(),
        "recipe": config.name,
        "fitted_to": {"pictures": len(paths), "folders": sorted({path.parent.parent.name for path in paths})},
        "never_opened": list(config.held_out),
        "config": asdict(replace(config, parts=tuple(named))),
    }


def main(arguments: Sequence[str] | None = None) -> None:
    """Make an encoder from the command line."""
    parser = argparse.ArgumentParser(description="Make one encoder of several networks, fitted to pictures.")
    parser.add_argument("recipe", choices=combination_names())
    parser.add_argument("pictures", type=Path, help="folder of pictures, SET/CLASS/FILE")
    parser.add_argument("--out", type=Path, required=True, help="folder to write")
    parser.add_argument(
        "--part", action="append", default=[], metavar="N=ENCODER", help="an encoder in place of a part"
    )
    parser.add_argument("--hold-out", action="append", metavar="FOLDER", help="do not open the pictures of this folder")
    options = parser.parse_args(arguments)
    config = load_combination(options.recipe)
    config = without_folders(config, options.hold_out or config.held_out)
    parts = list(config.parts)
    try:
        for word in options.part:
            place, _, encoder = word.partition("=")
            if not place.isdigit() or int(place) >= len(parts) or not encoder:
                parser.error(f"--part {word}: must be N=ENCODER, with N from 0 to {len(parts) - 1}")
            parts[int(place)] = PartConfig(encoder=encoder, weight=parts[int(place)].weight)
        encoder = combine(options.pictures, options.out, replace(config, parts=tuple(parts)), advance=_show)
    except TwinlensError as error:
        parser.exit(1, f"error: {error}\n")
    size = sum(file.stat().st_size for file in options.out.iterdir() if file.is_file())
    sys.stdout.write(f"\n{options.out}: {encoder.dim} dimensions, {size / 2**20:.1f} MiB, {encoder.fingerprint}\n")


def _show(done: int, total: int) -> None:
    sys.stdout.write(f"\r{done} of {total} pictures")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
