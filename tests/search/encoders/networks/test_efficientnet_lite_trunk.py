"""The layers of EfficientNet-Lite against timm's: names, weights, maps, gradients."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from search.encoders.networks.efficientnet_lite_trunk import SCALES, LiteTrunk

timm = pytest.importorskip("timm")
ROOT = Path(__file__).parents[4]


def pair(variant: str, last: int | None = None):
    """timm's network, and ours with its weights, which load only if every name and shape is the same."""
    torch.manual_seed(0)
    reference = timm.create_model(f"tf_efficientnet_{variant}", num_classes=0, pretrained=False)
    for module in reference.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            for values in (module.weight, module.bias, module.running_mean):
                torch.nn.init.normal_(values, 0.5, 0.2)
            torch.nn.init.uniform_(module.running_var, 0.5, 2.0)
    own = LiteTrunk(variant, last)
    state = reference.state_dict()
    own.load_state_dict({name: each for name, each in state.items() if last is None or name in own.state_dict()})
    assert list(own.state_dict()) == [name for name in state if name in own.state_dict()]  # weights go by their order
    return reference, own


@pytest.mark.thinned(3)
@pytest.mark.parametrize("variant", SCALES)
@pytest.mark.parametrize("size", [32, 45, 96])
@torch.inference_mode()
def test_the_maps_are_those_of_timm_bit_by_bit(variant: str, size: int) -> None:
    reference, own = (each.eval() for each in pair(variant))
    assert list(own.state_dict()) == list(reference.state_dict())
    assert own.num_features == reference.num_features
    pictures = torch.randn(2, 3, size, size)
    assert torch.equal(own.forward_features(pictures), reference.forward_features(pictures))


@pytest.mark.thinned(3)
@pytest.mark.parametrize("last", range(7))
@torch.inference_mode()
def test_a_trunk_that_ends_early_has_the_maps_of_its_last_stage(last: int) -> None:
    reference, own = (each.eval() for each in pair("lite2", last))
    pictures = torch.randn(1, 3, 64, 64)
    maps = reference.blocks[: last + 1](reference.bn1(reference.conv_stem(pictures)))
    assert torch.equal(own.forward_features(pictures), maps)
    assert own.num_features == maps.shape[1]


def test_gradients_and_running_means_are_those_of_timm_in_training() -> None:
    reference, own = (each.train() for each in pair("lite0"))
    pictures = torch.randn(4, 3, 64, 64)
    for network in (reference, own):
        network.forward_features(pictures).square().mean().backward()
    for (name, expected), (_, actual) in zip(reference.named_parameters(), own.named_parameters(), strict=True):
        torch.testing.assert_close(actual.grad, expected.grad, msg=lambda text, name=name: f"{name}: {text}")
    for name, expected in reference.named_buffers():
        torch.testing.assert_close(own.get_buffer(name), expected)


@torch.inference_mode()
def test_random_weights_keep_the_variance() -> None:
    torch.manual_seed(0)
    maps = LiteTrunk("lite0").eval().forward_features(torch.randn(2, 3, 64, 64))
    assert 1e-3 < float(maps.std()) < 1e3


def test_the_default_encoder_is_loaded_without_timm_and_torchvision() -> None:
    code = (
        "import sys; from search.encoders import load_encoder; load_encoder('photo', device='cpu', runtime='torch'); "
        "assert not {'timm', 'torchvision', 'torch._dynamo'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)
