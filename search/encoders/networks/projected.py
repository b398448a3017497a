"""`{"kind": "backbone", ...}`: a network of torchvision or timm with a head that maps its features to `dim`.

    {"kind": "backbone", "name": "timm:mobilenetv4_conv_small", "dim": 128, "head": "mlp", "frozen": true}

It is built with random weights or, to start a training, with the library's pretrained ones. A saved encoder contains
all its weights, including those of a frozen backbone, and is rebuilt without a download.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from search.encoders import family_class
from search.encoders.backbone_base import BackboneEncoder, feature_dim
from search.encoders.preprocessing import IMAGENET_MEAN, IMAGENET_STD
from search.errors import EncoderError

if TYPE_CHECKING:
    from search.encoders.preprocessing import Preprocessing

HEADS = ("linear", "mlp")


class ProjectedBackbone(nn.Module):
    """`(B, 3, S, S) float32 -> (B, dim)`, not unit length; S is any size that the backbone takes.

    Pictures are normalised by ImageNet's mean and deviation, as for all networks of `search.encoders.networks`. If the
    pretrained weights of a backbone expect other values, `scale` and `shift` convert.

    A frozen backbone stays in evaluation mode whatever `train()` says, so that its batch normalisation keeps the
    pretrained statistics, and it computes no gradients; only the head learns.
    """

    scale: Tensor
    shift: Tensor

    def __init__(
        self, *, name: str, dim: int = 128, head: str = "linear", frozen: bool = False, pretrained: bool = False
    ) -> None:
        """Build the backbone and its head; `pretrained` downloads the library's weights, or reads them from its cache.

        Raises:
            ValueError: the name lacks `torchvision:` or `timm:`, the head is unknown, or `dim` is below 1.
            EncoderError: the library does not know the model, or its weights cannot be downloaded.
        """
        super().__init__()
        if head not in HEADS or dim < 1:
            raise ValueError(f"head {head!r} and dim {dim} do not define a network: a head is {' or '.join(HEADS)}")
        self.backbone, preprocessing = _build(name, pretrained=pretrained)
        features = feature_dim(name, self.backbone, preprocessing.input_size)
        scale, shift = _from_imagenet(preprocessing)
        self.register_buffer("scale", scale)
        self.register_buffer("shift", shift)
        self.head = _linear(features, dim) if head == "linear" else _mlp(features, dim)
        self.frozen = frozen
        if frozen:
            self.backbone.requires_grad_(False)
        self.train()

    def forward(self, pictures: Tensor) -> Tensor:
        """Embed pictures `(B, 3, S, S)` normalised by ImageNet's mean and deviation."""
        converted = pictures * self.scale + self.shift
        if self.frozen:
            with torch.no_grad():
                features = self.backbone(converted)
        else:
            features = self.backbone(converted)
        vectors: Tensor = self.head(features)
        return vectors

    def train(self, mode: bool = True) -> ProjectedBackbone:
        """Set the mode; a frozen backbone stays in evaluation mode."""
        super().train(mode)
        if self.frozen:
            self.backbone.eval()
        return self


def _linear(features: int, dim: int) -> nn.Module:
    return nn.Linear(features, dim)


def _mlp(features: int, dim: int) -> nn.Module:
    """One hidden layer as wide as the features.

    Source: Chen et al., "A Simple Framework for Contrastive Learning of Visual Representations", ICML 2020.
    """
    return nn.Sequential(
        nn.Linear(features, features, bias=False),
        nn.BatchNorm1d(features),
        nn.ReLU(inplace=True),
        nn.Linear(features, dim),
    )


def _from_imagenet(preprocessing: Preprocessing) -> tuple[Tensor, Tensor]:
    """`scale` and `shift`, `(1, 3, 1, 1)` each: exactly 1 and 0 if the backbone expects ImageNet's values."""
    mean, std = torch.tensor(IMAGENET_MEAN), torch.tensor(IMAGENET_STD)
    own_mean, own_std = torch.tensor(preprocessing.mean), torch.tensor(preprocessing.std)
    return (std / own_std).view(1, 3, 1, 1), ((mean - own_mean) / own_std).view(1, 3, 1, 1)


def _family_and_model(name: str) -> tuple[type[BackboneEncoder], str]:
    family, _, model = name.partition(":")
    if family not in ("torchvision", "timm") or not model:
        raise ValueError(f"the name of a backbone must be torchvision:NAME or timm:NAME, not {name!r}")
    encoder_class = family_class(family)
    assert issubclass(encoder_class, BackboneEncoder)
    return encoder_class, model


def _build(name: str, *, pretrained: bool) -> tuple[nn.Module, Preprocessing]:
    family, model = _family_and_model(name)
    if not pretrained:
        return family.build(model)
    try:
        return family.fetch(model)
    except EncoderError:
        raise
    except Exception as error:  # model hubs raise the exceptions of whichever HTTP library they use
        raise EncoderError(
            f"the pretrained weights of {name} could not be downloaded ({type(error).__name__}: {error}). Try again "
            'with a network connection, or set "pretrained": false in the spec of the network to start from random '
            "weights"
        ) from error
