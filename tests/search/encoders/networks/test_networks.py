import json

import pytest
import torch

from search.encoders.networks import build_network
from search.encoders.networks.pooling import GeM
from search.encoders.networks.resnet import BasicBlock, ResNet

SPEC = {"kind": "resnet", "stem": 4, "widths": [4, 6, 8], "depths": [1, 2, 1], "pooled": 2, "dim": 5}


@pytest.mark.parametrize("size", [16, 33, 40, 64])
def test_any_size_of_picture(size: int) -> None:
    network = build_network(SPEC).eval()
    assert network(torch.rand(2, 3, size, size)).shape == (2, 5)


@pytest.mark.parametrize(("shrink", "side"), [(1, 28), (2, 14), (4, 7)])
def test_a_stem_downsamples_by_shrink(shrink: int, side: int) -> None:
    network = build_network({**SPEC, "shrink": shrink}).eval()
    assert network.stem(torch.rand(1, 3, 28, 28)).shape == (1, 4, side, side)
    assert network(torch.rand(2, 3, 28, 28)).shape == (2, 5)
    assert network.state_dict().keys() == build_network(SPEC).state_dict().keys()
    with pytest.raises(ValueError, match="shrink 3"):
        build_network({**SPEC, "shrink": 3})


def test_a_spec_survives_json_and_gives_the_same_state() -> None:
    again = build_network(json.loads(json.dumps(SPEC)))
    assert {k: v.shape for k, v in build_network(SPEC).state_dict().items()} == {
        k: v.shape for k, v in again.state_dict().items()
    }


def test_gem_ranges_from_the_mean_to_nearly_the_maximum() -> None:
    maps = torch.rand(2, 3, 4, 5)
    torch.testing.assert_close(GeM(1.0)(maps), maps.mean(dim=(2, 3)))
    torch.testing.assert_close(GeM(200.0)(maps + 0.5), (maps + 0.5).amax(dim=(2, 3)), rtol=0.03, atol=0)
    cubes = (maps[1, 2].double() ** 3).mean() ** (1 / 3)
    assert float(GeM(3.0)(maps)[1, 2].detach()) == pytest.approx(float(cubes), rel=1e-5)


def test_gem_has_a_gradient_at_zero() -> None:
    pool, maps = GeM(), torch.zeros(1, 2, 3, 3, requires_grad=True)
    pool(maps).sum().backward()
    assert torch.isfinite(maps.grad).all()
    assert torch.isfinite(pool.p.grad)


def test_a_block_halves_rounding_up_and_keeps_a_plain_shortcut() -> None:
    assert BasicBlock(3, 5, 2)(torch.rand(1, 3, 7, 7)).shape == (1, 5, 4, 4)
    block = BasicBlock(3, 3)
    assert isinstance(block.shortcut, torch.nn.Identity)


def test_the_network_of_small_is_small() -> None:
    from indexer.training import load_recipe

    network = build_network(load_recipe("small").network)
    assert sum(tensor.numel() * tensor.element_size() for tensor in network.state_dict().values()) < 12 * 2**20


def test_invalid_specs() -> None:
    with pytest.raises(KeyError):
        build_network({"kind": "perceptron"})
    with pytest.raises(KeyError):
        build_network({})
    with pytest.raises(TypeError):
        build_network({"kind": "resnet", "colour": 3})
    with pytest.raises(TypeError, match="size"):
        build_network({"kind": "mlp"})
    for wrong in ({"depths": (1,)}, {"pooled": 0}, {"pooled": 4}, {"dim": 0}):
        with pytest.raises(ValueError, match="not define a network"):
            ResNet(**{"widths": (4, 4, 4), "depths": (1, 1, 1), **wrong})


