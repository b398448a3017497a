import json

import pytest
import torch

from search.encoders.networks import build_network
from search.encoders.resnet import BasicBlock, GeM, ResNet

SPEC = {"kind": "resnet", "stem": 4, "widths": [4, 6, 8], "depths": [1, 2, 1], "pooled": 2, "dim": 5}


@pytest.mark.parametrize("size", [16, 33, 40, 64])
def test_any_size_of_picture(size: int) -> None:
    network = build_network(SPEC).eval()
    assert network(torch.rand(2, 3, size, size)).shape == (2, 5)


def test_a_spec_survives_json_and_gives_the_same_state() -> None:
    again = build_network(json.loads(json.dumps(SPEC)))
    assert {k: v.shape for k, v in build_network(SPEC).state_dict().items()} == {
        k: v.shape for k, v in again.state_dict().items()
    }


def test_gem_is_the_average_and_nearly_the_maximum() -> None:
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


def test_a_block_halves_upward_and_keeps_a_plain_shortcut() -> None:
    assert BasicBlock(3, 5, 2)(torch.rand(1, 3, 7, 7)).shape == (1, 5, 4, 4)
    block = BasicBlock(3, 3)
    assert isinstance(block.shortcut, torch.nn.Identity)


def test_the_builtin_network_is_small() -> None:
    from indexer.training import load_recipe

    network = build_network(load_recipe("builtin").network)
    assert sum(tensor.numel() * tensor.element_size() for tensor in network.state_dict().values()) < 12 * 2**20


def test_specs_that_make_no_network() -> None:
    with pytest.raises(KeyError):
        build_network({"kind": "perceptron"})
    with pytest.raises(KeyError):
        build_network({})
    with pytest.raises(TypeError):
        build_network({"kind": "resnet", "colour": 3})
    for wrong in ({"depths": (1,)}, {"pooled": 0}, {"pooled": 4}, {"dim": 0}):
        with pytest.raises(ValueError, match="make no network"):
            ResNet(**{"widths": (4, 4, 4), "depths": (1, 1, 1), **wrong})
