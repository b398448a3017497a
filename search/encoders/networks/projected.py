"""`{"kind": "backbone", ...}`: a network of torchvision or timm under a head that maps its features to `dim`.

    {"kind": "backbone", "name": "timm:mobilenetv4_conv_small", "dim": 128, "head": "mlp", "frozen": true}

Built with random weights, or, where a training begins, with the library's pretrained ones. A saved encoder carries all
its weights, those of a frozen backbone too, and is built again with no download.
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

    Pictures come with ImageNet's mean and deviation, as all networks of `search.encoders.networks` are shown them. For
    a backbone whose pretrained weights were made with others, `scale` and `shift` turn one into the other.

    Frozen, the backbone stays in evaluation mode whatever `train()` says, so that its batch normalisation keeps the
    statistics it was pretrained with, and computes no gradients; only the head learns.
    """

    scale: Tensor
    shift: Tensor

    def __init__(
        self, *, name: str, dim: int = 128, head: str = "linear", frozen: bool = False, pretrained: bool = False
    ) -> None:
        """`pretrained` downloads the library's weights, or takes them from its own cache.

        Raises:
            ValueError: a name without `torchvision:` or `timm:`, an unknown head, or a `dim` below 1.
            EncoderError: the library does not know the model, or its weights cannot be fetched.
        """
        super().__init__()
        if head not in HEADS or dim < 1:
            raise ValueError(f"head {head!r} and dim {dim} make no network: a head is {' or '.join(HEADS)}")
        self.backbone, preprocessing = _made(name, pretrained=pretrained)
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
        shown = pictures * self.scale + self.shift
        if self.frozen:
            with torch.no_grad():
                features = self.backbone(shown)
        else:
            features = self.backbone(shown)
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


def _from_imagenet(wanted: Preprocessing) -> tuple[Tensor, Tensor]:
    """`scale` and `shift`, `(1, 3, 1, 1)` each: 1 and 0 exactly where the backbone wants ImageNet's own."""
    mean, std = torch.tensor(IMAGENET_MEAN), torch.tensor(IMAGENET_STD)
    own_mean, own_std = torch.tensor(wanted.mean), torch.tensor(wanted.std)
    return (std / own_std).view(1, 3, 1, 1), ((mean - own_mean) / own_std).view(1, 3, 1, 1)


def _known(name: str) -> tuple[type[BackboneEncoder], str]:
    family, _, model = name.partition(":")
    if family not in ("torchvision", "timm") or not model:
        raise ValueError(f"a backbone is called torchvision:NAME or timm:NAME, not {name!r}")
    found = family_class(family)
    assert issubclass(found, BackboneEncoder)
    return found, model


def _made(name: str, *, pretrained: bool) -> tuple[nn.Module, Preprocessing]:
    family, model = _known(name)
    if not pretrained:
        return family.build(model)
    try:
        return family.fetch(model)
    except EncoderError:
        raise
    except Exception as error:  # Hubs raise what their HTTP library of the day raises.
        raise EncoderError(
            f"the pretrained weights of {name} could not be fetched ({type(error).__name__}: {error}). Try again with "
            'a network, or put "pretrained": false into the spec of the network to begin with random weights'
        ) from error