def test_a_perceptron_matches_matrices_and_relu() -> None:
    network = build_network({"kind": "mlp", "size": 6, "widths": [9, 5], "dim": 2}).eval()
    pictures = torch.rand(4, 3, 6, 6)
    first, second, third = (layer for layer in network.layers if isinstance(layer, torch.nn.Linear))
    hidden = (pictures.reshape(4, -1) @ first.weight.T + first.bias).clamp(min=0)
    hidden = (hidden @ second.weight.T + second.bias).clamp(min=0)
    torch.testing.assert_close(network(pictures), hidden @ third.weight.T + third.bias)
    assert (first.in_features, third.out_features) == (108, 2)


SMALL = [
    {"kind": "mlp", "size": 12, "widths": [7], "dim": 3},
    {"kind": "mlp", "size": 12, "widths": [], "dim": 3},
    {"kind": "cnn", "size": 12, "widths": [4, 6], "hidden": [7], "dropout": 0.2, "dim": 3},
    {"kind": "cnn", "size": 13, "widths": [4], "kernel": 5, "hidden": [], "dim": 3},
]


@pytest.mark.parametrize("gray", [False, True])
@pytest.mark.parametrize("spec", SMALL)
def test_small_networks_are_independent_of_the_memory_format(spec: dict[str, object], gray: bool) -> None:
    network = build_network({**spec, "gray": gray}).eval()
    pictures = torch.rand(5, 3, spec["size"], spec["size"])
    vectors = network(pictures)
    assert vectors.shape == (5, 3)
    torch.testing.assert_close(network(pictures.contiguous(memory_format=torch.channels_last)), vectors)


@pytest.mark.parametrize("spec", [SMALL[0], SMALL[2]])
def test_gray_networks_average_the_channels(spec: dict[str, object]) -> None:
    network = build_network({**spec, "gray": True}).eval()
    pictures = torch.rand(2, 3, 12, 12)
    means = pictures.mean(dim=1, keepdim=True).expand(-1, 3, -1, -1)
    torch.testing.assert_close(network(pictures), network(means))
    assert not torch.allclose(network(pictures), network(torch.rand(2, 3, 12, 12)))


def test_dropout_is_active_only_in_training() -> None:
    network = build_network(SMALL[2])
    pictures = torch.rand(4, 3, 12, 12)
    assert not torch.equal(network.train()(pictures), network(pictures))
    assert torch.equal(network.eval()(pictures), network(pictures))


def test_a_wrong_size_for_a_small_network_is_reported() -> None:
    for spec in (SMALL[0], SMALL[2]):
        with pytest.raises(ValueError, match="12x12 pixels"):
            build_network(spec)(torch.rand(1, 3, 16, 16))


@pytest.mark.parametrize("wrong", [{"size": 0}, {"dim": 0}, {"widths": [0]}, {"dropout": 1.0}, {"dropout": -0.1}])
@pytest.mark.parametrize("spec", [SMALL[0], SMALL[2]])
def test_invalid_specs_of_small_networks(spec: dict[str, object], wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="not define a network"):
        build_network({**spec, **wrong})


@pytest.mark.parametrize("wrong", [{"kernel": 2}, {"hidden": [0]}, {"widths": [4] * 4}])
def test_invalid_convolutions(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="not define a network"):
        build_network({**SMALL[2], **wrong})


def test_a_grid_preserves_positions() -> None:
    spec = {"kind": "resnet", "stem": 4, "widths": [4, 8], "depths": [1, 1], "pooled": 2, "dim": 6}
    network = build_network({**spec, "grid": 2}).eval()
    assert network.embedding.in_features == 4 + 4 * 8
    maps = torch.rand(3, 8, 4, 4)
    by_hand = torch.stack([maps[:, :, y : y + 2, x : x + 2].mean(dim=(2, 3)) for y in (0, 2) for x in (0, 2)], dim=2)
    torch.testing.assert_close(network.pools[-1](maps), by_hand.flatten(1))
    assert network(torch.rand(2, 3, 32, 32)).shape == (2, 6)
    with pytest.raises(ValueError, match="grid 0"):
        build_network({**spec, "grid": 0})
