import copy

import numpy as np
import pytest
import torch
from PIL import Image

from search.encoders.networks import build_network
from search.encoders.networks.projected import ProjectedBackbone
from search.encoders.preprocessing import IMAGENET_MEAN, IMAGENET_STD
from search.encoders.torchvision_backbones import TorchvisionEncoder
from search.errors import EncoderError

RESNET = {"kind": "backbone", "name": "torchvision:resnet18", "dim": 6}
TIMM = {"kind": "backbone", "name": "timm:test_resnet.r160_in1k", "dim": 6}


def state_of(module: torch.nn.Module) -> dict[str, torch.Tensor]:
    return {key: tensor.clone() for key, tensor in module.state_dict().items()}


def changed(module: torch.nn.Module, before: dict[str, torch.Tensor]) -> set[str]:
    return {key for key, tensor in module.state_dict().items() if not torch.equal(tensor, before[key])}


def one_step(network: torch.nn.Module) -> None:
    network.train()
    trained = [each for each in network.parameters() if each.requires_grad]
    optimizer = torch.optim.SGD(trained, lr=0.1)
    network(torch.randn(4, 3, 32, 32)).square().sum().backward()
    optimizer.step()


@pytest.mark.parametrize("head", ["linear", "mlp"])
@pytest.mark.parametrize("spec", [RESNET, TIMM], ids=["torchvision", "timm"])
def test_any_size_gives_one_vector(spec: dict[str, object], head: str) -> None:
    network = build_network({**spec, "head": head}).eval()
    for size in (32, 47):
        assert network(torch.rand(2, 3, size, size)).shape == (2, 6)


def test_a_frozen_backbone_does_not_change_and_the_head_learns() -> None:
    network = build_network({**RESNET, "head": "mlp", "frozen": True})
    before = state_of(network)
    one_step(network)
    assert network.training
    assert not any(module.training for module in network.backbone.modules())
    assert all(module.training for module in network.head.modules())
    assert {key.split(".")[0] for key in changed(network, before)} == {"head"}
    assert not any(each.requires_grad for each in network.backbone.parameters())
    assert all(each.requires_grad for each in network.head.parameters())


def test_a_fine_tuned_backbone_changes_in_all_layers() -> None:
    network = build_network(RESNET)
    before = state_of(network)
    one_step(network)
    assert {"backbone.conv1.weight", "backbone.bn1.running_mean", "head.weight"} <= changed(network, before)
    assert all(module.training for module in network.modules())


def test_a_copy_of_a_frozen_backbone_is_frozen() -> None:
    network = copy.deepcopy(build_network({**RESNET, "frozen": True})).train()
    assert not network.backbone.training


def test_a_frozen_backbone_computes_no_gradient() -> None:
    network = build_network({**RESNET, "frozen": True})
    pictures = torch.rand(2, 3, 32, 32, requires_grad=True)
    network(pictures).sum().backward()
    assert pictures.grad is None


def test_the_state_is_complete_whether_frozen_or_not() -> None:
    frozen, tuned = build_network({**RESNET, "frozen": True}), build_network(RESNET)
    assert frozen.state_dict().keys() == tuned.state_dict().keys()
    tuned.load_state_dict(frozen.state_dict())
    pictures = torch.rand(2, 3, 32, 32)
    torch.testing.assert_close(tuned.eval()(pictures), frozen.eval()(pictures))


def test_a_backbone_gets_the_normalisation_of_its_own_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    """A model with mean and deviation 0.5 gets pixels from -1 to 1, although the encoder normalises by ImageNet's."""
    from search.encoders import timm_backbones
    from search.encoders.preprocessing import Preprocessing

    half = Preprocessing.of(8, (0.5,) * 3, (0.5,) * 3)
    flat = torch.nn.Flatten()
    monkeypatch.setattr(timm_backbones.TimmEncoder, "build", classmethod(lambda cls, model: (flat, half)))
    network = ProjectedBackbone(name="timm:any", dim=192)
    network.head = torch.nn.Identity()
    pixels = np.asarray(Image.linear_gradient("L").resize((8, 8)).convert("RGB")) / 255
    shown = torch.from_numpy(((pixels - IMAGENET_MEAN) / IMAGENET_STD).transpose(2, 0, 1)[None].copy()).float()
    expected = torch.from_numpy((pixels - 0.5) / 0.5).permute(2, 0, 1)[None].float().flatten(1)
    torch.testing.assert_close(network(shown), expected, atol=1e-6, rtol=0)


def test_imagenets_normalisation_is_passed_through_exactly() -> None:
    network = build_network(RESNET)
    assert torch.equal(network.scale, torch.ones(1, 3, 1, 1))
    assert torch.equal(network.shift, torch.zeros(1, 3, 1, 1))


@pytest.mark.slow
def test_weights_are_downloaded_only_to_start_a_training(monkeypatch: pytest.MonkeyPatch) -> None:
    fetched = []

    def fetch(cls: type[TorchvisionEncoder], model: str):  # type: ignore[no-untyped-def]
        fetched.append(model)
        network, preprocessing = cls.build(model)
        torch.nn.init.constant_(network.conv1.weight, 0.25)
        return network, preprocessing

    monkeypatch.setattr(TorchvisionEncoder, "fetch", classmethod(fetch))
    build_network(RESNET)
    build_network({**RESNET, "pretrained": True})
    build_network({**RESNET, "pretrained": False}, pretrained=True)
    build_network({"kind": "mlp", "size": 4}, pretrained=True)
    assert fetched == []
    network = build_network({**RESNET, "frozen": True}, pretrained=True)
    assert fetched == ["resnet18"]
    assert (network.backbone.conv1.weight == 0.25).all()


def test_a_missing_network_connection_is_reported_with_a_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    def fetch(cls: type[TorchvisionEncoder], model: str) -> None:
        raise OSError("name resolution failed")

    monkeypatch.setattr(TorchvisionEncoder, "fetch", classmethod(fetch))
    with pytest.raises(EncoderError, match=r"torchvision:resnet18.*name resolution.*\"pretrained\": false"):
        build_network(RESNET, pretrained=True)


def test_invalid_names_and_heads() -> None:
    for wrong, said in (
        ({"name": "resnet18"}, "torchvision:NAME or timm:NAME"),
        ({"name": "timm:"}, "torchvision:NAME or timm:NAME"),
        ({"name": "openclip:x"}, "torchvision:NAME or timm:NAME"),
        ({"head": "bicycle"}, "linear or mlp"),
        ({"dim": 0}, "dim 0"),
    ):
        with pytest.raises(ValueError, match=said):
            build_network({**RESNET, **wrong})
    with pytest.raises(EncoderError, match="Similar names"):
        build_network({**RESNET, "name": "torchvision:resnet1"})
    with pytest.raises(TypeError, match="name"):
        build_network({"kind": "backbone"})
