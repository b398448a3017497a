import json

import numpy as np
import pytest
import torch

from search.encoders.networks import build_network
from search.encoders.networks.combined import Combined

FIRST = {"kind": "resnet", "stem": 4, "widths": [4, 6], "depths": [1, 1], "dim": 5}
SECOND = {"kind": "joined", "learned": {**FIRST, "dim": 3}, "weights": [0.6, 0.2, 0.2], "dim": 4}
PARTS = [
    {"network": FIRST, "size": 48, "dim": 5, "weight": 0.7},
    {"network": SECOND, "size": 16, "dim": 4, "weight": 0.3},
]
SPEC = {"kind": "combined", "parts": PARTS, "dim": 9}


def pictures(count: int, size: int = 48) -> torch.Tensor:
    return torch.randn(count, 3, size, size, generator=torch.Generator().manual_seed(7))


@torch.inference_mode()
def test_squared_distances_are_the_weighted_sum_of_those_of_the_parts() -> None:
    network = build_network(SPEC).eval()
    given = pictures(3)
    rows = network(given).numpy()
    small = given.numpy().reshape(3, 3, 16, 3, 16, 3).mean(axis=(3, 5))  # each pixel the mean of three by three
    first = network.parts[0](given).numpy()
    second = network.parts[1](torch.from_numpy(small)).numpy()
    units = [part / np.linalg.norm(part, axis=1, keepdims=True) for part in (first, second)]
    for a, b in ((0, 1), (0, 2), (1, 2)):
        expected = 0.7 * ((units[0][a] - units[0][b]) ** 2).sum() + 0.3 * ((units[1][a] - units[1][b]) ** 2).sum()
        assert ((rows[a] - rows[b]) ** 2).sum() == pytest.approx(expected, abs=1e-5)
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1.0, atol=1e-6)


@torch.inference_mode()
def test_a_smaller_dimension_is_a_linear_map_with_a_bias() -> None:
    network = build_network({**SPEC, "dim": 2}).eval()
    rows = network.combined(pictures(2))
    expected = rows.numpy() @ network.projection.weight.numpy().T + network.projection.bias.numpy()
    np.testing.assert_allclose(network(pictures(2)).numpy(), expected, atol=1e-6)
    assert not any(key.startswith("projection") for key in build_network(SPEC).state_dict())


@torch.inference_mode()
def test_a_size_that_does_not_divide_is_resized_with_antialiasing() -> None:
    parts = [PARTS[0], {**PARTS[1], "size": 20}]
    network = build_network({**SPEC, "parts": parts}).eval()
    assert network(pictures(1)).shape == (1, 9)
    stripes = torch.zeros(1, 3, 48, 48)
    stripes[..., ::2] = 1.0
    assert (network.parts[1](torch.full((1, 3, 20, 20), 0.5)) - network.parts[1](resize(stripes, 20))).abs().max() < 0.2


def resize(given: torch.Tensor, size: int) -> torch.Tensor:
    from search.encoders.networks.pooling import resized

    return resized(given, size)


def test_a_spec_survives_json_and_gives_the_same_state() -> None:
    again = build_network(json.loads(json.dumps(SPEC)))
    assert {k: v.shape for k, v in build_network(SPEC).state_dict().items()} == {
        k: v.shape for k, v in again.state_dict().items()
    }


def test_parts_are_pretrained_only_on_request() -> None:
    lite = {"kind": "efficientnet_lite", "variant": "lite0", "pooled": ["mean"], "dim": 5}
    spec = {**SPEC, "parts": [{**PARTS[0], "network": lite}, PARTS[1]]}
    stems = [build_network(spec, pretrained=asked).parts[0].trunk.conv_stem.weight for asked in (False, True, True)]
    assert not torch.equal(stems[0], stems[1])
    assert torch.equal(stems[1], stems[2])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"parts": []}, "weights"),
        ({"parts": [{**PARTS[0], "weight": 0.5}, PARTS[1]]}, "weights sum to 1"),
        ({"parts": [{**PARTS[0], "weight": 1.3}, {**PARTS[1], "weight": -0.3}]}, "positive"),
        ({"parts": [{**PARTS[0], "size": 0}, PARTS[1]]}, "positive"),
        ({"dim": 10}, "from 1 to 9"),
        ({"dim": 0}, "from 1 to 9"),
    ],
)
def test_invalid_specs(change: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        build_network({**SPEC, **change})


def test_pictures_of_another_size_are_an_error() -> None:
    with pytest.raises(ValueError, match="48 pixels, not 32"):
        build_network(SPEC).eval()(pictures(1, 32))


def test_one_part_alone_is_its_unit_vector() -> None:
    network = build_network({"kind": "combined", "parts": [{**PARTS[0], "weight": 1.0}], "dim": 5}).eval()
    assert isinstance(network, Combined)
    expected = torch.nn.functional.normalize(network.parts[0](pictures(2)))
    torch.testing.assert_close(network(pictures(2)), expected)
